"""Dead letters of readers without a group: one for a record, however many instances met it, and however often."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

import pytest

from metrla.local.devbroker import DevBroker
from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.topics import (
    ALERTS,
    DEAD_LETTER_REASON,
    DEAD_LETTER_STAGE,
    SOURCE_OFFSET,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka.admin import ensure_topics
from shared.kafka.deadletter import DECODE
from shared.kafka.following import FOLLOW, TopicFollower, read_topic
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from tests.kit.until import until

pytestmark = pytest.mark.integration

BAD = RejectedEventError(RejectionReason.UNDECODABLE, "why")


@pytest.fixture
async def servers() -> AsyncIterator[str]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with open_producer(broker.bootstrap_servers, "test") as producer:
            await send_all(producer, [Message(ALERTS.name, b"k", value, partition=0) for value in (b"\xff\x00", b"b")])
        yield broker.bootstrap_servers


async def written(servers: str, settled: Sequence[float], records: Sequence[LogRecord]) -> list[LogRecord]:
    """What is on the dead-letter topic after so many instances have met these records."""
    instances = [ReaderLetters(servers, f"test-{at}", Quarantine(), settle_s=s) for at, s in enumerate(settled)]
    running = [asyncio.create_task(one.run()) for one in instances]
    for one in instances:
        for record in (*records, *records):
            one.put(record, BAD, DECODE)
        assert one.quarantine.count == len(records), "once each, however often it is read"
    await until(lambda: not any(one._waiting for one in instances), "all letters to be written")
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    return await read_topic(servers, "test", TRAFFIC_EVENTS_DLQ)


async def test_several_instances_and_restarts_write_one_letter_a_record(servers: str) -> None:
    records = await read_topic(servers, "test", ALERTS)
    letters: list[LogRecord] = []
    for settled in ([0.1, 1.0], [0.05], [0.05]):
        letters = await written(servers, settled, records)
    assert [(letter.key, letter.value) for letter in letters] == [(b"k", b"\xff\x00"), (b"k", b"b")]
    headers = dict(letters[0].headers)
    assert (headers[SOURCE_TOPIC], headers[SOURCE_OFFSET]) == (ALERTS.name.encode(), b"0")
    assert (headers[DEAD_LETTER_REASON], headers[DEAD_LETTER_STAGE]) == (b"undecodable", b"decode")


async def test_a_record_that_claims_to_be_of_the_future_gets_one_letter_as_well(servers: str) -> None:
    (first, _) = await read_topic(servers, "test", ALERTS)
    first.timestamp = int((time.time() + 10 * 365 * 86_400) * 1000)
    letters: list[LogRecord] = []
    for _ in range(2):
        letters = await written(servers, [0.05], [first])
    assert len(letters) == 1


async def test_a_follower_hands_over_what_it_can_and_puts_the_rest_aside(servers: str) -> None:
    known: list[bytes | None] = []

    def take(record: LogRecord) -> None:
        if record.value == b"b":
            raise ZeroDivisionError("this one")
        known.append(record.value)

    def replace(records: Sequence[LogRecord]) -> None:
        known.clear()
        for record in records:
            take(record)

    letters = ReaderLetters(servers, "test", Quarantine(), settle_s=0.05)
    follower = TopicFollower(servers, "test", ALERTS, replace, take, letters)
    running = [asyncio.create_task(each) for each in (follower.run(), letters.run())]
    await follower.caught_up.wait()
    async with open_producer(servers, "test") as producer:
        await send_all(producer, [Message(ALERTS.name, b"k", value, partition=0) for value in (b"b", b"c")])
    await until(lambda: known == [b"\xff\x00", b"c"], lambda: str(known))
    assert letters.quarantine.count == 2
    assert "ZeroDivisionError" in str(letters.quarantine.told)

    async def both() -> bool:
        found = await read_topic(servers, "test", TRAFFIC_EVENTS_DLQ)
        return [dict(one.headers)[DEAD_LETTER_STAGE] for one in found] == [FOLLOW.encode()] * 2

    await until(both, "both letters")
    for task in running:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
