"""Each stage in a process of its own, stopped by SIGSTOP: it is named while it is stopped, and only then."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from metrla.client import Channel, GatewayClient, HeartbeatMessage, Message
from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.process import ChildProcess
from metrla.local.launcher.supervisor import Supervisor, supervise
from shared.traffic.folder import EXAMPLE_NETWORK
from tests.kit.until import until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

NETWORK = "la-example"
SPEED = 60
RETENTION_BYTES = 64 * 1024 * 1024
SERVICES = ("ingest", "predictor", "alert-detector")
DEADLINE_S = 90.0
# At this speed a window lasts 5 s: 15 s are the later of 15 s and two windows.
NOTICED_WITHIN_S = 15.0


class Running:
    """A pipeline whose feed simulates at 60 times real time."""

    def __init__(self, supervisor: Supervisor, url: str, state: Path) -> None:
        self.supervisor = supervisor
        self.url = url
        self.state = state

    def child(self, name: str) -> ChildProcess:
        return next(child for child in self.supervisor.children if child.plan.name == name)

    @asynccontextmanager
    async def stopped(self, name: str) -> AsyncIterator[None]:
        """Hold a process for as long as the block runs."""
        process = self.child(name)
        process.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.signal(signal.SIGCONT)

    async def health(self) -> dict[str, Any]:
        async with httpx.AsyncClient(base_url=self.url) as client:
            answer: dict[str, Any] = (await client.get("/health")).json()
            return answer

    async def until_healthy(self) -> None:
        seen: list[dict[str, Any]] = []

        async def healthy() -> bool:
            seen[:] = [await self.health()]
            (network,) = seen[0]["data_ages"]
            return bool(seen[0]["status"] == "healthy" and network["state"] == "fresh")

        await until(healthy, lambda: f"all is well: {json.dumps(seen, indent=1)}", DEADLINE_S, 0.2)


@pytest.fixture(scope="module")
def open_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Any]:
    @asynccontextmanager
    async def build() -> AsyncIterator[Running]:
        folder: Path = tmp_path_factory.mktemp("ages")
        settings = {"METRLA_INGEST_IDLE_TIMEOUT_S": "5", "METRLA_INGEST_ARCHIVE_FLUSH_S": "2"}
        plan = PipelinePlan(
            state=folder,
            networks=[EXAMPLE_NETWORK],
            broker_port=free_port(),
            gateway_port=free_port(),
            broker_retention_bytes=RETENTION_BYTES,
            settings=settings,
        )
        async with supervise(print) as supervisor:
            await supervisor.start(plan.broker())
            await supervisor.start(*map(plan.service, SERVICES), plan.gateway())
            feed = ["simulate", "--network", str(EXAMPLE_NETWORK), "--speed", str(SPEED), "--warm-up", "2h"]
            await supervisor.start(plan.feed(feed))
            yield Running(supervisor, plan.gateway_url, folder)

    return build


@pytest.mark.parametrize(
    ("process", "named"),
    [
        ("feed", "readings"),
        ("ingest", "windows"),
        ("predictor", "forecasts"),
        ("alert-detector", "alerts"),
        ("broker", "broker"),
    ],
)
async def test_what_is_stopped_is_named_everywhere_until_it_goes_on(
    open_pipeline: Callable[[], Any], process: str, named: str
) -> None:
    async with open_pipeline() as running, httpx.AsyncClient(base_url=running.url) as client:
        await running.until_healthy()
        async with (
            GatewayClient(running.url) as gateway,
            aclosing(gateway.stream(channels={Channel.ALERTS})) as messages,  # type: ignore[type-var]  # a generator
        ):
            await until_told(messages, None)
            (network,) = (await running.health())["data_ages"]
            (limit_s,) = (stage["limit_s"] for stage in network["stages"] if stage["stage"] == named)
            async with running.stopped(process):
                # Two windows take longer than that where the machine is busy; and then it is so itself.
                async with asyncio.timeout(max(NOTICED_WITHIN_S, limit_s) + 10):
                    told = await until_told(messages, named)
                assert told.word(NETWORK).startswith("stale since 20")
                health = await running.health()
                assert health["status"] == "degraded"
                assert f"({named})" in health["services"]["data"]
                (report,) = (await client.get("/api/networks")).json()
                assert report["data_age"]["stale"][0] == named
                text = (await client.get("/metrics")).text
                assert f'metrla_gateway_data_stale{{network="{NETWORK}",stage="{named}"}} 1.0' in text
            await running.until_healthy()
            await until_told(messages, None)


async def test_an_archive_and_a_store_that_are_taken_away_are_named_until_they_are_back(
    open_pipeline: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    away = tmp_path_factory.mktemp("away")
    async with open_pipeline() as running:
        await running.until_healthy()

        async def stale(stage: str) -> bool:
            health = await running.health()
            return stage in health["data_ages"][0]["stale"] and health["status"] == "degraded"

        async def says(part: str, what: str) -> bool:
            said = (await running.health())["services"][part]
            return bool(said.startswith("unhealthy") and what in said)

        raw = running.state / "archive" / "traffic-data" / "raw"
        raw.rename(away / "raw")
        raw.write_text("in the way")
        await until(lambda: says("hdfs", "cannot write"), "the archive is said to take nothing", NOTICED_WITHIN_S)
        await until(lambda: stale("archive"), "ingest is said to be behind with the archive", DEADLINE_S)
        raw.unlink()
        (away / "raw").rename(raw)
        await running.until_healthy()

        for part in running.state.glob("store.sqlite*"):
            part.rename(away / part.name)
        await until(lambda: says("database", "is gone"), "the store is said to be gone", NOTICED_WITHIN_S)
        await until(lambda: stale("windows"), "windows are said to wait for it", DEADLINE_S)
        for part in away.glob("store.sqlite*"):
            part.rename(running.state / part.name)
        await running.until_healthy()


async def until_told(messages: Any, named: str | None) -> HeartbeatMessage:  # noqa: ANN401 - an asynchronous generator
    """The next message that names this stage first; `None`: that all is well."""
    message: Message
    async for message in messages:
        if isinstance(message, HeartbeatMessage) and message.data:
            if named is None and message.word() == "fresh":
                return message
            if named is not None and message.word().endswith(f"({named})"):
                return message
    raise AssertionError("the stream ended")


async def test_a_gateway_that_hangs_is_noticed_by_its_clients_and_started_again(
    open_pipeline: Callable[[], Any],
) -> None:
    async with open_pipeline() as running:
        await running.until_healthy()
        async with (
            GatewayClient(running.url) as gateway,
            aclosing(gateway.stream(channels={Channel.ALERTS})) as messages,  # type: ignore[type-var]  # a generator
        ):
            await until_told(messages, None)
            hung = running.child("gateway")
            pid = hung.pid
            hung.signal(signal.SIGSTOP)
            async with asyncio.timeout(NOTICED_WITHIN_S):
                lost = await until_told(messages, "gateway")
            assert lost.unheard_since is not None
            await until(lambda: hung.restarts == 1 and hung.pid != pid, "the gateway is started again", DEADLINE_S, 0.2)
            async with asyncio.timeout(DEADLINE_S):
                assert (await until_told(messages, None)).unheard_since is None


async def test_a_raw_client_is_sent_no_snapshot_before_the_view_is_complete(tmp_path: Path) -> None:
    """The broker is not there yet: a heartbeat says that it waits, and nothing says that there are no alerts."""
    plan = PipelinePlan(
        state=tmp_path,
        networks=[EXAMPLE_NETWORK],
        broker_port=free_port(),
        gateway_port=free_port(),
        broker_retention_bytes=RETENTION_BYTES,
        settings={"METRLA_GATEWAY_HEARTBEAT_INTERVAL_S": "0.2"},
    )
    async with supervise(print) as supervisor:
        gateway = ChildProcess(plan.gateway())
        supervisor.children.append(gateway)
        await gateway.start()
        await until(gateway.is_live, "the gateway answers", DEADLINE_S)
        address = f"{plan.gateway_url.replace('http', 'ws', 1)}/ws/predictions?channels=alerts&channels=predictions"
        async with connect(address) as socket:
            early = [json.loads(await socket.recv()) for _ in range(5)]
            assert {message["type"] for message in early} == {"heartbeat"}
            assert {row["state"] for message in early for row in message["data"]} == {"waiting"}
            await supervisor.start(plan.broker())
            kinds: list[str] = []
            async with asyncio.timeout(DEADLINE_S):
                while "alerts_snapshot" not in kinds:
                    kinds.append(json.loads(await socket.recv())["type"])
