"""Windows in, changes of alerts out: what the worker drives. Decides and does no I/O."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from structlog.stdlib import BoundLogger

from shared.alerts.advisories.desk import AdvisoryDesk, network_time
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.judge import Boards, judged, silenced
from shared.alerts.learned.learner import Learner
from shared.alerts.learned.state import Learned
from shared.alerts.learned.wire import StateRecord, records_of
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.watching import Recalled, Taught, Watch
from shared.events.records import AlertType, NetworkId, ProcessedTrafficAggregate, SensorId, TrafficAlert
from shared.runtime.clock import Clock, wall_clock
from shared.traffic.steps import NetworkSteps, Step

log: BoundLogger = structlog.stdlib.get_logger(__name__)

CORRECTABLE_WINDOWS = 3
"""A window this much older than the newest is still put in its place, where the next step sees it."""


@dataclass(frozen=True, slots=True)
class RoadChanges:
    """The changes of one step on one carriageway. They reach the log together or not at all.

    Or, behind those of a step, what it taught (`learned`): it reaches the log after them.
    """

    alerts: tuple[TrafficAlert, ...]
    learned: tuple[StateRecord, ...] = ()


@dataclass
class AlertProcessor:
    """Judges each step of each network once, when it is ready, and again when more of its own windows came.

    A correction of an older window counts from the next step on: so what is raised depends on the order of the log and
    not on when this process looked. Networks without a learner know nothing of what is usual, and raise no incidents.
    """

    detectors: Mapping[NetworkId, CongestionDetector]
    settle_seconds: float
    silence_seconds: float
    advisories: AdvisoryDesk
    clock: Clock = wall_clock
    learners: Mapping[NetworkId, Learner] = field(default_factory=dict)
    _recalled: dict[int, Recalled] = field(default_factory=dict)
    _watches: dict[int, dict[NetworkId, Watch]] = field(default_factory=dict)
    _strangers: set[str] = field(default_factory=set)
    _spans: dict[NetworkId, timedelta] = field(init=False)

    def __post_init__(self) -> None:
        """Note how far back each network's state reaches."""
        self._spans = {network_id: self._steps(network_id).ring.span for network_id in self.detectors}

    def recall(
        self,
        partition: int,
        boards: Mapping[NetworkId, AlertBoard],
        incidents: Mapping[NetworkId, AlertBoard] | None = None,
        learned: Mapping[NetworkId, Learned] | None = None,
    ) -> None:
        """Take what the log knows, before `rebuild`; of networks that this partition carries, no others.

        Args:
            partition: of the windows.
            boards: congestion alerts.
            incidents: incident alerts.
            learned: what was learned, of networks of which anything was.
        """
        self._recalled[partition] = Recalled(boards, incidents or {}, learned or {})

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
        recalled = self._recalled.pop(partition, Recalled({}, {}, {}))
        for network_id, board in recalled.boards.items():
            incidents = recalled.incidents.get(network_id) or AlertBoard(board.network, AlertType.INCIDENT)
            watches[network_id] = Watch(self._steps(network_id), Boards(board, incidents), now)
        windows: dict[NetworkId, list[ProcessedTrafficAggregate]] = {}
        for record in records:
            if self._known(record):
                windows.setdefault(record.network_id, []).append(record)
        for network_id, seen in windows.items():
            watch = self._watch(partition, network_id, now)
            watch.steps.rebuild(seen, now)
            newest = watch.steps.ring.newest
            watch.judged = None if newest is None else watch.steps.ring.window_start(newest)
        for network_id, learned in recalled.learned.items():
            watch = self._watch(partition, network_id, now)
            watch.after = Taught(learned, self.learners[network_id].hours(learned))
            if learned.step is not None and (watch.judged is None or learned.step >= watch.judged):
                # All alerts of that step are on the log, and the state before it is not: it is over.
                watch.judged, watch.delivered = learned.step, len(self.learners[network_id].road.sensors)

    def forget(self, partition: int) -> None:
        """Drop the state of a partition that is no longer ours."""
        recalled = self._recalled.pop(partition, Recalled({}, {}, {}))
        for network_id in {**self._watches.pop(partition, {}), **recalled.boards}:
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

    def standing(self, alert_type: AlertType | None = None) -> int:
        """How many alerts of a type, or of both, stand in the networks that are ours."""
        return sum(
            alert_type is None or alert.alert_type is alert_type
            for watches in self._watches.values()
            for watch in watches.values()
            for alert in watch.boards.standing()
        )

    @property
    def doubted(self) -> int:
        """How many sensors of the networks that are ours are not believed."""
        return sum(watch.doubted for watches in self._watches.values() for watch in watches.values())

    def covered(self, network_id: NetworkId) -> set[SensorId]:
        """The sensors of a network's standing alerts that its windows raised."""
        boards = [watches[network_id].boards for watches in self._watches.values() if network_id in watches]
        return {sensor for board in boards for alert in board.standing() for sensor in alert.affected_sensors}

    def _judge(self, watch: Watch, steps: Iterable[Step]) -> Iterable[RoadChanges]:
        for step in steps:
            end = step.window_end
            further = watch.judged is None or end > watch.judged
            if further or (end == watch.judged and step.delivered > watch.delivered):
                watch.judged, watch.delivered = end, step.delivered
                if further:
                    watch.before = watch.after
                yield from self._stepped(watch, step)
                yield from _each(self.advisories.step(step.network.network_id, end, step.speed_mph))

    def _stepped(self, watch: Watch, step: Step) -> Iterable[RoadChanges]:
        detector, learner = self.detectors[step.network.network_id], self.learners.get(step.network.network_id)
        shown = step.window_end, step.speed_mph, step.share_observed, step.volume_vehicles
        if learner is None:
            yield from self._kept(watch, detector.changes(watch.boards.congestion, *shown))
            return
        nothing = learner.nothing()
        before = watch.before or Taught(nothing, learner.hours(nothing))
        newest = step.speed_mph[-1], step.occupancy[-1], step.volume_vehicles[-1]
        lesson = learner.step(before.learned, before.hours, step.window_end, *newest)
        watch.after = Taught(lesson.after, lesson.hours)
        watch.doubted = int((~lesson.known.believed).sum())
        moment = detector.look(watch.boards.standing(), *shown, lesson.known)
        yield from self._kept(watch, judged(detector, watch.boards, moment, lesson))
        yield RoadChanges((), records_of(learner, lesson.after))

    def _passing(self, watch: Watch, now: float) -> Iterable[RoadChanges]:
        """What advisories change between steps."""
        at = network_time(watch.judged, now - watch.since, self.silence_seconds, self.clock())
        return _each(self.advisories.tick(watch.boards.congestion.network.network_id, at))

    def _silence(self, watch: Watch) -> Iterable[RoadChanges]:
        standing = watch.boards.standing()
        if standing:
            last = max(alert.updated_at for alert in standing)
            since = last if watch.judged is None else max(watch.judged, last)
            detector = self.detectors[watch.boards.congestion.network.network_id]
            yield from self._kept(watch, silenced(detector, watch.boards, since))

    def _kept(self, watch: Watch, changes: Iterable[Sequence[TrafficAlert]]) -> Iterable[RoadChanges]:
        for alerts in changes:
            watch.boards.apply(alerts)
            yield RoadChanges(tuple(alerts))

    def _watch(self, partition: int, network_id: NetworkId, now: float) -> Watch:
        watches = self._watches.setdefault(partition, {})
        if network_id not in watches:
            detector = self.detectors[network_id]
            both = (AlertBoard(detector.network, one) for one in (detector.alert_type, AlertType.INCIDENT))
            watches[network_id] = Watch(self._steps(network_id), Boards(*both), now)
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
