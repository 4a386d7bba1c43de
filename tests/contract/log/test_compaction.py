"""A compacted topic keeps the last value of each key, and every offset stays what it was."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.errors import KafkaError

from tests.kit.until import until

Factory = Callable[..., Awaitable[Any]]
Names = Callable[[str], str]
# Real Kafka compacts closed segments only, and looks at them every 15 s: it needs short segments and a low threshold.
COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "100",
}


@pytest.mark.parametrize("codec", [None, "lz4"])
async def test_the_last_value_of_each_key_stays_with_its_offset(
    codec: str | None,
    new_topic: Factory,
    new_producer: Factory,
    read_all: Factory,
    new_consumer: Factory,
    unique: Names,
) -> None:
    topic, group = await new_topic(config=COMPACTED), unique("group")
    partition = TopicPartition(topic, 0)
    producer: AIOKafkaProducer = await new_producer(compression_type=codec, linger_ms=2)
    last: dict[bytes, tuple[int, bytes]] = {}
    for number in range(600):
        # Keys below 10 are never written again after the first rounds: their batches are thinned out, not dropped.
        key = b"%d" % (number % 40 if number < 200 else 10 + number % 30)
        value = b"%d" % number
        sent = await producer.send(topic, value, key=key, headers=[("n", value)])
        last[key] = ((await sent).offset, value)
    await producer.send_and_wait(topic, None, key=b"11")
    last.pop(b"11")
    keeper = await new_consumer(group_id=group)
    keeper.assign([partition])
    await keeper.commit({partition: OffsetAndMetadata(100, "state")})
    nudges = 0

    async def compacted() -> bool:
        nonlocal nudges
        nudges += 1
        await producer.send_and_wait(topic, b"%d" % nudges, key=b"nudge")
        records = [record for record in await read_all(topic) if record.key != b"nudge"]
        offsets = [record.offset for record in records]
        assert offsets == sorted(set(offsets))
        live = {record.key: (record.offset, record.value) for record in records if record.value is not None}
        return len(records) == len(live) and live == last

    await until(compacted, "the topic is compacted", 90)
    by_key = {record.key: record for record in await read_all(topic)}
    assert all(by_key[key].headers == (("n", value),) for key, (_, value) in last.items())
    assert await keeper.committed(partition) == 100
    keeper.seek(partition, 100)
    first = await keeper.getone()
    assert first.offset == min(offset for offset, _ in last.values() if offset >= 100)


async def test_a_compacted_topic_refuses_records_without_a_key(new_topic: Factory, new_producer: Factory) -> None:
    topic = await new_topic(config=COMPACTED)
    producer: AIOKafkaProducer = await new_producer()
    with pytest.raises(KafkaError):
        await producer.send_and_wait(topic, b"value")
