"""The alert log on the embedded broker: whole carriageways in one batch, the highest revision read back."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from metrla.local.devbroker import DevBroker
from services.alert_detector.alert_log import AlertLog
from shared.alerts.lifecycle.changes import RoadChanges
from shared.events.avro import encode
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertId,
    AlertStatus,
    NetworkId,
    SensorId,
    TrafficAlert,
)
from shared.events.topics import ALERTS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.store.port import Store
from shared.store.url import open_store
from tests.kit.announcements import alert_of

pytestmark = pytest.mark.integration

NOON = datetime(2012, 5, 2, 12, tzinfo=UTC)


def alert(number: int, revision: int = 1, sensors: int = 3) -> TrafficAlert:
    return alert_of(
        NOON,
        alert_id=AlertId(f"congestion-test-{number}"),
        status=AlertStatus.RAISED if revision == 1 else AlertStatus.UPDATED,
        revision=revision,
        message="slow",
        location="I-5 N",
        updated_at=NOON + revision * timedelta(minutes=5),
        affected_sensors=tuple(SensorId(f"{number}-{sensor}") for sensor in range(sensors)),
        confidence_score=1.0,
    )


@dataclass
class Bench:
    producer: AIOKafkaProducer
    store: Store
    log: AlertLog


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with DevBroker() as broker:
        servers = broker.bootstrap_servers
        await ensure_topics(servers, [ALERTS])
        store = open_store(f"sqlite:///{tmp_path / 'store.sqlite'}")
        try:
            async with open_producer(servers, "test") as producer:
                letters = ReaderLetters(servers, "test", Quarantine())
                yield Bench(producer, store, AlertLog(servers, producer, store, "test", letters))
        finally:
            store.close()


async def test_what_was_written_is_read_back_and_stored(bench: Bench) -> None:
    groups = [RoadChanges((alert(number), alert(number + 1000))) for number in range(700)]
    await bench.log.write(groups)
    assert len(await bench.log.read()) == 1400
    assert len(list(bench.store.alerts())) == 1400


async def test_a_carriageway_beyond_one_batch_is_written_all_the_same(bench: Bench) -> None:
    await bench.log.write([RoadChanges(tuple(alert(number, sensors=300) for number in range(150)))])
    assert len(await bench.log.read()) == 150


async def test_the_highest_revision_counts_and_damage_is_passed_over(bench: Bench) -> None:
    await bench.log.write([RoadChanges((alert(1), alert(2)))])
    await bench.log.write([RoadChanges((replace(alert(1, revision=2), message="slower"),))])
    await send_all(bench.producer, [Message(ALERTS.name, b"x", b"damaged"), Message(ALERTS.name, b"y", None)])
    assert {(one.alert_id, one.revision) for one in await bench.log.read()} == {
        ("congestion-test-1", 2),
        ("congestion-test-2", 1),
    }


async def test_an_empty_log_holds_no_alert(bench: Bench) -> None:
    assert await bench.log.read() == []
    assert list(bench.store.alerts()) == []


async def test_an_alert_from_before_there_were_limits_is_cleaned_and_stored(bench: Bench) -> None:
    # A comment with a NUL, which PostgreSQL takes from nobody, once stopped the detector for good.
    comment = AlertAction("a", AlertId("x"), NetworkId("test"), AlertActionKind.COMMENT, NOON, "Eve\x1b]", "x\0y")
    dirty = replace(alert(1), message="slow\0er", actions=(comment,))
    await send_all(bench.producer, [Message(ALERTS.name, b"x", encode(dirty))])
    clean = replace(dirty, message="slower", actions=(replace(comment, operator="Eve]", text="xy"),))
    assert await bench.log.read() == [clean]
    assert list(bench.store.alerts()) == [clean]


async def test_an_alert_that_the_log_does_not_take_spoils_no_other(bench: Bench) -> None:
    huge = replace(alert(1), affected_sensors=tuple(SensorId(f"{number:0200}") for number in range(6_000)))
    with pytest.raises(MessageSizeTooLargeError):
        await bench.log.write([RoadChanges((alert(2),)), RoadChanges((huge,))])
    await bench.log.write([RoadChanges((alert(2),))])
    assert [one.alert_id for one in await bench.log.read()] == ["congestion-test-2"]


async def test_what_the_store_refuses_does_not_hold_up_the_recall(bench: Bench, tmp_path: Path) -> None:
    await bench.log.write([RoadChanges((alert(number),)) for number in range(3)])
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as database:
        database.execute("DELETE FROM traffic_alerts")
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON traffic_alerts WHEN NEW.alert_id = 'congestion-test-1' "
            "BEGIN SELECT RAISE(ABORT, 'not this one'); END"
        )
        database.commit()
    assert len(await bench.log.read()) == 3
    assert {one.alert_id for one in bench.store.alerts()} == {"congestion-test-0", "congestion-test-2"}
