"""Dead letters on the embedded broker: byte for byte, once per source record, whoever wrote them before."""

import random
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import pytest
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError

from metrla.local.devbroker import DevBroker
from shared.events.errors import RejectionReason
from shared.events.topics import (
    DEAD_LETTER_DETAIL,
    DEAD_LETTER_PART,
    DEAD_LETTER_PART_OF,
    DEAD_LETTER_REASON,
    DEAD_LETTER_STAGE,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka import deadletter
from shared.kafka.admin import ensure_topics
from shared.kafka.deadletter import DeadLetter, DeadLetterWriter
from shared.kafka.producer import open_producer, send_all
from shared.kafka.replay import LogRecord, open_reader, read_range
from tests.kit.until import until

pytestmark = pytest.mark.integration

SENT_MS = 1_700_000_000_000
ZERO, ONE = TopicPartition(TRAFFIC_EVENTS.name, 0), TopicPartition(TRAFFIC_EVENTS.name, 1)


@pytest.fixture
async def producer() -> AsyncIterator[AIOKafkaProducer]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with open_producer(broker.bootstrap_servers, "test") as opened:
            yield opened


def bootstrap(producer: AIOKafkaProducer) -> str:
    (node,) = producer.client.cluster.brokers()
    return f"{node.host}:{node.port}"


def writer(producer: AIOKafkaProducer, *partitions: TopicPartition) -> DeadLetterWriter:
    made = DeadLetterWriter(bootstrap(producer), producer, "test")
    made.expect(partitions)
    return made


def letter(offset: int, partition: int = 0, value: bytes | None = b"\x00\xff") -> DeadLetter:
    record = ConsumerRecord(
        TRAFFIC_EVENTS.name, partition, offset, SENT_MS, 0, b"k", value, None, 1, 2, (("traceparent", b"00"),)
    )
    return DeadLetter(record, RejectionReason.UNDECODABLE, "why")


async def written(producer: AIOKafkaProducer) -> list[LogRecord]:
    dead = TopicPartition(TRAFFIC_EVENTS_DLQ.name, 0)
    async with open_reader(bootstrap(producer), "test") as reader:
        return await read_range(reader, dead, 0, (await reader.end_offsets([dead]))[dead])


async def offsets(producer: AIOKafkaProducer) -> list[int]:
    return [int(dict(record.headers)[SOURCE_OFFSET]) for record in await written(producer)]


async def test_a_dead_letter_is_what_came_and_why(producer: AIOKafkaProducer) -> None:
    await writer(producer, ZERO).write([letter(7), letter(8, value=None)])
    first, second = await written(producer)
    assert (first.key, first.value, second.value) == (b"k", b"\x00\xff", None)
    assert dict(first.headers) == {
        "traceparent": b"00",
        DEAD_LETTER_REASON: b"undecodable",
        DEAD_LETTER_DETAIL: b"why",
        DEAD_LETTER_STAGE: b"decode",
        SOURCE_TOPIC: b"traffic-events",
        SOURCE_PARTITION: b"0",
        SOURCE_OFFSET: b"7",
    }


async def test_what_an_earlier_process_wrote_is_not_written_again(producer: AIOKafkaProducer) -> None:
    await writer(producer, ZERO, ONE).write([letter(7), letter(9), letter(7, partition=1)])
    successor = writer(producer, ZERO, ONE)
    assert [one.source for one in await successor.write([letter(7), letter(8)])] == [("traffic-events", 0, 8)]
    assert await successor.write([letter(9), letter(7, partition=1)]) == []
    assert await offsets(producer) == [7, 9, 7, 8]


@pytest.mark.parametrize("name", [SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET])
@pytest.mark.parametrize("value", [None, b"", b"\xff", b"x", b"9" * 5_000])
async def test_letters_of_strangers_are_passed_over(producer: AIOKafkaProducer, name: str, value: bytes | None) -> None:
    headers = {SOURCE_TOPIC: b"traffic-events", SOURCE_PARTITION: b"0", SOURCE_OFFSET: b"7"} | {name: value}
    await producer.send_and_wait(TRAFFIC_EVENTS_DLQ.name, b"v", headers=list(headers.items()), partition=0)
    assert [one.source for one in await writer(producer, ZERO).write([letter(7)])] == [("traffic-events", 0, 7)]


async def test_partitions_that_come_back_are_looked_up_again(producer: AIOKafkaProducer) -> None:
    subject, other = writer(producer, ZERO), writer(producer)
    await subject.write([letter(1)])
    subject.expect([])
    other.expect([ZERO])
    await other.write([letter(2)])
    subject.expect([ZERO])
    assert [one.record.offset for one in await subject.write([letter(3)])] == [3]
    assert await offsets(producer) == [1, 2, 3]


class HeldUp(DeadLetterWriter):
    """Is suspended between what it knows and what it sends: until others have written, and its lease is over."""

    others: DeadLetterWriter
    held_up = False

    async def _send(self, letters: Sequence[DeadLetter], until_s: float, sent: list[DeadLetter]) -> None:
        if not self.held_up:
            self.held_up = True
            await self.others.write(letters)
            await until(lambda: time.monotonic() > until_s, "the lease is over")
        await super()._send(letters, until_s, sent)


async def test_who_wakes_with_letters_in_hand_looks_again_before_it_sends_them(producer: AIOKafkaProducer) -> None:
    subject, other = HeldUp(bootstrap(producer), producer, "held up"), writer(producer, ZERO)
    subject.others = other
    subject.expect([ZERO])
    assert await subject.write([letter(1), letter(2)]) == []
    assert [one.record.offset for one in await subject.write([letter(3)])] == [3]
    assert await offsets(producer) == [1, 2, 3]


async def test_who_wakes_with_letters_in_hand_of_lost_partitions_sends_none(producer: AIOKafkaProducer) -> None:
    subject, other = HeldUp(bootstrap(producer), producer, "held up"), writer(producer, ZERO)
    subject.others = other

    async def confirm() -> None:
        if subject.held_up:
            raise CommitFailedError

    subject.expect([ZERO], confirm)
    with pytest.raises(CommitFailedError):
        await subject.write([letter(1), letter(2)])
    assert await offsets(producer) == [1, 2]


async def test_what_others_write_meanwhile_is_known_once_the_lease_is_over(
    producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadletter, "LEASE_S", 0.5)
    subject, other = writer(producer, ZERO), writer(producer, ZERO)
    await subject.write([letter(1)])
    for offset in (2, 3, 4):
        await other.write([letter(offset)])
        over = time.monotonic() + 0.5
        await until(lambda over=over: time.monotonic() > over, "the lease is over")  # type: ignore[misc]
        assert await subject.write([letter(offset), letter(offset + 10)]) != []
    assert await offsets(producer) == [1, 2, 12, 3, 13, 4, 14]


async def test_a_letter_whose_writer_died_between_two_parts_is_written_again(producer: AIOKafkaProducer) -> None:
    torn = replace(letter(1, value=b"v" * 1_200_000), reason=RejectionReason.TOO_LARGE)
    parts = torn.parts()
    assert len(parts) == 3
    await send_all(producer, parts[:2])
    assert [one.source for one in await writer(producer, ZERO).write([torn])] == [torn.source]
    assert await writer(producer, ZERO).write([torn]) == []


async def test_one_without_key_and_value_is_kept(producer: AIOKafkaProducer) -> None:
    record = ConsumerRecord(TRAFFIC_EVENTS.name, 0, 3, SENT_MS, 0, None, None, None, 1, 2, ())
    await writer(producer, ZERO).write([DeadLetter(record, RejectionReason.UNDECODABLE, "a tombstone")])
    assert await offsets(producer) == [3]


async def test_one_as_large_as_its_topic_takes_is_kept_whole(producer: AIOKafkaProducer) -> None:
    value = random.Random(1).randbytes(1_048_500)
    await writer(producer, ZERO).write([letter(1, value=value), letter(2)])
    letters = {dict(record.headers)[SOURCE_OFFSET]: record for record in await written(producer)}
    assert (letters[b"1"].key, letters[b"1"].value) == (b"k", value)
    assert letters[b"2"].value == b"\x00\xff"


async def test_one_that_no_topic_of_ours_takes_is_kept_in_parts(producer: AIOKafkaProducer) -> None:
    value, key = random.Random(1).randbytes(18_000_000), b"k" * 2_000
    record = ConsumerRecord(
        TRAFFIC_EVENTS.name, 0, 1, SENT_MS, 0, key, value, None, 1, 2, (("a", b"y" * 600_000), ("b", b""))
    )
    await writer(producer, ZERO).write([DeadLetter(record, RejectionReason.TOO_LARGE, "why"), letter(2)])
    parts: dict[str, bytes] = {}
    for found in await written(producer):
        headers = dict(found.headers)
        if headers[SOURCE_OFFSET] == b"1":
            assert headers[DEAD_LETTER_PART]
            assert headers[DEAD_LETTER_REASON] == b"too_large"
            name = headers[DEAD_LETTER_PART_OF].decode()
            parts[name] = parts.get(name, b"") + (found.value or b"")
    assert parts == {"value": value, "key": key, "a": b"y" * 600_000, "b": b""}
    # And it is known to be there.
    assert await writer(producer, ZERO).write([DeadLetter(record, RejectionReason.TOO_LARGE, "why")]) == []


@pytest.mark.parametrize(
    "detail", ["\x7f" * 300_000, "é" * 300_000, "x\ud800\0\x1b"], ids=["control", "long", "broken"]
)
async def test_what_is_said_of_one_fits_into_a_header(producer: AIOKafkaProducer, detail: str) -> None:
    await writer(producer, ZERO).write([replace(letter(1), detail=detail)])
    (found,) = await written(producer)
    said = dict(found.headers)[DEAD_LETTER_DETAIL].decode()
    assert len(said.encode()) <= 1_000
    assert not any(ord(character) < 32 for character in said)
