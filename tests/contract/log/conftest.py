"""The log that the contract is held against: the embedded broker, and any Kafka that a variable names."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.kit.until import until, until_blocking

KAFKA_VARIABLE = "METRLA_TEST_KAFKA_BOOTSTRAP_SERVERS"
IMPLEMENTATIONS = ["devbroker", pytest.param("kafka", marks=pytest.mark.real)]

NewTopicFactory = Callable[..., Awaitable[str]]
ConsumerFactory = Callable[..., Awaitable[AIOKafkaConsumer]]
ProducerFactory = Callable[..., Awaitable[AIOKafkaProducer]]
Reader = Callable[..., Awaitable[list[ConsumerRecord[bytes, bytes]]]]


@pytest.fixture(scope="session")
def devbroker_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one embedded broker as a process, as the demo does."""
    port_file = tmp_path_factory.mktemp("devbroker") / "address"
    process = subprocess.Popen(
        [sys.executable, "-m", "metrla.local.devbroker", "--port", "0", "--port-file", str(port_file)]
    )
    try:

        def there() -> bool:
            assert process.poll() is None, "the broker ended at once"
            return port_file.exists()

        until_blocking(there, "the broker is ready")
        yield port_file.read_text().strip()
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture(params=IMPLEMENTATIONS)
def bootstrap_servers(request: pytest.FixtureRequest) -> str:
    if request.param == "devbroker":
        address: str = request.getfixturevalue("devbroker_address")
        return address
    if not (given := os.environ.get(KAFKA_VARIABLE)):
        pytest.skip(f"{KAFKA_VARIABLE} is not set")
    return given


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Make names that no earlier run on a standing server has used."""
    return lambda prefix: f"{prefix}-{uuid.uuid4().hex[:12]}"


@pytest.fixture
async def admin(bootstrap_servers: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def new_topic(admin: AIOKafkaAdminClient, unique: Callable[[str], str]) -> AsyncIterator[NewTopicFactory]:
    """Create topics, known to the broker's metadata on return, that are deleted after the test."""
    names: list[str] = []

    async def create(partitions: int = 1, config: Mapping[str, str] | None = None) -> str:
        name = unique("contract")
        response = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=dict(config or {}))])
        assert [error[1] for error in response.topic_errors] == [0], response
        names.append(name)

        async def known() -> bool:
            (topic,) = await admin.describe_topics([name])
            return topic["error_code"] == 0 and len(topic["partitions"]) == partitions

        await until(known, "the topic is known", 60)
        return name

    yield create
    if names:
        await admin.delete_topics(names)


@pytest.fixture
async def clients() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def new_consumer(bootstrap_servers: str, clients: AsyncExitStack) -> ConsumerFactory:
    """Start consumers that are stopped after the test."""

    async def start(*topics: str, **options: object) -> AIOKafkaConsumer:
        settings: dict[str, object] = {
            "auto_offset_reset": "earliest",
            "enable_auto_commit": False,
            "metadata_max_age_ms": 1000,
        } | options
        consumer = AIOKafkaConsumer(*topics, bootstrap_servers=bootstrap_servers, **settings)
        await consumer.start()
        clients.push_async_callback(consumer.stop)
        return consumer

    return start


@pytest.fixture
def new_producer(bootstrap_servers: str, clients: AsyncExitStack) -> ProducerFactory:
    """Start producers that are stopped after the test."""

    async def start(**options: object) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, **options)
        await producer.start()
        clients.push_async_callback(producer.stop)
        return producer

    return start


@pytest.fixture
def read_all(new_consumer: ConsumerFactory) -> Reader:
    """Read a topic from its beginning to where its end is now."""

    async def read(topic: str) -> list[ConsumerRecord[bytes, bytes]]:
        consumer = await new_consumer(topic)
        partitions = list(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        records: list[ConsumerRecord[bytes, bytes]] = []
        async with asyncio.timeout(30):
            while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    records += batch
        await consumer.stop()
        return records

    return read
