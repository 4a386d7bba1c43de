"""What the windows of a partition show: congestion, incidents and advisories, as changes of alerts. Pure."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from shared.alerts.advisories.announced import AnnouncedAlerts, network_time
from shared.alerts.advisories.reports import Detected, zone_of
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import flowing_points
from shared.alerts.detection.budget import Spending
from shared.alerts.learned.learner import Learner, Lesson
from shared.alerts.learned.sensors import doubted_sensors
from shared.alerts.learned.state import Learned
from shared.alerts.learned.wire import records_of
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.lifecycle.changes import RoadChanges
from shared.alerts.observed.step import Boards, detected, judged, silenced
from shared.events.records import AlertType, NetworkId, ProcessedTrafficAggregate, SensorId, TrafficAlert
from shared.traffic.arrays import Flags, Floats
from shared.traffic.assembler import StepAssembler, Strangers
from shared.traffic.health.always_slow import SlowHours
from shared.traffic.health.doubted import DoubtedSensor
from shared.traffic.network import Network
from shared.traffic.readings import unfit
from shared.traffic.roadway import Roadway
from shared.traffic.steps import NetworkSteps, Step

CORRECTABLE_WINDOWS = 3
"""A window this much older than the newest is still put in its place, where the next step sees it."""


@dataclass(frozen=True, slots=True)
class DetectionRules:
    """What is the same for all partitions of a process.

    Networks without a learner know nothing of what is usual, and raise no incidents.

    Attributes:
        detectors: one for each network.
        settle_seconds: wall time without a further window after which an incomplete step is judged.
        silence_seconds: wall time without any window of a network after which its alerts are cleared.
        advisories: what publishers announce.
        clock: wall time, by which advisories of a silent network begin and end; `None`: by its own event time alone.
        learners: of the networks whose usual speeds are learned.
        strangers: what was named in the log.
        clocks_off: the sensors of a network whose clocks are off: what they say is of another time, and no evidence.
    """

    detectors: Mapping[NetworkId, CongestionDetector]
    settle_seconds: float
    silence_seconds: float
    advisories: AnnouncedAlerts
    clock: Callable[[], datetime] | None = None
    learners: Mapping[NetworkId, Learner] = field(default_factory=dict)
    strangers: Strangers = field(default_factory=Strangers)
    clocks_off: Callable[[NetworkId], Collection[SensorId]] = lambda _: ()

    def assembler(self) -> StepAssembler:
        """The steps of a partition."""
        networks = {network_id: detector.network for network_id, detector in self.detectors.items()}
        return StepAssembler(networks, self._steps, self.strangers)

    def _steps(self, network: Network) -> NetworkSteps:
        return NetworkSteps(
            network,
            history=max(self.detectors[network.network_id].rule.points, flowing_points(network.window)),
            correctable=CORRECTABLE_WINDOWS,
            settle_seconds=self.settle_seconds,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What was learned, as of a step."""

    learned: Learned
    hours: SlowHours


@dataclass
class NetworkWatch:
    """One network between two steps.

    Attributes:
        steps: its windows.
        boards: its alerts.
        since: monotonic time of its last window, seconds.
        judged: end of the newest step that was judged.
        delivered: sensors that had delivered that step when it was judged.
        before: what was learned before that step, so that it can be judged again.
        after: what was learned with it.
        doubted: sensors that are not believed.
        detected: what its newest step shows of reported incidents.
        told: what was last said of them.
    """

    steps: NetworkSteps
    boards: Boards
    since: float = 0.0
    judged: datetime | None = None
    delivered: int = 0
    before: Taught | None = None
    after: Taught | None = None
    doubted: int = 0
    detected: Detected = field(default_factory=dict)
    told: Mapping[SensorId, DoubtedSensor] | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the log knows of the networks of a partition: congestion alerts, incident alerts, what was learned."""

    congestion: Mapping[NetworkId, AlertBoard] = field(default_factory=dict)
    incidents: Mapping[NetworkId, AlertBoard] = field(default_factory=dict)
    learned: Mapping[NetworkId, Learned] = field(default_factory=dict)


class ObservedAlerts:
    """What the alert detector does with a partition of windows while it is ours.

    Each step of each network is judged once, when it is ready, and again when more of its own windows came. A
    correction of an older window counts from the next step on: so what is raised depends on the order of the log and
    not on when this process looked.
    """

    def __init__(self, rules: DetectionRules, recalled: Recalled | None = None) -> None:
        self._rules = rules
        self._recalled = Recalled() if recalled is None else recalled
        self._assembler = rules.assembler()
        self._watches: dict[NetworkId, NetworkWatch] = {}
        for network_id, board in self._recalled.congestion.items():
            incidents = self._recalled.incidents.get(network_id) or AlertBoard(board.network, AlertType.INCIDENT)
            self._watches[network_id] = NetworkWatch(self._assembler.of(network_id), Boards(board, incidents))

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """Whether every network that is in `records` at all is there for as long as its detector looks back."""
        return self._assembler.enough(records)

    def rebuild(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> None:
        """Set the state from the windows before the committed offset and what was recalled.

        The steps before the newest were judged when the newest began, and what that changed is on the log.
        """
        for watch in self._watches.values():
            watch.since = now
        for network_id in self._assembler.rebuild(records, now):
            watch = self._watch(network_id, now)
            newest = watch.steps.ring.newest
            watch.judged = None if newest is None else watch.steps.ring.window_start(newest)
        learners = self._rules.learners
        for network_id, learned in self._recalled.learned.items():
            watch = self._watch(network_id, now)
            watch.after = Taught(learned, learners[network_id].hours(learned))
            if learned.step is not None:
                watch.told = doubted_sensors(learners[network_id].road, learned).sensors
                watch.doubted = len(watch.told)
            if learned.step is not None:
                # All alerts of that step are on the log, and the state before it is not: it is over, and what is
                # behind it was not judged.
                watch.judged, watch.delivered = learned.step, len(learners[network_id].road.sensors)

    def close(self) -> None:
        """Let go of the networks' advisories."""
        for network_id in self._watches:
            self._rules.advisories.forget(network_id)

    def handle(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> Sequence[RoadChanges]:
        """Take windows in; returns what the steps that are ready by them change."""
        changes: list[RoadChanges] = []
        for record in records:
            if self._assembler.takes(record):
                watch = self._watch(record.network_id, now)
                watch.since = now
                changes.extend(self._judge(watch, watch.steps.add(record, now)))
        return changes

    def tick(self, now: float) -> Sequence[RoadChanges]:
        """What changes because time has passed: steps settle, silent networks lose their alerts."""
        changes: list[RoadChanges] = []
        for watch in self._watches.values():
            changes.extend(self._judge(watch, watch.steps.tick(now)))
            if now - watch.since >= self._rules.silence_seconds:
                changes.extend(self._silence(watch))
            changes.extend(self._passing(watch, now))
        return changes

    def active(self, alert_type: AlertType | None = None) -> int:
        """How many alerts of a type, or of both, are active."""
        return sum(
            alert_type is None or alert.alert_type is alert_type
            for watch in self._watches.values()
            for alert in watch.boards.active()
        )

    @property
    def doubted(self) -> int:
        """How many sensors are not believed."""
        return sum(watch.doubted for watch in self._watches.values())

    def spending(self, network_id: NetworkId) -> Spending | None:
        """What a network has spent of its budget of alarms; `None` before its first window here."""
        watch = self._watches.get(network_id)
        return None if watch is None or watch.after is None else watch.after.learned.spending

    def disbelieved(self, network_id: NetworkId) -> set[SensorId]:
        """The sensors of a network that are not believed."""
        watch = self._watches.get(network_id)
        return set() if watch is None or watch.told is None else set(watch.told)

    def covered(self, network_id: NetworkId) -> set[SensorId]:
        """The sensors of a network's active alerts that its windows raised."""
        watch = self._watches.get(network_id)
        found = () if watch is None else watch.boards.active()
        return {sensor for alert in found for sensor in alert.affected_sensors}

    def _judge(self, watch: NetworkWatch, steps: Iterable[Step]) -> Iterable[RoadChanges]:
        for step in steps:
            end = step.window_end
            further = watch.judged is None or end > watch.judged
            if further or (end == watch.judged and step.delivered > watch.delivered):
                watch.judged, watch.delivered = end, step.delivered
                if further:
                    watch.before = watch.after
                yield from self._stepped(watch, step)
                sight = step.network.network_id, end, step.speed_mph, watch.detected
                yield from _each(self._rules.advisories.step(*sight))

    def _stepped(self, watch: NetworkWatch, step: Step) -> Iterable[RoadChanges]:
        detector, learner = (
            self._rules.detectors[step.network.network_id],
            self._rules.learners.get(step.network.network_id),
        )
        off = self._clocks_off(step.network)
        if off is not None:
            step = _without(step, off)
        shown = step.window_end, step.speed_mph, step.share_observed, step.volume_vehicles
        if learner is None:
            yield from self._kept(watch, detector.changes(watch.boards.congestion, *shown))
            return
        nothing = learner.nothing()
        before = watch.before or Taught(nothing, learner.hours(nothing))
        newest = step.speed_mph[-1], step.occupancy[-1], step.volume_vehicles[-1]
        imputed = unfit(newest[0], share_observed=step.share_observed[-1]).imputed
        lesson = learner.step(before.learned, before.hours, step.window_end, *newest, imputed)
        if off is not None:
            lesson = _doubting(lesson, off, learner.road)
        watch.after = Taught(lesson.after, lesson.hours)
        watch.doubted = int((~lesson.sensors.believed).sum())
        moment = detector.look(watch.boards.active(), *shown, lesson.sensors)
        reports = self._rules.advisories.reports(step.network.network_id, step.window_end)
        zones = {alert_id: zone_of(learner.road, report) for alert_id, report in reports.items()}
        watch.detected = detected(learner.road, moment, lesson.alarms, zones)
        yield from self._kept(watch, judged(detector, watch.boards, moment, lesson, zones))
        doubted = doubted_sensors(learner.road, lesson.after)
        news = None if doubted.sensors == watch.told else doubted
        watch.told = doubted.sensors
        yield RoadChanges((), records_of(learner, lesson.after), news)

    def _clocks_off(self, network: Network) -> Flags | None:
        """The sensors whose clocks are off, (sensors,) in their order; `None` where no clock is."""
        places = [
            network.index[sensor] for sensor in self._rules.clocks_off(network.network_id) if sensor in network.index
        ]
        if not places:
            return None
        off = np.zeros(len(network.sensors), np.bool_)
        off[places] = True
        return off

    def _passing(self, watch: NetworkWatch, now: float) -> Iterable[RoadChanges]:
        """What advisories change between steps."""
        wall = None if self._rules.clock is None else self._rules.clock()
        at = network_time(watch.judged, now - watch.since, self._rules.silence_seconds, wall)
        return _each(self._rules.advisories.tick(watch.boards.congestion.network.network_id, at))

    def _silence(self, watch: NetworkWatch) -> Iterable[RoadChanges]:
        active = watch.boards.active()
        if active:
            last = max(alert.updated_at for alert in active)
            since = last if watch.judged is None else max(watch.judged, last)
            detector = self._rules.detectors[watch.boards.congestion.network.network_id]
            yield from self._kept(watch, silenced(detector, watch.boards, since))

    def _kept(self, watch: NetworkWatch, changes: Iterable[Sequence[TrafficAlert]]) -> Iterable[RoadChanges]:
        for alerts in changes:
            watch.boards.apply(alerts)
            yield RoadChanges(tuple(alerts))

    def _watch(self, network_id: NetworkId, now: float) -> NetworkWatch:
        if network_id not in self._watches:
            network = self._rules.detectors[network_id].network
            boards = Boards(AlertBoard(network, AlertType.CONGESTION), AlertBoard(network, AlertType.INCIDENT))
            self._watches[network_id] = NetworkWatch(self._assembler.of(network_id), boards, now)
        return self._watches[network_id]


def _without(step: Step, off: Flags) -> Step:
    """A step in which these sensors have said nothing."""

    def hidden(measure: Floats) -> Floats:
        return np.where(off, np.nan, measure)

    return replace(
        step,
        speed_mph=hidden(step.speed_mph),
        share_observed=hidden(step.share_observed),
        volume_vehicles=hidden(step.volume_vehicles),
        occupancy=hidden(step.occupancy),
    )


def _doubting(lesson: Lesson, off: Flags, road: Roadway) -> Lesson:
    """A lesson in which these sensors are not believed and raise no alarm."""
    return replace(
        lesson,
        sensors=replace(lesson.sensors, believed=lesson.sensors.believed & ~off),
        alarms=replace(lesson.alarms, active=lesson.alarms.active & ~off[road.columns]),
    )


def _each(alerts: Iterable[TrafficAlert]) -> Iterable[RoadChanges]:
    # Unlike queues, advisories have nothing to do with each other: each change is by itself.
    return (RoadChanges((alert,)) for alert in alerts)
