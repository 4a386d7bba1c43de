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
from shared.alerts.detection.budget import AlarmBudget
from shared.alerts.incidents.alerts import IncidentStep
from shared.alerts.incidents.footprints import Scene, footprints
from shared.alerts.incidents.messages import caused_message
from shared.alerts.learned.learner import Alarms, Lesson
from shared.alerts.lifecycle.board import AlertBoard, RoadAlerts
from shared.alerts.lifecycle.changes import by_road, changes_by_road, oldest_first, touching
from shared.events.records import AlertStatus, TrafficAlert
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
    road = detector.road
    numbers = {name: number for number, name in enumerate(road.road_names)}
    queues = by_road(moment.queues, lambda queue: queue.road_name)
    alarming = {road.road_names[number]: list[Queue]() for number in np.unique(road.road[alarms.active])}

    def change(name: str, there: Sequence[RoadAlerts], here: Sequence[Queue]) -> list[TrafficAlert]:
        congestion, incidents = there
        taken: dict[int, TrafficAlert] = {}
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
            found = footprints(scene)
            advanced = step.advance(incidents, found)
            changes.extend(advanced.changes)
            taken = {queue: alert for number, alert in advanced.owners.items() for queue in found[number].queues}
        rest = [queue for number, queue in enumerate(here) if number not in taken]
        queueing = detector.on_road(boards.congestion, moment, congestion, rest)
        changes.extend(_told(alert, here, taken) for alert in queueing)
        return sorted(changes, key=lambda alert: ORDER[alert.status])

    return changes_by_road([boards.congestion, boards.incidents], moment.at, alarming | queues, change)


def _told(alert: TrafficAlert, queues: Sequence[Queue], taken: Mapping[int, TrafficAlert]) -> TrafficAlert:
    """A change of a congestion alert; one that is over because an incident took a queue of it says so."""
    theirs = [number for number in sorted(touching(alert.affected_sensors, queues)) if number in taken]
    if alert.active or not theirs:
        return alert
    return replace(alert, message=caused_message(alert, taken[theirs[-1]]))


def silenced(detector: CongestionDetector, boards: Boards, since: datetime) -> list[list[TrafficAlert]]:
    """What changes when the whole network has said nothing for as long as the rule looks back, from `since` on."""
    count = len(detector.network.sensors)
    nothing = np.full((detector.rule.points, count), np.nan)
    at = since + detector.rule.points * detector.network.window
    moment = detector.look(boards.active(), at, nothing, nothing)
    alarms = Alarms.nothing(AlarmBudget(detector.road))
    return _judged(detector, boards, moment, alarms, UsualSpeeds.unknown(count))
