"""Topics are created, described, grown, emptied and deleted."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.kit.until import until

Factory = Callable[..., Awaitable[Any]]
Names = Callable[[str], str]
TOPIC_ALREADY_EXISTS, INVALID_PARTITIONS, INVALID_TOPIC, INVALID_CONFIG = 36, 37, 17, 40


async def test_create_describe_delete(admin: AIOKafkaAdminClient, unique: Names) -> None:
    name = unique("contract")
    response = await admin.create_topics([NewTopic(name, 3, 1)])
    assert [error[1] for error in response.topic_errors] == [0]

    async def described() -> bool:
        (topic,) = await admin.describe_topics([name])
        return topic["error_code"] == 0 and sorted(p["partition"] for p in topic["partitions"]) == [0, 1, 2]

    await until(described, "the topic is described", 60)
    await admin.delete_topics([name])

    async def gone() -> bool:
        return name not in await admin.list_topics()

    await until(gone, "the topic is gone", 60)


@pytest.mark.parametrize(
    ("name", "partitions", "config", "code"),
    [
        ("in valid", 1, {}, INVALID_TOPIC),
        ("ok", 0, {}, INVALID_PARTITIONS),
        ("ok", 1, {"cleanup.policy": "shred"}, INVALID_CONFIG),
        ("ok", 1, {"no.such.setting": "1"}, INVALID_CONFIG),
    ],
)
async def test_what_cannot_be_created(
    name: str, partitions: int, config: dict[str, str], code: int, admin: AIOKafkaAdminClient, unique: Names
) -> None:
    response = await admin.create_topics([NewTopic(unique(name), partitions, 1, topic_configs=config)])
    assert [error[1] for error in response.topic_errors] == [code]


async def test_a_topic_is_created_once(admin: AIOKafkaAdminClient, new_topic: Factory) -> None:
    name = await new_topic()
    response = await admin.create_topics([NewTopic(name, 1, 1)])
    assert [error[1] for error in response.topic_errors] == [TOPIC_ALREADY_EXISTS]


async def test_a_topic_shows_its_configuration(admin: AIOKafkaAdminClient, new_topic: Factory) -> None:
    given = {"cleanup.policy": "compact", "retention.bytes": "1000000", "retention.ms": "3600000"}
    name = await new_topic(config=given)
    (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    error, _, _, resource, entries = response.resources[0]
    assert (error, resource) == (0, name)
    shown = {entry[0]: entry[1] for entry in entries}
    assert shown.items() >= given.items()


async def test_partitions_can_be_added(admin: AIOKafkaAdminClient, new_topic: Factory) -> None:
    name = await new_topic(partitions=2)
    await admin.create_partitions({name: NewPartitions(5)})

    async def grown() -> bool:
        (described,) = await admin.describe_topics([name])
        return len(described["partitions"]) == 5

    await until(grown, "the new partitions are there", 60)


async def test_records_can_be_deleted(
    admin: AIOKafkaAdminClient, new_topic: Factory, new_producer: Factory, new_consumer: Factory
) -> None:
    name = await new_topic()
    partition = TopicPartition(name, 0)
    producer: AIOKafkaProducer = await new_producer()
    for number in range(10):
        await producer.send_and_wait(name, b"%d" % number)
    assert await admin.delete_records({partition: RecordsToDelete(before_offset=6)}) == {partition: 6}
    consumer = await new_consumer(name)
    assert await consumer.beginning_offsets([partition]) == {partition: 6}
    assert (await consumer.getone()).offset == 6


async def test_a_recreated_topic_is_empty_and_has_no_commits(
    admin: AIOKafkaAdminClient,
    new_topic: Factory,
    new_producer: Factory,
    new_consumer: Factory,
    unique: Names,
) -> None:
    name, group = await new_topic(), unique("group")
    partition = TopicPartition(name, 0)
    producer: AIOKafkaProducer = await new_producer()
    await producer.send_and_wait(name, b"old")
    consumer = await new_consumer(name, group_id=group)
    await consumer.getone()
    await consumer.commit()
    await consumer.stop()
    await producer.stop()
    await admin.delete_topics([name])

    async def recreated() -> bool:
        response = await admin.create_topics([NewTopic(name, 1, 1)])
        return bool(response.topic_errors[0][1] == 0)

    await until(recreated, "the topic is there again", 60)
    reader = await new_consumer(name, group_id=group)
    assert await reader.end_offsets([partition]) == {partition: 0}
    assert await reader.committed(partition) is None
