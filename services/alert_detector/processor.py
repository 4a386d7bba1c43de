"""Windows in, changes of alerts out: what the worker drives. Decides and does no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from structlog.stdlib import BoundLogger

from services.alert_detector.advisories.desk import AdvisoryDesk, network_time
from services.alert_detector.congestion.detector import CongestionDetector
from services.alert_detector.lifecycle.board import AlertBoard
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficAlert
from shared.runtime.clock import Clock, wall_clock
from shared.windows.steps import NetworkSteps, Step

log: BoundLogger = structlog.stdlib.get_logger(__name__)

CORRECTABLE_WINDOWS = 3
"""A window this much older than the newest is still put in its place, where the next step sees it."""


@dataclass(frozen=True, slots=True)
class RoadChanges:
    """The changes of one step on one carriageway. They reach the log together or not at all."""

    alerts: tuple[TrafficAlert, ...]


@dataclass
class _Watch:
    """One network: its windows, its alerts, how far it is judged. `since` is the wall time of its last window."""

    steps: NetworkSteps
    board: AlertBoard
    since: float
    judged: datetime | None = None
    delivered: int = 0


@dataclass
class AlertProcessor:
    """Judges each step of each network once, when it is ready, and again when more of its own windows came.

    A correction of an older window counts from the next step on: so what is raised depends on the order of the log and
    not on when this process looked.
    """

    detectors: Mapping[NetworkId, CongestionDetector]
    settle_seconds: float
    silence_seconds: float
    advisories: AdvisoryDesk
    clock: Clock = wall_clock
    _recalled: dict[int, Mapping[NetworkId, AlertBoard]] = field(default_factory=dict)
    _watches: dict[int, dict[NetworkId, _Watch]] = field(default_factory=dict)
    _strangers: set[str] = field(default_factory=set)
    _spans: dict[NetworkId, timedelta] = field(init=False)

    def __post_init__(self) -> None:
        """Note how far back each network's state reaches."""
        self._spans = {network_id: self._steps(network_id).ring.span for network_id in self.detectors}

    def recall(self, partition: int, boards: Mapping[NetworkId, AlertBoard]) -> None:
        """Take the alerts that the log knows, before `rebuild`; networks that this partition carries, no others."""
        self._recalled[partition] = boards

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """Whether every network that is in `records` at all is there for as long as its detector looks back."""
        spans: dict[NetworkId, tuple[datetime, datetime]] = {}
        for record in records:
            first, last = spans.get(record.network_id, (record.window_start, record.window_start))
            spans[record.network_id] = min(first, record.window_start), max(last, record.window_start)
        return all(
            last - first > self._spans[network_id]
            for network_id, (first, last) in spans.items()
            if network_id in self._spans
        )

    def rebuild(self, partition: int, records: Sequence[ProcessedTrafficAggregate], now: float) -> None:
        """Set the state of a partition from the windows before the committed offset and the alerts recalled.

        The steps before the newest were judged when the newest began, and what that changed is on the log.
        """
        watches = self._watches[partition] = {}
        for network_id, board in self._recalled.pop(partition, {}).items():
            watches[network_id] = _Watch(self._steps(network_id), board, now)
        windows: dict[NetworkId, list[ProcessedTrafficAggregate]] = {}
        for record in records:
            if self._known(record):
                windows.setdefault(record.network_id, []).append(record)
        for network_id, seen in windows.items():
            watch = self._watch(partition, network_id, now)
            watch.steps.rebuild(seen, now)
            newest = watch.steps.ring.newest
            watch.judged = None if newest is None else watch.steps.ring.window_start(newest)

    def forget(self, partition: int) -> None:
        """Drop the state of a partition that is no longer ours."""
        for network_id in {**self._watches.pop(partition, {}), **self._recalled.pop(partition, {})}:
            self.advisories.forget(network_id)

    def handle(self, partition: int, records: Sequence[ProcessedTrafficAggregate], now: float) -> Sequence[RoadChanges]:
        """Take windows in; returns what the steps that are ready by them change."""
        changes: list[RoadChanges] = []
        for record in records:
            if self._known(record):
                watch = self._watch(partition, record.network_id, now)
                watch.since = now
                changes.extend(self._judge(watch, watch.steps.add(record, now)))
        return changes

    def tick(self, now: float) -> Sequence[RoadChanges]:
        """What changes because time has passed: steps settle, silent networks lose their alerts."""
        changes: list[RoadChanges] = []
        for watches in self._watches.values():
            for watch in watches.values():
                changes.extend(self._judge(watch, watch.steps.tick(now)))
                if now - watch.since >= self.silence_seconds:
                    changes.extend(self._silence(watch))
                changes.extend(self._passing(watch, now))
        return changes

    @property
    def standing(self) -> int:
        """How many alerts stand in the networks that are ours."""
        return sum(len(watch.board.standing()) for watches in self._watches.values() for watch in watches.values())

    def covered(self, network_id: NetworkId) -> set[SensorId]:
        """The sensors of a network's standing alerts that its windows raised."""
        boards = [watches[network_id].board for watches in self._watches.values() if network_id in watches]
        return {sensor for board in boards for alert in board.standing() for sensor in alert.affected_sensors}

    def _judge(self, watch: _Watch, steps: Iterable[Step]) -> Iterable[RoadChanges]:
        for step in steps:
            end = step.window_end
            further = watch.judged is None or end > watch.judged
            if further or (end == watch.judged and step.delivered > watch.delivered):
                watch.judged, watch.delivered = end, step.delivered
                detector = self.detectors[step.network.network_id]
                changes = detector.changes(watch.board, end, step.speed_mph, step.share_observed)
                yield from self._kept(watch, changes)
                yield from _each(self.advisories.step(step.network.network_id, end, step.speed_mph))

    def _passing(self, watch: _Watch, now: float) -> Iterable[RoadChanges]:
        """What advisories change between steps."""
        at = network_time(watch.judged, now - watch.since, self.silence_seconds, self.clock())
        return _each(self.advisories.tick(watch.board.network.network_id, at))

    def _silence(self, watch: _Watch) -> Iterable[RoadChanges]:
        standing = watch.board.standing()
        if standing:
            last = max(alert.updated_at for alert in standing)
            since = last if watch.judged is None else max(watch.judged, last)
            yield from self._kept(watch, self.detectors[watch.board.network.network_id].silence(watch.board, since))

    def _kept(self, watch: _Watch, changes: Iterable[Sequence[TrafficAlert]]) -> Iterable[RoadChanges]:
        for alerts in changes:
            watch.board.apply(alerts)
            yield RoadChanges(tuple(alerts))

    def _watch(self, partition: int, network_id: NetworkId, now: float) -> _Watch:
        watches = self._watches.setdefault(partition, {})
        if network_id not in watches:
            detector = self.detectors[network_id]
            board = AlertBoard(detector.network, detector.alert_type)
            watches[network_id] = _Watch(self._steps(network_id), board, now)
        return watches[network_id]

    def _steps(self, network_id: NetworkId) -> NetworkSteps:
        detector = self.detectors[network_id]
        return NetworkSteps(
            detector.network,
            history=detector.rule.points,
            correctable=CORRECTABLE_WINDOWS,
            settle_seconds=self.settle_seconds,
        )

    def _known(self, record: ProcessedTrafficAggregate) -> bool:
        detector = self.detectors.get(record.network_id)
        if detector is not None and record.sensor_id in detector.network.index:
            return True
        stranger = f"{record.network_id}/{'*' if detector is None else record.sensor_id}"
        if stranger not in self._strangers:
            self._strangers.add(stranger)
            log.warning("passing over windows of an unknown sensor", network=record.network_id, sensor=record.sensor_id)
        return False


def _each(alerts: Iterable[TrafficAlert]) -> Iterable[RoadChanges]:
    # Unlike queues, advisories have nothing to do with each other: each change stands for itself.
    return (RoadChanges((alert,)) for alert in alerts)
