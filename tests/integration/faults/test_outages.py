"""Kafka, HDFS and HBase away for a minute under a feed: it is said where it must be, the rest goes on, all catches up.

It stops servers, so it has a native stack of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

import httpx
import pytest

from metrla.data.importing.folder import write_network
from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.process import ChildProcess
from metrla.local.launcher.supervisor import Supervisor, supervise
from metrla.local.stack import jars
from metrla.local.stack.components import Component
from metrla.local.stack.control import NativeStack
from metrla.local.stack.shape import StackShape, free_ports
from shared.events.errors import ConfigurationError
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.chaos.feeder import feed_all
from tests.chaos.run import GROUPS, SETTINGS, Watcher, audited
from tests.chaos.scenario import chaos_networks, feed
from tests.chaos.settling import settle
from tests.chaos.training import train
from tests.chaos.truth import Truth
from tests.kit.until import until

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    # Servers are meant to outlive the process that started them; here the stack stops them by their ids.
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
]

AWAY_S = 60.0
RATE_PER_S = 150.0
# More than are fed before the last outage is over.
READINGS = 200_000
NOTICED_S = 75.0
MIB = 1024 * 1024
MOST_GROWTH_BYTES = 64 * MIB
SERVICES = ("ingest", "predictor", "alert-detector")


def no_servers() -> str | None:
    try:
        jars.java()
    except ConfigurationError as missing:
        return str(missing)
    return "the jars of the native stack are not there: metrla stack fetch" if jars.missing() else None


@dataclass
class Pipeline:
    """Services over a stack of their own, seen through their probes."""

    plan: PipelinePlan
    stack: NativeStack
    supervisor: Supervisor
    children: dict[str, ChildProcess]
    http: httpx.AsyncClient

    async def waits_for(self, name: str) -> str:
        """What keeps a service from being ready, empty where it is."""
        answer = await self.http.get(f"{self._url(name)}/ready")
        return "" if answer.is_success else answer.text

    async def lives(self, name: str) -> bool:
        return (await self.http.get(f"{self._url(name)}/live")).is_success

    async def figure(self, name: str, metric: str) -> float:
        page = (await self.http.get(f"{self._url(name)}/metrics")).text
        return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if line.startswith(metric))

    async def health(self) -> dict[str, str]:
        parts: dict[str, str] = (await self.http.get(f"{self.plan.gateway_url}/health")).json()["services"]
        return parts

    def server(self, name: str) -> Component:
        return self.stack.component(name)

    def _url(self, name: str) -> str:
        url = self.children[name].plan.metrics_url
        assert url is not None
        return url.removesuffix("/metrics")


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Pipeline]:
    networks = chaos_networks(load_network(EXAMPLE_NETWORK))
    folders = [folder / "networks" / network.network_id for network in networks]
    for network, where in zip(networks, folders, strict=True):
        write_network(network, where)
    shape = StackShape(free_ports())
    stack = NativeStack(folder / "stack", shape)
    addresses = shape.addresses()
    plan = PipelinePlan(
        state=folder,
        networks=folders,
        broker_port=shape.ports.kafka,
        gateway_port=free_port(),
        broker_retention_bytes=0,
        settings={**SETTINGS, **addresses, "METRLA_INGEST_ARCHIVE_FLUSH_EVENTS": "500"},
    )
    try:
        await asyncio.to_thread(stack.up, lambda _: None)
        await train(plan, 7)
        async with supervise(print) as supervisor, httpx.AsyncClient(timeout=30) as http:
            children = await supervisor.start(*(plan.service(name) for name in SERVICES), plan.gateway())
            yield Pipeline(plan, stack, supervisor, {child.plan.name: child for child in children}, http)
    finally:
        await asyncio.to_thread(stack.down, lambda _: None)


@pytest.mark.skipif(no_servers() is not None, reason=str(no_servers()))
async def test_what_is_away_is_named_the_rest_goes_on_and_all_catches_up(tmp_path: Path) -> None:
    async with running(tmp_path) as pipeline:
        truth = Truth(tmp_path / "truth.sqlite")
        over = asyncio.Event()
        networks = chaos_networks(load_network(EXAMPLE_NETWORK))
        messages = feed(networks, READINGS, 11)
        until_over = takewhile(lambda _: not over.is_set(), messages)
        feeding = asyncio.create_task(
            feed_all(pipeline.plan.bootstrap_servers, until_over, RATE_PER_S, truth, nothing_due, lambda _: None)
        )
        try:
            await hdfs_away(pipeline)
            await hbase_away(pipeline)
            await kafka_away(pipeline)
            over.set()
            await feeding
        finally:
            feeding.cancel()
        bootstrap = pipeline.plan.bootstrap_servers
        await settle(bootstrap, [GROUPS[name] for name in SERVICES], 180.0, lambda _: None)
        for child in pipeline.children.values():
            assert child.restarts == 0, f"{child.plan.name} ended:\n{child.log_tail()}"
        await pipeline.supervisor.stop()
        findings = await audited(pipeline.plan, truth, networks, Watcher(print, print, lambda *_: None))
        assert findings.clean, [example for area in findings.areas for example in area.examples]
        truth.close()


async def nothing_due(_: int) -> None:
    """No fault is planned by place in the feed."""


@asynccontextmanager
async def away(pipeline: Pipeline, servers: Sequence[str]) -> AsyncIterator[None]:
    """Stop servers, keep them away for a minute in all, start them again; every service lives and grows little."""
    before = {name: child.rss_bytes() for name, child in pipeline.children.items()}
    loop = asyncio.get_running_loop()
    for name in servers:
        await asyncio.to_thread(pipeline.stack.kill, pipeline.server(name))
    back_at = loop.time() + AWAY_S
    try:
        yield
        for name, child in pipeline.children.items():
            assert await pipeline.lives(name)
            assert child.rss_bytes() - before[name] < MOST_GROWTH_BYTES, f"{name} grew in an outage"
        await asyncio.sleep(max(0.0, back_at - loop.time()))
    finally:
        for name in reversed(servers):
            await asyncio.to_thread(pipeline.stack.start, pipeline.server(name))
            await asyncio.to_thread(pipeline.stack.wait_ready, pipeline.server(name))
    for name in pipeline.children:

        async def ready(name: str = name) -> bool:
            return not await pipeline.waits_for(name)

        await until(ready, f"{name} is ready again after {', '.join(servers)} came back", NOTICED_S, 0.2)


async def hdfs_away(pipeline: Pipeline) -> None:
    async with away(pipeline, ["namenode"]):

        async def named() -> bool:
            return "archive" in await pipeline.waits_for("ingest")

        await until(named, "ingest says that it waits for the archive", NOTICED_S, 0.2)
        assert "unhealthy" in (await pipeline.health())["hdfs"]
        assert not await pipeline.waits_for("gateway")
        assert not await pipeline.waits_for("predictor")
        await windows_go_on(pipeline)


async def hbase_away(pipeline: Pipeline) -> None:
    async with away(pipeline, ["thrift"]):

        async def named() -> bool:
            return "store" in await pipeline.waits_for("ingest")

        await until(named, "ingest says that it waits for the store", NOTICED_S, 0.2)
        assert "unhealthy" in (await pipeline.health())["database"]
        assert not await pipeline.waits_for("gateway")
        archived = await pipeline.figure("ingest", "metrla_ingest_archived_events_total")

        async def more() -> bool:
            return await pipeline.figure("ingest", "metrla_ingest_archived_events_total") > archived

        await until(more, "the archive goes on without the store", NOTICED_S, 0.2)


async def kafka_away(pipeline: Pipeline) -> None:
    async with away(pipeline, ["kafka"]):
        for name in pipeline.children:

            async def named(name: str = name) -> bool:
                return "broker" in await pipeline.waits_for(name)

            await until(named, f"{name} says that it waits for the broker", NOTICED_S, 0.2)
        assert "unhealthy" in (await pipeline.health())["kafka"]


async def windows_go_on(pipeline: Pipeline) -> None:
    before = await pipeline.figure("ingest", "metrla_ingest_windows_total")

    async def more() -> bool:
        return await pipeline.figure("ingest", "metrla_ingest_windows_total") > before

    await until(more, "windows go on without the archive", NOTICED_S, 0.2)
