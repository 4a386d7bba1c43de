"""Consumer groups: who reads what, and what a member leaves behind."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, OffsetAndMetadata, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, KafkaError

from tests.kit.until import until

Factory = Callable[..., Awaitable[Any]]
Names = Callable[[str], str]
GROUP = {"session_timeout_ms": 6000, "heartbeat_interval_ms": 300}


def partitions_of(*consumers: AIOKafkaConsumer) -> list[int]:
    return sorted(assigned.partition for consumer in consumers for assigned in consumer.assignment())


VICTIM = """
import asyncio, sys
from aiokafka import AIOKafkaConsumer

async def main(servers, topic, group):
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=servers, group_id=group, session_timeout_ms=6000, heartbeat_interval_ms=300
    )
    await consumer.start()
    print("joined", flush=True)
    await consumer.getone()

asyncio.run(main(*sys.argv[1:]))
"""


def start_victim(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", VICTIM, *arguments], stdout=subprocess.PIPE, text=True)


async def test_two_members_split_the_partitions_and_one_takes_over(
    new_topic: Factory, new_producer: Factory, new_consumer: Factory, unique: Names
) -> None:
    topic, group = await new_topic(partitions=4), unique("group")
    first = await new_consumer(topic, group_id=group, **GROUP)
    assert partitions_of(first) == [0, 1, 2, 3]
    second = await new_consumer(topic, group_id=group, **GROUP)

    async def split() -> bool:
        return len(partitions_of(first)) == 2 and partitions_of(first, second) == [0, 1, 2, 3]

    await until(split, "the partitions are split", 60)
    await first.stop()

    async def taken_over() -> bool:
        return partitions_of(second) == [0, 1, 2, 3]

    await until(taken_over, "the partitions are taken over", 60)
    producer: AIOKafkaProducer = await new_producer()
    for partition in range(4):
        await producer.send_and_wait(topic, b"%d" % partition, partition=partition)
    async with asyncio.timeout(20):
        assert sorted([(await second.getone()).value for _ in range(4)]) == [b"0", b"1", b"2", b"3"]


async def test_two_groups_each_get_everything(
    new_topic: Factory, new_producer: Factory, new_consumer: Factory, unique: Names
) -> None:
    topic = await new_topic(partitions=2)
    producer: AIOKafkaProducer = await new_producer()
    for number in range(10):
        await producer.send_and_wait(topic, b"%d" % number, partition=number % 2)
    for name in ("one", "two"):
        consumer = await new_consumer(topic, group_id=unique(name), **GROUP)
        async with asyncio.timeout(20):
            values = {(await consumer.getone()).value for _ in range(10)}
        assert values == {b"%d" % number for number in range(10)}


async def test_a_killed_member_is_replaced_within_its_session_timeout(
    bootstrap_servers: str, new_topic: Factory, new_consumer: Factory, unique: Names
) -> None:
    topic, group = await new_topic(partitions=2), unique("group")
    victim = start_victim(bootstrap_servers, topic, group)
    try:
        assert victim.stdout is not None
        assert await asyncio.to_thread(victim.stdout.readline) == "joined\n"
        survivor = await new_consumer(topic, group_id=group, **GROUP)

        async def shared() -> bool:
            return len(partitions_of(survivor)) == 1

        await until(shared, "the partitions are shared", 60)
    finally:
        victim.kill()
        victim.communicate()
    killed = time.monotonic()

    async def alone() -> bool:
        return partitions_of(survivor) == [0, 1]

    await until(alone, "one member is left", 12)
    assert time.monotonic() - killed > 3, "evicted before its session could have timed out"


async def test_commits_with_metadata_outlive_their_member(
    new_topic: Factory, new_producer: Factory, new_consumer: Factory, unique: Names
) -> None:
    topic, group = await new_topic(partitions=2), unique("group")
    producer: AIOKafkaProducer = await new_producer()
    for number in range(10):
        await producer.send_and_wait(topic, b"%d" % number, partition=0)
    zero, one = TopicPartition(topic, 0), TopicPartition(topic, 1)
    state = '{"watermark": "2012-05-02T00:00:00Z", "Straße": ' + "9" * 3000 + "}"
    first = await new_consumer(topic, group_id=group, **GROUP)
    await first.commit({zero: OffsetAndMetadata(4, state)})
    await first.stop()
    second = await new_consumer(topic, group_id=group, **GROUP)
    assert await second.committed(zero) == 4
    assert await second.committed(one) is None
    async with asyncio.timeout(20):
        record = await second.getone()
    assert (record.partition, record.offset, record.value) == (0, 4, b"4")
    fetched = await second._coordinator.fetch_committed_offsets([zero])
    assert fetched[zero] == OffsetAndMetadata(4, state)


async def test_committed_offsets_can_be_listed_and_set_from_outside(
    admin: AIOKafkaAdminClient, new_topic: Factory, new_consumer: Factory, unique: Names
) -> None:
    topic, group = await new_topic(partitions=2), unique("group")
    outside = await new_consumer(group_id=group, **GROUP)
    partition = TopicPartition(topic, 1)
    outside.assign([partition])
    await outside.commit({partition: OffsetAndMetadata(7, "by hand")})
    listed = await admin.list_consumer_group_offsets(group)
    assert listed[partition] == OffsetAndMetadata(7, "by hand")


async def test_a_member_of_an_older_generation_cannot_commit(
    new_topic: Factory, new_consumer: Factory, unique: Names
) -> None:
    topic, group = await new_topic(partitions=2), unique("group")
    partition = TopicPartition(topic, 0)
    first = await new_consumer(topic, group_id=group, **GROUP)
    coordinator = first._coordinator
    generation = coordinator.generation
    second = await new_consumer(topic, group_id=group, **GROUP)

    async def split() -> bool:
        return len(partitions_of(first)) == 1 and len(partitions_of(second)) == 1

    await until(split, "the partitions are split", 60)
    assert coordinator.generation > generation
    coordinator.generation = generation
    with pytest.raises((CommitFailedError, KafkaError)):
        await coordinator._do_commit_offsets(
            first._subscription.subscription.assignment, {partition: OffsetAndMetadata(1, "")}
        )
    assert await second.committed(partition) is None


async def test_a_group_can_be_described(
    admin: AIOKafkaAdminClient, new_topic: Factory, new_consumer: Factory, unique: Names
) -> None:
    topic, group = await new_topic(), unique("group")
    await new_consumer(topic, group_id=group, client_id="reader", **GROUP)
    assert group in [name for name, _ in await admin.list_consumer_groups()]
    (response,) = await admin.describe_consumer_groups([group])
    error, name, state, protocol_type, _, members = response.groups[0][:6]
    assert (error, name, state, protocol_type) == (0, group, "Stable", "consumer")
    assert [member[1] for member in members] == ["reader"]
