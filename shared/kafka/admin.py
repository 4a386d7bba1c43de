"""Create the topics of `shared.events.topics` and say what is there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.events.errors import MetrlaError
from shared.events.topics import TOPICS, Topic


class TopicError(MetrlaError):
    """A topic could not be created, or is not what it was. It passes once somebody has set that right."""


@asynccontextmanager
async def open_admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client, closed on leaving."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, client_id="metrla-admin")
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def ensure_topics(
    bootstrap_servers: str, topics: Sequence[Topic] = TOPICS, replication_factor: int = 1
) -> tuple[str, ...]:
    """Create what is missing; returns the names created. An existing topic is left as it is.

    Raises:
        TopicError: the broker refused one for another reason than its existence.
    """
    async with open_admin(bootstrap_servers) as admin:
        existing = set(await admin.list_topics())
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return ()
        response = await admin.create_topics(
            [
                NewTopic(topic.name, topic.partitions, replication_factor, topic_configs=topic.settings())
                for topic in missing
            ]
        )
    created = []
    for name, code, *_ in response.topic_errors:
        failure: type[KafkaError] = for_code(code)
        if code and failure is not TopicAlreadyExistsError:
            raise TopicError(f"topic {name}: {failure.__name__}")
        if not code:
            created.append(name)
    return tuple(created)


async def partitions_of(bootstrap_servers: str, topics: Sequence[Topic]) -> list[TopicPartition]:
    """Every partition of `topics`, in their order. A consumer knows none of a topic that it is not yet assigned to.

    Raises:
        TopicError: one of the topics does not exist.
    """
    async with open_admin(bootstrap_servers) as admin:
        # All topics, because naming one that is missing makes a broker with automatic creation create it.
        described = {each["topic"]: each["partitions"] for each in await admin.describe_topics()}
    found: list[TopicPartition] = []
    for topic in topics:
        if not (partitions := described.get(topic.name)):
            raise TopicError(f"topic {topic.name} does not exist")
        found.extend(TopicPartition(topic.name, number) for number in sorted(each["partition"] for each in partitions))
    return found
