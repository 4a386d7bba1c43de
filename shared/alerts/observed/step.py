"""One step of a network in, the changes of its congestion and incident alerts out. Pure.

Incidents come first and take the queues that are theirs; congestion gets the rest. What a step changes on one
carriageway, of both types, belongs together: it reaches the log whole or not at all, so that a step at or before the
newest change of a carriageway has had all its effect there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from shared.alerts.congestion.alerts import Moment
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import Queue
from shared.alerts.incidents.alerts import Incidents, RoadIncidents
from shared.alerts.incidents.footprints import Scene
from shared.alerts.incidents.messages import caused_message
from shared.alerts.learned.learner import Alarms, Lesson
from shared.alerts.lifecycle.board import ELSEWHERE, AlertBoard, RoadAlerts
from shared.alerts.lifecycle.changes import oldest_first
from shared.events.records import AlertId, AlertStatus, TrafficAlert
from shared.traffic.usual.speeds import UsualSpeeds

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

    def road(self, name: str) -> tuple[RoadAlerts, RoadAlerts]:
        """Congestion and incidents on one carriageway."""
        return self.congestion.roads.get(name, RoadAlerts()), self.incidents.roads.get(name, RoadAlerts())

    def roads(self) -> set[str]:
        """Names of the carriageways where any alert is active."""
        boards = (self.congestion, self.incidents)
        return {name for board in boards for name, there in board.roads.items() if there.active}


def judged(detector: CongestionDetector, boards: Boards, moment: Moment, lesson: Lesson) -> list[list[TrafficAlert]]:
    """What a step changes, one list for each carriageway; the boards are left as they are.

    Args:
        detector: finds what congestion changes.
        boards: the active alerts.
        moment: the step, with all queues.
        lesson: what was learned, and the alarms.
    """
    return _judged(detector, boards, moment, lesson.alarms, lesson.sensors.speeds.along(detector.road))


def _judged(
    detector: CongestionDetector, boards: Boards, moment: Moment, alarms: Alarms, usual: UsualSpeeds
) -> list[list[TrafficAlert]]:
    by_road = _incidents(detector, boards, moment, alarms, usual)
    taken = {id(queue): alert for one, queues in by_road.values() for queue, alert in _taken(one, queues)}
    rest = replace(moment, queues=[queue for queue in moment.queues if id(queue) not in taken])
    merged = _merged(boards, moment, taken)
    changes: dict[str, list[TrafficAlert]] = {name: list(one.changes) for name, (one, _) in by_road.items()}
    for alerts in detector.advance(boards.congestion, rest):
        there = changes.setdefault(boards.congestion.road_of(alerts[0]), [])
        there.extend(_told(alert, merged.get(alert.alert_id)) for alert in alerts)
    return [
        sorted(alerts, key=lambda alert: ORDER[alert.status])
        for name, alerts in sorted(changes.items())
        if alerts and all(one.is_news(moment.at) for one in boards.road(name))
    ]


def _incidents(
    detector: CongestionDetector, boards: Boards, moment: Moment, alarms: Alarms, usual: UsualSpeeds
) -> dict[str, tuple[RoadIncidents, Sequence[Queue]]]:
    """What incidents do on each carriageway where any is active or a sensor alarms, with the queues there."""
    road = detector.road
    alarming = {road.road_names[number] for number in np.unique(road.road[alarms.standing])}
    names = alarming | {name for name, there in boards.incidents.roads.items() if there.active}
    found: dict[str, tuple[RoadIncidents, Sequence[Queue]]] = {}
    for name in sorted(names):
        here = np.zeros(len(road.sensors), np.bool_)
        if name != ELSEWHERE:
            here = road.road == road.road_names.index(name)
        congestion, incidents = (oldest_first(one.active) for one in boards.road(name))
        queues = [queue for queue in moment.queues if queue.road_name == name]
        scene = Scene(
            moment.at,
            road,
            detector.rule,
            queues,
            alarms.standing & here,
            moment.listening.heard,
            incidents,
            congestion,
        )
        step = Incidents(scene, moment, alarms, usual, detector.material, boards.incidents).step()
        found[name] = step, queues
    return found


def _taken(one: RoadIncidents, queues: Sequence[Queue]) -> list[tuple[Queue, TrafficAlert]]:
    return [(queues[number], alert) for number, alert in one.taken.items()]


def _merged(boards: Boards, moment: Moment, taken: Mapping[int, TrafficAlert]) -> dict[AlertId, TrafficAlert]:
    """Which incident took a queue of each congestion alert."""
    theirs = [(queue, taken[id(queue)]) for queue in moment.queues if id(queue) in taken]
    return {
        alert.alert_id: incident
        for alert in boards.congestion.active()
        for queue, incident in theirs
        if not set(alert.affected_sensors).isdisjoint(queue.sensor_ids)
    }


def _told(alert: TrafficAlert, incident: TrafficAlert | None) -> TrafficAlert:
    if incident is None or alert.active:
        return alert
    return replace(alert, message=caused_message(alert, incident))


def silenced(detector: CongestionDetector, boards: Boards, since: datetime) -> list[list[TrafficAlert]]:
    """What changes when the whole network has said nothing for as long as the rule looks back, from `since` on."""
    count = len(detector.network.sensors)
    nothing = np.full((detector.rule.points, count), np.nan)
    at = since + detector.rule.points * detector.network.window
    moment = detector.look(boards.active(), at, nothing, nothing)
    unknown = nothing[0]
    alarms = Alarms(np.zeros(count, np.bool_), unknown, unknown, unknown, unknown, unknown)
    return _judged(detector, boards, moment, alarms, UsualSpeeds.unknown(count))
