"""A whole pipeline of real processes, and how to wait for it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.process import ChildProcess
from metrla.local.launcher.supervisor import Supervisor, supervise
from shared.events.records import SensorId
from shared.store.port import Store
from shared.store.url import open_store
from tests.kit.until import until

DEADLINE_S = 150.0
RETENTION_BYTES = 256 * 1024 * 1024
SERVICES = ("ingest", "predictor", "alert-detector")
# Local midnight; the two weeks before the replayed Tuesday are for training.
FIRST_DAY = datetime(2026, 6, 30, tzinfo=ZoneInfo("America/Los_Angeles"))
REPLAYED_DAY = FIRST_DAY + timedelta(days=14)

Reading = tuple[SensorId, datetime]

in_time = partial(until, seconds=DEADLINE_S, every=0.2)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A file of speeds as METR-LA is published (0: missing), and what of it lies in the replayed day [begin, end)."""

    file: Path
    network: Path
    begin: str
    end: str
    readings: Mapping[Reading, float]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A running pipeline."""

    plan: PipelinePlan
    supervisor: Supervisor

    def child(self, name: str) -> ChildProcess:
        return next(child for child in self.supervisor.children if child.plan.name == name)

    async def feed(self, *arguments: str) -> ChildProcess:
        (feed,) = await self.supervisor.start(self.plan.feed(arguments))
        return feed

    def store(self) -> Store:
        return open_store(self.plan.store_url, create=False)


@asynccontextmanager
async def started(state: Path, *networks: Path) -> AsyncIterator[Pipeline]:
    """A pipeline on a state folder and network folders; it is stopped on leaving."""
    plan = PipelinePlan(
        state=state,
        networks=networks,
        broker_port=free_port(),
        gateway_port=free_port(),
        broker_retention_bytes=RETENTION_BYTES,
        settings={"METRLA_INGEST_IDLE_TIMEOUT_S": "3", "METRLA_INGEST_ARCHIVE_FLUSH_S": "2"},
    )
    async with supervise(print) as supervisor:
        await supervisor.start(plan.broker())
        await supervisor.start(*(plan.service(name) for name in SERVICES), plan.gateway())
        yield Pipeline(plan, supervisor)
