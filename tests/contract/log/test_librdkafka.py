"""librdkafka, the C client behind confluent-kafka, works unchanged."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic  # type: ignore[attr-defined]  # not re-exported

from tests.kit.until import until

Factory = Callable[..., Awaitable[Any]]
Names = Callable[[str], str]


def produce(servers: str, topic: str, count: int, **options: object) -> None:
    failed: list[KafkaError] = []

    def delivered(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({"bootstrap.servers": servers, "enable.idempotence": True, "linger.ms": 5, **options})
    for number in range(count):
        producer.produce(topic, key=str(number % 10), value=str(number), headers={"h": b"1"}, on_delivery=delivered)
        producer.poll(0)
    assert producer.flush(20) == 0
    assert failed == []


def consume(servers: str, topic: str, group: str, seen: list[int], enough: threading.Event, total: int) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 300,
        }
    )
    consumer.subscribe([topic])
    deadline = time.monotonic() + 60
    taken = 0
    try:
        while not enough.is_set() and time.monotonic() < deadline:
            message = consumer.poll(0.1)
            if message is not None and message.error() is None:
                taken += 1
                seen.append(int(message.value() or b""))
                # What a rebalance handed over uncommitted comes twice.
                if len(seen) >= total and len(set(seen)) >= total:
                    enough.set()
        if taken:
            consumer.commit(asynchronous=False)
    finally:
        consumer.close()


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
async def test_its_batches_are_read_by_aiokafka(
    codec: str, bootstrap_servers: str, new_topic: Factory, read_all: Factory
) -> None:
    topic = await new_topic()
    await asyncio.to_thread(produce, bootstrap_servers, topic, 500, **{"compression.type": codec})
    records = await read_all(topic)
    assert [int(record.value) for record in records] == list(range(500))
    assert records[0].headers == (("h", b"1"),)


async def test_two_of_its_consumers_share_a_group(bootstrap_servers: str, new_topic: Factory, unique: Names) -> None:
    topic, group = await new_topic(partitions=4), unique("group")
    await asyncio.to_thread(produce, bootstrap_servers, topic, 2000)
    seen: list[int] = []
    enough = threading.Event()
    await asyncio.gather(
        *[asyncio.to_thread(consume, bootstrap_servers, topic, group, seen, enough, 2000) for _ in range(2)]
    )
    assert set(seen) == set(range(2000))


async def test_its_admin_client(bootstrap_servers: str, unique: Names) -> None:
    topic = unique("contract")
    client = AdminClient({"bootstrap.servers": bootstrap_servers})
    new = NewTopic(topic, num_partitions=3, replication_factor=1, config={"cleanup.policy": "compact"})
    await asyncio.to_thread(client.create_topics([new])[topic].result, 10)

    async def listed() -> bool:
        known = (await asyncio.to_thread(client.list_topics, timeout=30)).topics
        return topic in known and len(known[topic].partitions) == 3

    await until(listed, "the topic is listed", 60)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    config = await asyncio.to_thread(client.describe_configs([resource])[resource].result, 10)
    assert config["cleanup.policy"].value == "compact"
    await asyncio.to_thread(client.delete_topics([topic])[topic].result, 10)

    async def gone() -> bool:
        return topic not in (await asyncio.to_thread(client.list_topics, timeout=30)).topics

    await until(gone, "the topic is gone", 60)
