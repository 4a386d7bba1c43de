"""What the broker knows about our topics: partitions, settings, messages, and how far each consumer group has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared.events.topics import TOPICS, Topic
from shared.kafka.admin import open_admin
from shared.kafka.replay import open_reader

CLIENT_ID = "metrla-topics"
NO_OFFSET = -1


@dataclass(frozen=True, slots=True)
class TopicState:
    """One topic as the broker has it.

    Attributes:
        topic: what it should be.
        partitions: how many there are; 0 where the topic does not exist.
        replication_factor: replicas of each partition.
        cleanup_policy: `delete` or `compact`, as the broker applies it.
        messages: offsets between the beginning and the end of all partitions. Of a compacted topic fewer may be left.
        lag: by consumer group that has committed here, the messages that it has not handled yet.
    """

    topic: Topic
    partitions: int
    replication_factor: int
    cleanup_policy: str
    messages: int
    lag: Mapping[str, int]


async def inspect_topics(bootstrap_servers: str, topics: Sequence[Topic] = TOPICS) -> tuple[TopicState, ...]:
    """The state of each of `topics`, in their order, whether it exists or not.

    Raises:
        KafkaError: the broker cannot be reached, or refused.
    """
    async with open_admin(bootstrap_servers) as admin, open_reader(bootstrap_servers, CLIENT_ID) as reader:
        existing = set(await admin.list_topics())
        there = [topic.name for topic in topics if topic.name in existing]
        replicas = await _replicas(admin, there)
        policies = await _cleanup_policies(admin, there)
        partitions = [TopicPartition(name, number) for name in there for number in replicas[name]]
        ends = await _ends(reader, partitions)
        commits = await _commits(admin)
    return tuple(
        TopicState(
            topic=topic,
            partitions=len(replicas.get(topic.name, {})),
            replication_factor=min(replicas.get(topic.name, {}).values(), default=0),
            cleanup_policy=policies.get(topic.name, ""),
            messages=sum(end - begin for place, (begin, end) in ends.items() if place.topic == topic.name),
            lag=_lag(topic.name, ends, commits),
        )
        for topic in topics
    )


async def _replicas(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[int, int]]:
    """Number of replicas by partition by topic."""
    if not names:
        return {}
    described = await admin.describe_topics(list(names))
    return {
        topic["topic"]: {each["partition"]: len(each["replicas"]) for each in topic["partitions"]}
        for topic in described
    }


async def _cleanup_policies(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, str]:
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    policies = {}
    for response in await admin.describe_configs(resources):
        for _code, _message, _type, name, entries in response.resources:
            policies[name] = next((entry[1] for entry in entries if entry[0] == "cleanup.policy"), "")
    return policies


async def _ends(
    reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> dict[TopicPartition, tuple[int, int]]:
    """First and next offset by partition."""
    if not partitions:
        return {}
    begins, ends = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
    return {place: (begins[place], ends[place]) for place in partitions}


async def _commits(admin: AIOKafkaAdminClient) -> dict[str, dict[TopicPartition, int]]:
    """Committed offset by partition by consumer group."""
    groups = sorted(group_id for group_id, *_ in await admin.list_consumer_groups())
    return {
        group_id: {
            place: committed.offset
            for place, committed in (await admin.list_consumer_group_offsets(group_id)).items()
            if committed.offset != NO_OFFSET
        }
        for group_id in groups
    }


def _lag(
    name: str, ends: Mapping[TopicPartition, tuple[int, int]], commits: Mapping[str, Mapping[TopicPartition, int]]
) -> dict[str, int]:
    """Lag by group that has committed on the topic; a partition that it has not committed counts from its beginning."""
    here = {place: span for place, span in ends.items() if place.topic == name}
    return {
        group_id: sum(end - min(end, max(begin, offsets.get(place, begin))) for place, (begin, end) in here.items())
        for group_id, offsets in commits.items()
        if any(place in offsets for place in here)
    }
