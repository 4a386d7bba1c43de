"""`metrla topics` against a broker."""

import asyncio
import json
import socket
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from typer.testing import CliRunner, Result

from metrla.cli.main import app as metrla
from metrla.cli.topics import app
from metrla.local.devbroker.broker import DevBroker
from shared.events.errors import MetrlaError
from shared.events.topics import ALERTS, TOPICS, TRAFFIC_EVENTS
from shared.kafka.producer import Message, open_producer, send_all

pytestmark = pytest.mark.integration


async def metrla_topics(broker: DevBroker, *arguments: str) -> Result:
    command = [*arguments, "--bootstrap-servers", broker.bootstrap_servers]
    result = await asyncio.to_thread(CliRunner().invoke, app, command)
    if result.exception is not None:
        raise result.exception
    return result


async def test_create_says_what_was_created_and_what_exists() -> None:
    async with DevBroker() as broker:
        first = await metrla_topics(broker, "create")
        again = await metrla_topics(broker, "create")
    assert "traffic-alerts: created, 1 partitions, cleanup.policy=compact" in first.stdout
    assert all(": created, " in line for line in first.stdout.splitlines())
    assert again.stdout.splitlines() == [f"{topic.name}: exists" for topic in TOPICS]


async def test_describe_before_anything_was_created() -> None:
    async with DevBroker() as broker:
        table = await metrla_topics(broker, "describe")
        states = json.loads((await metrla_topics(broker, "describe", "--json")).stdout)
    assert "traffic-events-dlq" in table.stdout
    assert "metrla topics create" in table.stderr
    assert not any(state["exists"] for state in states)


async def test_describe_counts_messages_and_lag() -> None:
    async with DevBroker() as broker:
        await metrla_topics(broker, "create")
        async with open_producer(broker.bootstrap_servers, "test") as producer:
            await send_all(
                producer, [Message(TRAFFIC_EVENTS.name, None, b"x", partition=number % 4) for number in range(10)]
            )
        consumer = AIOKafkaConsumer(
            bootstrap_servers=broker.bootstrap_servers, group_id="metrla-test", enable_auto_commit=False
        )
        await consumer.start()
        place = TopicPartition(TRAFFIC_EVENTS.name, 0)
        consumer.assign([place])
        await consumer.commit({place: 2})
        await consumer.stop()
        states = json.loads((await metrla_topics(broker, "describe", "--json")).stdout)
        table = (await metrla_topics(broker, "describe")).stdout
    assert [state["topic"] for state in states] == [topic.name for topic in TOPICS]
    assert states[0] == {
        "topic": "traffic-events",
        "exists": True,
        "partitions": 4,
        "replication_factor": 1,
        "key": "sensor_id",
        "record": "TrafficEvent",
        "cleanup_policy": "delete",
        "messages": 10,
        "lag": {"metrla-test": 8},
    }
    alerts = next(state for state in states if state["topic"] == ALERTS.name)
    assert (alerts["cleanup_policy"], alerts["messages"], alerts["lag"]) == ("compact", 0, {})
    assert "metrla-test: 8" in table
    assert "ProcessedTrafficAggregate" in table


@pytest.mark.parametrize(
    "command",
    [["topics", "create"], ["topics", "describe"], ["archive", "verify"], ["advisories", "list"]],
    ids=" ".join,
)
def test_a_broker_that_is_not_there(command: list[str], tmp_path: Path) -> None:
    environment = {"METRLA_ARCHIVE_URL": f"{tmp_path.as_uri()}"}
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        servers = ["--bootstrap-servers", f"127.0.0.1:{bound.getsockname()[1]}"]
        result = CliRunner().invoke(metrla, [*command, *servers], env=environment)
    assert isinstance(result.exception, MetrlaError)
    assert "no Kafka broker answers at 127.0.0.1:" in str(result.exception)
    assert result.stdout == ""
