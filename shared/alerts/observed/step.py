"""One step of a network in, the changes of its congestion and incident alerts out. Pure.

Incidents come first and take the queues that are theirs; congestion gets the rest. What a step changes on one
carriageway, of both types, belongs together: it reaches the log whole or not at all, so that a step at or before the
newest change of a carriageway has had all its effect there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from shared.alerts.advisories.reports import Detected, Zones, report_at
from shared.alerts.congestion.alerts import Moment
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import Queue
from shared.alerts.detection.budget import AlarmBudget
from shared.alerts.incidents.alerts import IncidentStep
from shared.alerts.incidents.footprints import Footprint, Scene, footprints
from shared.alerts.incidents.messages import caused_message, evidence_of, reported_message
from shared.alerts.learned.learner import Alarms, Lesson
from shared.alerts.lifecycle.board import AlertBoard, RoadAlerts
from shared.alerts.lifecycle.changes import by_road, changes_by_road, oldest_first, touching
from shared.events.records import AlertEvidence, AlertStatus, TrafficAlert
from shared.traffic.roadway import Roadway
from shared.traffic.usual.speeds import UsualSpeeds

NOWHERE = -1
"""The number of a carriageway that the network no longer has."""
ORDER = {AlertStatus.CLEARED: 0, AlertStatus.UPDATED: 1, AlertStatus.RAISED: 2}


@dataclass(frozen=True, slots=True)
class Boards:
    """The alerts of one network that windows make."""

    congestion: AlertBoard
    incidents: AlertBoard

    def active(self) -> list[TrafficAlert]:
        """All that are active."""
        return [*self.congestion.active(), *self.incidents.active()]

    def apply(self, changes: Sequence[TrafficAlert]) -> None:
        """Take in what was sent."""
        for board in (self.congestion, self.incidents):
            board.apply([alert for alert in changes if alert.alert_type is board.alert_type])


def judged(
    detector: CongestionDetector, boards: Boards, moment: Moment, lesson: Lesson, reported: Zones | None = None
) -> list[list[TrafficAlert]]:
    """What a step changes, one list for each carriageway; the boards are left as they are.

    Args:
        detector: finds what congestion changes.
        boards: the active alerts.
        moment: the step, with all queues.
        lesson: what was learned, and the alarms.
        reported: where incidents show that have an alert as somebody's report: what is detected there is theirs.
    """
    usual = lesson.sensors.speeds.along(detector.road)
    return _judged(detector, boards, moment, lesson.alarms, usual, reported or {})


def detected(road: Roadway, moment: Moment, alarms: Alarms, reported: Zones) -> Detected:
    """What is seen of reported incidents: the evidence of the sensor that has most of it, of those that alarm."""
    found: dict[str, tuple[AlertEvidence, ...]] = {}
    for alert_id, zone in reported.items():
        told = np.where(zone & alarms.active, alarms.score, np.nan)
        if np.isfinite(told).any():
            position = int(np.nanargmax(told))
            found[alert_id] = evidence_of(road, moment.at, position, moment.windows.speed_mph, alarms)
    return found


def _judged(
    detector: CongestionDetector,
    boards: Boards,
    moment: Moment,
    alarms: Alarms,
    usual: UsualSpeeds,
    reported: Zones,
) -> list[list[TrafficAlert]]:
    road = detector.road
    numbers = {name: number for number, name in enumerate(road.road_names)}
    queues = by_road(moment.queues, lambda queue: queue.road_name)
    alarming = {road.road_names[number]: list[Queue]() for number in np.unique(road.road[alarms.active])}

    def change(name: str, there: Sequence[RoadAlerts], here: Sequence[Queue]) -> list[TrafficAlert]:
        congestion, incidents = there
        taken: dict[int, TrafficAlert] = {}
        told: dict[int, str] = {}
        changes: list[TrafficAlert] = []
        if name in alarming or incidents.active:
            scene = Scene(
                moment.at,
                road,
                detector.rule,
                here,
                alarms.active & (road.road == numbers.get(name, NOWHERE)),
                moment.listening.heard,
                oldest_first(incidents.active),
                oldest_first(congestion.active),
            )
            step = IncidentStep(moment.at, scene, moment, alarms, usual, detector.material, boards.incidents)
            everywhere = footprints(scene)
            reports = [report_at(reported, footprint.positions) for footprint in everywhere]
            theirs = [(one, report) for one, report in zip(everywhere, reports, strict=True) if report is not None]
            found = [one for one, report in zip(everywhere, reports, strict=True) if report is None]
            advanced = step.advance(incidents, found)
            changes.extend(_reported(alert, theirs) for alert in advanced.changes)
            taken = {queue: alert for number, alert in advanced.owners.items() for queue in found[number].queues}
            told = {queue: report for one, report in theirs for queue in one.queues}
        rest = [queue for number, queue in enumerate(here) if number not in taken and number not in told]
        queueing = detector.on_road(boards.congestion, moment, congestion, rest)
        changes.extend(_told(alert, here, taken, told) for alert in queueing)
        return sorted(changes, key=lambda alert: ORDER[alert.status])

    return changes_by_road([boards.congestion, boards.incidents], moment.at, alarming | queues, change)


def _told(
    alert: TrafficAlert, queues: Sequence[Queue], taken: Mapping[int, TrafficAlert], told: Mapping[int, str]
) -> TrafficAlert:
    """A change of a congestion alert; one that is over because an incident took a queue of it says so."""
    if alert.active:
        return alert
    there = sorted(touching(alert.affected_sensors, queues), reverse=True)
    for number in there:
        if number in taken:
            return replace(alert, message=caused_message(alert, taken[number]))
        if number in told:
            return replace(alert, message=reported_message(alert, told[number]))
    return alert


def _reported(alert: TrafficAlert, theirs: Sequence[tuple[Footprint, str]]) -> TrafficAlert:
    """A change of an incident alert; one that is over because somebody reported its incident says so."""
    mine = set(alert.affected_sensors)
    report = next((report for one, report in theirs if not mine.isdisjoint(one.sensor_ids)), None)
    return alert if alert.active or report is None else replace(alert, message=reported_message(alert, report))


def silenced(detector: CongestionDetector, boards: Boards, since: datetime) -> list[list[TrafficAlert]]:
    """What changes when the whole network has said nothing for as long as the rule looks back, from `since` on."""
    count = len(detector.network.sensors)
    nothing = np.full((detector.rule.points, count), np.nan)
    at = since + detector.rule.points * detector.network.window
    moment = detector.look(boards.active(), at, nothing, nothing)
    alarms = Alarms.nothing(AlarmBudget(detector.road))
    return _judged(detector, boards, moment, alarms, UsualSpeeds.unknown(count), {})
