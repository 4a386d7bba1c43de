"""An action over the API ends in the alert's record: on the topic, in the store and in the answer of the API.

The alert detector and the gateway are the real processes, the broker is the embedded one.
"""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metrla.client import Alert, AlertActionKind, AlertStatus, GatewayClient, GatewayError
from metrla.local.devbroker import DevBroker
from shared.events.avro import decode, encode
from shared.events.records import ProcessedTrafficAggregate, TrafficAlert
from shared.events.topics import AGGREGATES, ALERTS
from shared.kafka.admin import ensure_topics, partitions_of
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.replay import open_reader, read_range
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
TOKEN = "sesame"  # noqa: S105 - of a gateway that lives as long as the test
JAM = frozenset(sensor.sensor_id for sensor in NETWORK.carriageways["I-405 N"][1:4])
DEADLINE_S = 120.0


@dataclass
class Stack:
    """The processes and what they share."""

    broker: DevBroker
    folder: Path
    port: int
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    fed: int = 0

    @property
    def store_url(self) -> str:
        return f"sqlite:///{self.folder / 'store.sqlite'}"

    async def start(self, service: str) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("METRLA_")} | {
            "METRLA_KAFKA_BOOTSTRAP_SERVERS": self.broker.bootstrap_servers,
            "METRLA_STORE_URL": self.store_url,
            "METRLA_ARCHIVE_URL": (self.folder / "archive").as_uri(),
            "METRLA_NETWORKS": str(EXAMPLE_NETWORK),
            "METRLA_GATEWAY_PORT": str(self.port),
            "METRLA_GATEWAY_WRITE_TOKEN": TOKEN,
            "METRLA_ALERT_DETECTOR_SETTLE_SECONDS": "0.5",
            "METRLA_LOG_FILE": str(self.folder / "all.log"),
        }
        arguments, quiet = (sys.executable, "-m", f"services.{service}.app"), asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_exec(*arguments, env=environment, stdout=quiet, stderr=quiet)
        self.processes[service] = process

    async def kill(self, service: str) -> None:
        process = self.processes.pop(service)
        process.send_signal(signal.SIGKILL)
        await process.wait()

    async def feed(self, steps: int, slow: frozenset[str] = frozenset()) -> None:
        messages = []
        for step in range(self.fed, self.fed + steps):
            for sensor in NETWORK.sensors:
                # A detector that repeats one speed for an hour counts as stuck.
                name, speed = sensor.sensor_id, (15.0 if sensor.sensor_id in slow else 64.0) + step % 2
                start = START + step * WINDOW
                where = (NETWORK.network_id, name, start, start + WINDOW)
                window = ProcessedTrafficAggregate(
                    *where, 1, 1, speed, speed, speed, None, None, None, 1.0, f"{name}-{step}"
                )
                messages.append(Message(AGGREGATES.name, NETWORK.network_id.encode(), encode(window)))
        self.fed += steps
        async with open_producer(self.broker.bootstrap_servers, "test") as producer:
            await send_all(producer, messages)

    async def on_topic(self) -> Sequence[TrafficAlert]:
        """Every state of every alert, in the order of the log."""
        found = []
        async with open_reader(self.broker.bootstrap_servers, "test") as reader:
            for partition in await partitions_of(self.broker.bootstrap_servers, [ALERTS]):
                end = (await reader.end_offsets([partition]))[partition]
                found += [record.value for record in await read_range(reader, partition, 0, end)]
        return [decode(TrafficAlert, value) for value in found if value is not None]

    def stored(self) -> dict[str, TrafficAlert]:
        store = open_store(self.store_url)
        try:
            return {alert.alert_id: alert for alert in store.alerts()}
        finally:
            store.close()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        made = Stack(broker, tmp_path, port)
        try:
            await made.start("alert_detector")
            await made.start("gateway")
            yield made
        finally:
            for process in made.processes.values():
                process.terminate()
            for process in made.processes.values():
                await process.wait()


async def congestion(gateway: GatewayClient, holds: Callable[[list[Alert]], bool]) -> list[Alert]:
    """The congestion alerts, the last raised first, as soon as they are as they should be."""
    found: list[Alert] = []
    async with asyncio.timeout(DEADLINE_S):
        while True:
            with suppress(GatewayError):
                found = [alert for alert in await gateway.alerts() if alert.alert_type == "congestion"]
                if holds(found):
                    return found
            await asyncio.sleep(0.05)


async def test_from_the_api_into_the_record(stack: Stack) -> None:
    async with GatewayClient(f"http://127.0.0.1:{stack.port}", write_token=TOKEN) as gateway:
        await stack.feed(6, JAM)
        (raised,) = await congestion(gateway, bool)
        seen = await gateway.act(raised.alert_id, AlertActionKind.ACKNOWLEDGE, "Dana", action_id="seen-1")
        (alert,) = await congestion(gateway, lambda found: found[0].acknowledged)
        assert alert.actions == (seen,)

        # A remark while the detector is away waits for it on the log; a repeated one is the same.
        await stack.kill("alert_detector")
        await gateway.act(raised.alert_id, AlertActionKind.COMMENT, "Dana", "tow truck sent", action_id="said-1")
        await gateway.act(raised.alert_id, AlertActionKind.COMMENT, "Dana", "tow truck sent", action_id="said-1")
        await stack.start("alert_detector")
        await congestion(gateway, lambda found: [one.action_id for one in found[0].actions] == ["seen-1", "said-1"])

        await gateway.act(raised.alert_id, AlertActionKind.CLOSE, "Dana", "false alarm", action_id="closed-1")
        (closed,) = await congestion(gateway, lambda found: found[0].status is AlertStatus.CLEARED)
        assert closed.message.startswith("Closed by Dana: false alarm.")
        assert not stack.stored()[raised.alert_id].active
        with pytest.raises(GatewayError, match="cleared already"):
            await gateway.act(raised.alert_id, AlertActionKind.CLOSE, "Kim")

        # The queue lasts: nothing is raised for it, not after a crash either, until it was gone.
        await stack.feed(3, JAM)
        await stack.kill("alert_detector")
        await stack.feed(3, JAM)
        await stack.start("alert_detector")
        await stack.feed(10)
        (over,) = await congestion(gateway, lambda found: found[0].updated_at > closed.updated_at)
        assert over.cleared_at == closed.cleared_at
        await stack.feed(6, JAM)
        again, _ = await congestion(gateway, lambda found: len(found) == 2)
        assert again.status is AlertStatus.RAISED

    states = [alert for alert in await stack.on_topic() if alert.alert_id == raised.alert_id]
    revisions = [alert.revision for alert in states]
    assert revisions == sorted(set(revisions))
    last = states[-1]
    assert [action.action_id for action in last.actions] == ["seen-1", "said-1", "closed-1"]
    assert stack.stored()[raised.alert_id] == last
