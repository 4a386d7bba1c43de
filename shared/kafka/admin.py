"""Create the topics of `shared.events.topics` and say what is there."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from shared.events.errors import MetrlaError
from shared.events.topics import TOPICS, Topic


class TopicError(MetrlaError):
    """A topic could not be created."""


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
