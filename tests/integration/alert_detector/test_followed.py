"""The topics that the alert detector knows as a whole: what is damaged or of the far future is kept, not believed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from metrla.local.devbroker import DevBroker
from services.alert_detector.followed import actions_follower, advisories_follower, clocks_follower
from shared.alerts.actions.alerts import AlertActions
from shared.alerts.advisories.current import CurrentAdvisories
from shared.events.avro import encode
from shared.events.records import (
    AdvisoryId,
    AlertAction,
    AlertActionKind,
    AlertId,
    NetworkId,
    SensorId,
)
from shared.events.topics import ADVISORIES, ALERT_ACTIONS, SENSOR_TIMES, SOURCE_TOPIC, TRAFFIC_EVENTS_DLQ
from shared.kafka.admin import ensure_topics
from shared.kafka.following import read_topic
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.traffic.health.times import ClocksOff, SensorTime, SensorTimes, write_times
from tests.kit.announcements import advisory_of
from tests.kit.until import until

pytestmark = pytest.mark.integration

NOW, FAR = datetime(2026, 3, 2, tzinfo=UTC), datetime(2199, 1, 1, tzinfo=UTC)
TOY = NetworkId("toy")
ADVISORY = advisory_of(NOW, advisory_id=AdvisoryId("good"), network_id=TOY)
ACTION = AlertAction("1", AlertId("a"), TOY, AlertActionKind.COMMENT, NOW, "ada", "seen")
TIMES = SensorTimes(TOY, 0, NOW, NOW, {SensorId("s0"): SensorTime(3000.0, 0, NOW)})


def messages(number: int) -> list[Message]:
    """One good record of each topic and two bad ones."""
    good = [
        Message(ADVISORIES.name, b"good", encode(ADVISORY)),
        Message(ALERT_ACTIONS.name, b"a", encode(ACTION)),
        Message(SENSOR_TIMES.name, b"toy/0", write_times(TIMES)),
    ]
    far = [
        Message(ADVISORIES.name, b"far", encode(replace(ADVISORY, advisory_id=AdvisoryId("far"), starts_at=FAR))),
        Message(ALERT_ACTIONS.name, b"a", encode(replace(ACTION, action_id="2", at=FAR))),
        Message(SENSOR_TIMES.name, b"toy/1", write_times(replace(TIMES, partition=1, as_of=FAR))),
    ]
    damaged = [Message(each.topic, b"x%d" % number, b"what is this") for each in good]
    return [*far, *damaged, *good]


@pytest.fixture
async def servers() -> AsyncIterator[str]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        yield broker.bootstrap_servers


async def test_what_is_damaged_or_of_the_far_future_is_put_aside_at_the_start_and_later(servers: str) -> None:
    current, actions, clocks = CurrentAdvisories(), AlertActions(), ClocksOff()
    letters = ReaderLetters(servers, "test", Quarantine(), settle_s=0.05)
    followers = [
        advisories_follower(servers, "test", current, letters),
        actions_follower(servers, "test", actions, letters),
        clocks_follower(servers, "test", clocks, letters),
    ]
    async with open_producer(servers, "test") as producer:
        await send_all(producer, messages(1))
        running = [asyncio.create_task(one.run()) for one in followers]
        running.append(asyncio.create_task(letters.run()))
        for one in followers:
            await one.caught_up.wait()
        assert letters.quarantine.count == 6
        await send_all(producer, messages(2))
        await until(lambda: letters.quarantine.count == 12, lambda: str(letters.quarantine.told))
    assert [one.advisory_id for one in current.of(TOY)] == ["good"]
    assert clocks.of(TOY) == {"s0"}

    async def all_there() -> bool:
        found = await read_topic(servers, "test", TRAFFIC_EVENTS_DLQ)
        topics = sorted(dict(one.headers)[SOURCE_TOPIC].decode() for one in found)
        return topics == sorted([ADVISORIES.name, ALERT_ACTIONS.name, SENSOR_TIMES.name] * 4)

    await until(all_there, "a letter for each")
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
