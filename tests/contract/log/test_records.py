"""What goes in comes out: order, contents, compression, positions."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import InvalidTimestampError, MessageSizeTooLargeError

Factory = Callable[..., Awaitable[Any]]


async def test_each_partition_keeps_the_order_of_its_producer(
    new_topic: Factory, new_producer: Factory, read_all: Factory
) -> None:
    topic = await new_topic(partitions=3)
    producer: AIOKafkaProducer = await new_producer(linger_ms=5)
    for number in range(3000):
        await producer.send(topic, str(number).encode(), partition=number % 3)
    await producer.flush()
    records = await read_all(topic)
    for partition in range(3):
        mine = [record for record in records if record.partition == partition]
        assert [int(record.value) for record in mine] == list(range(partition, 3000, 3))
        assert [record.offset for record in mine] == list(range(1000))


async def test_keys_headers_timestamps_and_nulls_come_back(
    new_topic: Factory, new_producer: Factory, read_all: Factory
) -> None:
    topic = await new_topic()
    producer: AIOKafkaProducer = await new_producer()
    sent = [
        (b"key", b"value", 1_330_560_000_000, (("traceparent", b"00-ab"), ("empty", b""))),
        (None, b"no key", 1_330_560_000_123, ()),
        (b"no value", None, 1_330_559_999_999, ()),
        ("schlüssel".encode(), b"\x00\xff" * 50, 1_400_000_000_000, (("same", b"1"), ("same", b"2"))),
    ]
    for key, value, timestamp_ms, headers in sent:
        await producer.send_and_wait(topic, value, key=key, timestamp_ms=timestamp_ms, headers=list(headers))
    records = await read_all(topic)
    assert [(r.key, r.value, r.timestamp, tuple(r.headers)) for r in records] == sent


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_compressed_batches(codec: str, new_topic: Factory, new_producer: Factory, read_all: Factory) -> None:
    topic = await new_topic()
    producer: AIOKafkaProducer = await new_producer(compression_type=codec, linger_ms=20)
    values = [b"%d " % number * 20 for number in range(500)]
    await asyncio.gather(*[await producer.send(topic, value) for value in values])
    assert [record.value for record in await read_all(topic)] == values


DEADLINE_S = 60.0


@pytest.mark.parametrize("acks", [0, 1, "all"])
async def test_acknowledgement_modes(
    acks: int | str, new_topic: Factory, new_producer: Factory, read_all: Factory
) -> None:
    topic = await new_topic()
    producer: AIOKafkaProducer = await new_producer(acks=acks)
    for number in range(20):
        await producer.send_and_wait(topic, b"%d" % number)
    await producer.stop()
    values: list[bytes] = []
    async with asyncio.timeout(DEADLINE_S):
        # Without acknowledgements nobody says when the log has them.
        while len(values) < 20:
            values = [record.value for record in await read_all(topic)]
    assert values == [b"%d" % number for number in range(20)]


async def test_a_batch_of_almost_a_megabyte_and_many_of_them(
    new_topic: Factory, new_producer: Factory, read_all: Factory
) -> None:
    topic = await new_topic()
    producer: AIOKafkaProducer = await new_producer(max_request_size=1_048_576)
    values = [bytes([number]) * 1_000_000 for number in range(12)]
    for value in values:
        await producer.send_and_wait(topic, value)
    assert [record.value for record in await read_all(topic)] == values


async def test_a_reader_with_small_limits_still_gets_large_batches(
    new_topic: Factory, new_producer: Factory, new_consumer: Factory
) -> None:
    topic = await new_topic()
    producer: AIOKafkaProducer = await new_producer()
    for size in (200_000, 10, 300_000):
        await producer.send_and_wait(topic, b"x" * size)
    consumer = await new_consumer(topic, fetch_max_bytes=1000, max_partition_fetch_bytes=1000)
    async with asyncio.timeout(20):
        assert [len((await consumer.getone()).value) for _ in range(3)] == [200_000, 10, 300_000]


async def test_too_large_a_message_is_refused_with_its_own_error(
    new_topic: Factory, new_producer: Factory, read_all: Factory
) -> None:
    topic = await new_topic(config={"max.message.bytes": "10000"})
    producer: AIOKafkaProducer = await new_producer()
    with pytest.raises(MessageSizeTooLargeError):
        await producer.send_and_wait(topic, b"x" * 20_000)
    await producer.send_and_wait(topic, b"small")
    assert [record.value for record in await read_all(topic)] == [b"small"]


async def test_a_record_from_the_far_future_is_refused(new_topic: Factory, new_producer: Factory) -> None:
    topic = await new_topic()
    producer: AIOKafkaProducer = await new_producer()
    now_ms = int(time.time() * 1000)
    with pytest.raises(InvalidTimestampError):
        await producer.send_and_wait(topic, b"value", timestamp_ms=now_ms + 2 * 3600 * 1000)
    await producer.send_and_wait(topic, b"value", timestamp_ms=now_ms + 60_000)


async def test_a_topic_may_keep_its_own_time(new_topic: Factory, new_producer: Factory, read_all: Factory) -> None:
    topic = await new_topic(config={"message.timestamp.type": "LogAppendTime"})
    producer: AIOKafkaProducer = await new_producer()
    before_ms = int(time.time() * 1000)
    for timestamp_ms in (1_330_560_000_000, before_ms + 50 * 60_000):
        await producer.send_and_wait(topic, b"value", timestamp_ms=timestamp_ms, headers=[("a", b"b")])
    records = await read_all(topic)
    assert all(before_ms <= record.timestamp <= int(time.time() * 1000) for record in records)
    assert [(record.value, record.headers, record.timestamp_type) for record in records] == [
        (b"value", (("a", b"b"),), 1)
    ] * 2


async def test_earliest_latest_and_offsets_by_time(
    new_topic: Factory, new_producer: Factory, new_consumer: Factory
) -> None:
    topic = await new_topic()
    partition = TopicPartition(topic, 0)
    producer: AIOKafkaProducer = await new_producer()
    batch = producer.create_batch()
    for minute in range(10):
        batch.append(key=None, value=b"%d" % minute, timestamp=1_700_000_000_000 + minute * 60_000)
    await (await producer.send_batch(batch, topic, partition=0))
    await producer.send_and_wait(topic, b"later", timestamp_ms=1_700_001_000_000)
    consumer = await new_consumer(topic)
    assert await consumer.beginning_offsets([partition]) == {partition: 0}
    assert await consumer.end_offsets([partition]) == {partition: 11}
    for asked, offset in ((0, 0), (1_700_000_120_000, 2), (1_700_000_120_001, 3), (1_700_000_900_000, 10)):
        found = await consumer.offsets_for_times({partition: asked})
        assert found[partition].offset == offset
        assert found[partition].timestamp >= asked
    assert await consumer.offsets_for_times({partition: 1_800_000_000_000}) == {partition: None}


async def test_a_reader_from_latest_sees_only_what_comes_after(
    new_topic: Factory, new_producer: Factory, new_consumer: Factory
) -> None:
    topic = await new_topic()
    producer: AIOKafkaProducer = await new_producer()
    await producer.send_and_wait(topic, b"before")
    consumer = await new_consumer(topic, auto_offset_reset="latest")
    await consumer.position(TopicPartition(topic, 0))
    await producer.send_and_wait(topic, b"after")
    async with asyncio.timeout(20):
        assert (await consumer.getone()).value == b"after"
