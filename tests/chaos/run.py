"""One chaos run: start everything, feed, injure, wait, audit, stop everything."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from metrla.data.importing.folder import write_network
from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.process import ProcessPlan
from metrla.local.launcher.supervisor import Supervisor, supervise
from shared.events.topics import (
    AGGREGATES,
    ALERTS,
    PREDICTIONS,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
    Topic,
)
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import Network
from tests.chaos.auditor import Evidence, audit
from tests.chaos.calm import calm_alerts
from tests.chaos.expectation import expect
from tests.chaos.feeder import feed_all
from tests.chaos.findings import Findings
from tests.chaos.holdings import archived, stored
from tests.chaos.injector import Injector
from tests.chaos.logs import Logged, read_topic
from tests.chaos.scenario import READING_INTERVAL, Fault, Sort, Strike, chaos_networks, faults, feed, lanes
from tests.chaos.servers import RETENTION_BYTES, Servers
from tests.chaos.settling import settle
from tests.chaos.training import train
from tests.chaos.truth import SEQUENCE_HEADER, Truth

WINDOW_MS = 5 * 60 * 1000
LATENESS_MS = 15 * 60 * 1000
SECONDS_PER_SERVICE_FAULT = 6.0
SECONDS_PER_SERVER_FAULT = 30.0
SHORTEST_S = 20.0
SETTLE_PATIENCE_S = 300.0
MAX_RESTARTS = 1_000
KILLED = -9
GROUPS = {
    "ingest": "metrla-ingest-archive",
    "predictor": "metrla-predictor",
    "alert-detector": "metrla-alert-detector",
}

# Short intervals, so that kills meet flushes and commits; no step is judged by the wall clock, so that the alerts
# depend on the order of the windows alone and can be compared with those of a calm run.
SETTINGS = {
    "METRLA_LOG_FORMAT": "json",
    "METRLA_INGEST_LATENESS_S": f"{LATENESS_MS // 1000}",
    "METRLA_INGEST_IDLE_TIMEOUT_S": "8",
    "METRLA_INGEST_ARCHIVE_FLUSH_S": "2",
    "METRLA_ALERT_DETECTOR_SETTLE_SECONDS": "86400",
    "METRLA_ALERT_DETECTOR_SILENCE_SECONDS": "86400",
    # The calm run has no archive to begin from, so the disturbed one must not either.
    "METRLA_ALERT_DETECTOR_START_FROM_MODELS": "false",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. `rate_per_s=None` leaves the faults time to unfold; `hostile` adds what nobody can use."""

    state: Path
    readings: int
    service_kills: int
    seed: int
    stack: str
    services: Sequence[str]
    rate_per_s: float | None = None
    hostile: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was fed, what was injected, what was found; `ended` counts services that ended by themselves."""

    findings: Findings
    fed: Counter[Sort]
    injected: Counter[tuple[str, Strike]]
    ended: Counter[str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Watcher:
    """Where a run says how it goes."""

    announce: Callable[[str], None]
    phase: Callable[[str], None]
    progress: Callable[[int, int], None]


async def run(request: Request, servers: Servers, watcher: Watcher) -> Outcome:
    """Run and audit. Everything that was started is stopped on leaving, whatever happened."""
    began = time.monotonic()
    networks = chaos_networks(load_network(EXAMPLE_NETWORK), hostile=request.hostile)
    folders = [request.state / "networks" / network.network_id for network in networks]
    for network, folder in zip(networks, folders, strict=True):
        write_network(network, folder)
    plan = PipelinePlan(
        state=request.state,
        networks=folders,
        broker_port=servers.broker_port,
        gateway_port=free_port(),
        broker_retention_bytes=RETENTION_BYTES,
        settings={**SETTINGS, **servers.settings},
    )
    planned = faults(request.readings, request.seed, request.service_kills, request.services, servers.names)
    messages = list(feed(networks, request.readings, request.seed, hostile=request.hostile))
    ended: Counter[str] = Counter()
    async with AsyncExitStack() as stack:
        truth = Truth(request.state / "truth.sqlite")
        stack.callback(truth.close)
        watcher.phase("starting the servers")
        stack.push_async_callback(servers.stop)
        await servers.start(await stack.enter_async_context(supervise(watcher.announce)), plan)
        if "predictor" in request.services:
            watcher.phase("training the models")
            await train(plan, request.seed)
        watcher.phase("starting the services")
        supervisor = Supervisor(_counting(watcher.announce, ended), max_restarts=MAX_RESTARTS)
        stack.push_async_callback(supervisor.stop)
        await supervisor.start(*(_service(plan, name) for name in request.services))
        injector = Injector(planned, supervisor, plan, servers)
        injector.announce = watcher.announce
        stack.push_async_callback(injector.close)
        rate = request.rate_per_s or len(messages) / _long_enough_s(planned, servers)
        watcher.phase(f"feeding {len(messages)} messages at {rate:.0f}/s under {len(planned)} faults")
        progress = partial(watcher.progress, len(messages))
        await feed_all(plan.bootstrap_servers, iter(messages), rate, truth, injector.gate, progress)
        await injector.finish()
        await injector.close()
        groups = [GROUPS[name] for name in request.services if name in GROUPS]
        await settle(plan.bootstrap_servers, groups, SETTLE_PATIENCE_S, watcher.phase)
        watcher.phase("stopping the services")
        await supervisor.stop()
        watcher.phase("auditing")
        lives = {name: ended[name] for name in request.services} if request.hostile else {}
        findings = await audited(plan, truth, networks, watcher, lives)
    fed = Counter(message.sort for message in messages)
    return Outcome(findings, fed, injector.injected, ended, time.monotonic() - began)


async def audited(
    plan: PipelinePlan,
    truth: Truth,
    networks: Sequence[Network],
    watcher: Watcher,
    ended: Mapping[str, int] | None = None,
) -> Findings:
    """Compare what a run left with what it was fed; its services are stopped, its servers run.

    `ended`: how often each of the services ended by itself, where none may.
    """

    async def everything(topic: Topic) -> list[Logged]:
        return await read_topic(plan.bootstrap_servers, topic.name, topic.partitions)

    async def ours(topic: Topic) -> list[Logged]:
        """What services wrote: without what the feed has put beside it."""
        mark = SOURCE_TOPIC if topic is TRAFFIC_EVENTS_DLQ else None
        return [
            record
            for record in await everything(topic)
            if SEQUENCE_HEADER not in record.headers or (mark is not None and mark in record.headers)
        ]

    environment = plan.environment()
    windows = await ours(AGGREGATES)
    calm = await calm_alerts(plan, plan.state / "calm", windows, watcher.phase)
    watcher.phase("comparing")
    readings_per_window = WINDOW_MS / (READING_INTERVAL.total_seconds() * 1000)
    log = await everything(TRAFFIC_EVENTS)
    due = lanes(networks, TRAFFIC_EVENTS.partitions)
    return audit(
        Evidence(
            expected=expect(log, truth.messages(), due, WINDOW_MS, LATENESS_MS, readings_per_window),
            dead_letters=await ours(TRAFFIC_EVENTS_DLQ),
            aggregates=windows,
            predictions=await ours(PREDICTIONS),
            alerts=await ours(ALERTS),
            archived=list(archived(environment["METRLA_ARCHIVE_URL"])),
            stored=stored(environment["METRLA_STORE_URL"]),
            calm_alerts=calm,
            window_ms=WINDOW_MS,
            ended=ended or {},
            carriageways={
                (network.network_id, sensor.sensor_id): sensor.road_name
                for network in networks
                for sensor in network.sensors
            },
        ),
    )


def _service(plan: PipelinePlan, name: str) -> ProcessPlan:
    return plan.gateway() if name == "gateway" else plan.service(name)


def _long_enough_s(planned: Sequence[Fault], servers: Servers) -> float:
    """How long to feed, so that what was struck is mostly back before the next strike."""
    of_servers = sum(fault.target in servers.names for fault in planned)
    of_services = len(planned) - of_servers
    return max(SHORTEST_S, SECONDS_PER_SERVICE_FAULT * of_services, SECONDS_PER_SERVER_FAULT * of_servers)


def _counting(announce: Callable[[str], None], ended: Counter[str]) -> Callable[[str], None]:
    """Pass on what the supervisor says, and count the services that ended otherwise than by our SIGKILL."""

    def heard(line: str) -> None:
        name, _, rest = line.partition(" ended with status ")
        if rest and not rest.startswith(f"{KILLED};"):
            ended[name] += 1
            announce(line)

    return heard
