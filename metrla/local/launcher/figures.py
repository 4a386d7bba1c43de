"""What a running pipeline has done so far, read from its processes' own metrics."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import httpx
from prometheus_client.parser import text_string_to_metric_families

from metrla.local.launcher.process import ChildProcess


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts since the start; `event_time` is the newest instant that a forecast was made for."""

    events: int = 0
    dead_lettered: int = 0
    windows: int = 0
    predictions: int = 0
    alerts_raised: int = 0
    alerts_active: int = 0
    lag: int = 0
    event_time: datetime | None = None


class FiguresReader:
    """Reads figures; what does not answer keeps its last ones.

    A process counts from its own start, so the counts of one that was started again are added to what its
    predecessors had reached.
    """

    def __init__(self, gateway_url: str) -> None:
        self._gateway_url = gateway_url
        self._last: dict[str, dict[str, float]] = {}
        self._before: dict[str, dict[str, float]] = {}
        self._incarnation: dict[str, int] = {}
        self._event_time: datetime | None = None

    async def read(self, children: Iterable[ChildProcess]) -> Figures:
        """The figures of now."""
        async with httpx.AsyncClient(timeout=2) as client:
            await asyncio.gather(
                self._read_event_time(client),
                *(self._read_child(client, child) for child in children if child.plan.metrics_url),
            )
        return Figures(
            events=self._total("ingest", "metrla_ingest_events_total"),
            dead_lettered=self._total("ingest", "metrla_ingest_rejected_events_total"),
            windows=self._total("ingest", "metrla_ingest_windows_total"),
            predictions=self._total("predictor", "metrla_predictor_predictions_total"),
            alerts_raised=self._total("alert-detector", "metrla_alert_detector_changes_total/raised"),
            alerts_active=self._now("alert-detector", "metrla_alert_detector_active_alerts"),
            lag=self._now("ingest", "metrla_ingest_lag_events"),
            event_time=self._event_time,
        )

    async def _read_child(self, client: httpx.AsyncClient, child: ChildProcess) -> None:
        name, url = child.plan.name, child.plan.metrics_url
        try:
            answer = await client.get(url or "")
        except httpx.TransportError:
            return
        if self._incarnation.setdefault(name, child.restarts) != child.restarts:
            self._incarnation[name] = child.restarts
            before, last = self._before.setdefault(name, {}), self._last.get(name, {})
            for metric, value in last.items():
                before[metric] = before.get(metric, 0) + value
        self._last[name] = _sums(answer.text)

    async def _read_event_time(self, client: httpx.AsyncClient) -> None:
        try:
            answer = await client.get(f"{self._gateway_url}/api/predictions", params={"limit": 1})
        except httpx.TransportError:
            return
        if answer.is_success and (newest := answer.json()):
            self._event_time = datetime.fromisoformat(newest[0]["timestamp"])

    def _total(self, name: str, metric: str) -> int:
        return int(self._before.get(name, {}).get(metric, 0)) + self._now(name, metric)

    def _now(self, name: str, metric: str) -> int:
        return int(self._last.get(name, {}).get(metric, 0))


def _sums(exposition: str) -> dict[str, float]:
    """Each sample's value summed over its labels, and once more by `status` where it has one."""
    sums: dict[str, float] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            sums[sample.name] = sums.get(sample.name, 0) + sample.value
            if status := sample.labels.get("status"):
                key = f"{sample.name}/{status}"
                sums[key] = sums.get(key, 0) + sample.value
    return sums
