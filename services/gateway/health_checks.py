"""Health checks of the parts that the gateway depends on, run concurrently, each with a time limit."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, KafkaError

from services.gateway.views.ages import DataStage, DataState, NetworkAges
from services.gateway.views.traffic import TrafficView
from shared.archive.layout import model_prefix
from shared.archive.port import Archive
from shared.events.errors import MetrlaError
from shared.events.records import NetworkId
from shared.store.port import Store

HEALTHY = "healthy"
# Forecasts follow a window at once; three windows without one is a predictor that does not predict.
STALE_AFTER_WINDOWS = 3
_KNOWS_WHY = {
    DataStage.WINDOWS: "ingest",
    DataStage.FORECASTS: "the predictor",
    DataStage.ALERTS: "the alert detector",
    DataStage.ARCHIVE: "ingest",
}
# All clients that ask within this time share one report, so that probing costs the parts nothing.
FRESH_S = 1.0


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part: `fault=None` where it answers; `detail` says what the part is."""

    detail: str
    fault: str | None = None

    @property
    def word(self) -> str:
        """'healthy' or 'unhealthy: reason'."""
        return HEALTHY if self.fault is None else f"unhealthy: {self.fault}"


Check = Callable[[], Awaitable[str]]
"""Returns what the part is, or raises what is wrong with it."""


class HealthChecks:
    """Runs the checks by name; one that still waits is not started again, so a hanging part costs one thread."""

    def __init__(self, checks: Mapping[str, Check], timeout_s: float) -> None:
        self._checks = checks
        self._timeout_s = timeout_s
        self._running: dict[str, asyncio.Task[PartHealth]] = {}
        self._report: dict[str, PartHealth] = {}
        self._reported_at = float("-inf")
        self._asking = asyncio.Lock()

    async def report(self) -> Mapping[str, PartHealth]:
        """The health of every part, at most `FRESH_S` old; takes no longer than the time limit."""
        async with self._asking:
            if asyncio.get_running_loop().time() - self._reported_at >= FRESH_S:
                reports = await asyncio.gather(*map(self._check, self._checks))
                self._report = dict(zip(self._checks, reports, strict=True))
                self._reported_at = asyncio.get_running_loop().time()
            return self._report

    async def _check(self, name: str) -> PartHealth:
        task = self._running.get(name)
        if task is None or task.done():
            task = self._running[name] = asyncio.create_task(_judge(self._checks[name]))
        done, _ = await asyncio.wait({task}, timeout=self._timeout_s)
        return task.result() if done else PartHealth("", f"no answer within {self._timeout_s:g} s")


async def _judge(check: Check) -> PartHealth:
    try:
        return PartHealth(await check())
    except (MetrlaError, KafkaError, OSError) as failed:
        return PartHealth("", str(failed) or type(failed).__name__)


class _PartError(MetrlaError):
    """What is wrong with a part, for its report."""


def gateway_checks(
    store: Store,
    store_url: str,
    archive: Archive,
    archive_url: str,
    bootstrap_servers: str,
    view: TrafficView,
) -> Mapping[str, Check]:
    """The checks behind `/health`, by the names that its clients know."""
    return {
        "database": partial(_ping, store, f"{urlsplit(store_url).scheme} store"),
        "kafka": partial(_ask_brokers, bootstrap_servers),
        "ml_models": partial(_models, archive, view),
        "hdfs": partial(_ping, archive, _archive_kind(archive_url)),
    }


def _archive_kind(url: str) -> str:
    parts = urlsplit(url)
    return "archive in a local folder" if parts.scheme == "file" else f"HDFS at {parts.netloc}"


async def _ping(part: Store | Archive, detail: str) -> str:
    await asyncio.to_thread(part.ping)
    return detail


async def _ask_brokers(bootstrap_servers: str) -> str:
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers, client_id="metrla-gateway-health")
    try:
        try:
            await client.bootstrap()
        except KafkaConnectionError as unreachable:
            raise _PartError(f"no broker answers at {bootstrap_servers}") from unreachable
        brokers = client.cluster.brokers()
        return f"{len(brokers)} broker{'s' if len(brokers) != 1 else ''}"
    finally:
        await client.close()


async def _models(archive: Archive, view: TrafficView) -> str:
    """Predictions must keep up with the windows; without windows there must be models that could predict."""
    newest_window, newest_origin = view.windows.newest_end, view.predictions.newest_origin
    if newest_window is None:
        names = await asyncio.to_thread(_trained, archive, view.networks)
        if not names:
            raise _PartError("no trained model in the archive; run metrla train")
        return f"{len(names)} trained, no traffic yet"
    if newest_origin is None:
        raise _PartError("traffic arrives, but no predictions")
    behind = newest_window - newest_origin
    if behind > STALE_AFTER_WINDOWS * max(network.window for network in view.networks.values()):
        raise _PartError(f"predictions are {behind // timedelta(minutes=1)} minutes behind the traffic")
    serving = view.predictions.served_names
    compared = view.predictions.model_names - serving
    beside = f"; beside: {', '.join(sorted(compared))}" if compared else ""
    return f"predicting: {', '.join(sorted(serving)) or 'nothing that is served'}{beside}"


def data_health(networks: Sequence[NetworkAges], *, complete: bool) -> PartHealth:
    """Whether the data of every network is as new as it should be, at every stage of its way.

    Judged from the very ages that an answer shows, and so no part that is asked for its health now and then.
    """
    if not complete:
        return PartHealth("", "what is on the log is not read yet")
    if late := [_lateness(each) for each in networks if each.state is DataState.STALE]:
        return PartHealth("", "; ".join(late))
    return PartHealth(", ".join(f"{each.network_id}: {each.word}" for each in networks))


def _lateness(network: NetworkAges) -> str:
    """Since when the data of a network is late, and who knows why: a store that is full still answers us."""
    stage = None if network.first_stale is None else network.first_stale.stage
    who = f"; /ready of {_KNOWS_WHY[stage]} may say why" if stage in _KNOWS_WHY else ""
    return f"{network.network_id}: {network.word}{who}"


def _trained(archive: Archive, networks: Iterable[NetworkId]) -> set[str]:
    return {entry.path.rsplit("/", 1)[0] for network_id in networks for entry in archive.list(model_prefix(network_id))}
