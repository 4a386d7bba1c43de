"""From alarms and queues to incident alerts that are raised, updated and cleared. Pure: a function of records and step.

- A footprint that alarms and touches no active incident raises one. Its id is made of the network, the sensor
  furthest downstream that alarms and the end of the window that raised it: the same windows raise the same alerts.
- A footprint belongs to the oldest incident whose sensors it shares; of an incident whose footprint falls apart the
  part that shares most sensors is left.
- It is active as long as a sensor of it alarms, or the queue that it made lasts: until traffic flows, or that queue is
  what is usual at this hour, or `LONGEST` is over. What is left then is congestion like any other.
- The queues of an incident are taken from congestion; alerts that this leaves without a queue were merged into it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from shared.alerts.congestion.alerts import Materiality, Moment
from shared.alerts.congestion.queues import FLOWING_SHARE, Queue
from shared.alerts.congestion.reference import is_recurrent, mean_where_known
from shared.alerts.congestion.severity import RANKS, severity_of
from shared.alerts.detection.budget import Grade
from shared.alerts.incidents.confidence import incident_confidence
from shared.alerts.incidents.duration import incident_duration
from shared.alerts.incidents.footprints import Footprint, Scene
from shared.alerts.incidents.measured import measured
from shared.alerts.incidents.messages import (
    evidence_of,
    grade_told,
    incident_message,
    lasting_message,
    location_of,
    over_message,
    usual_again_message,
)
from shared.alerts.learned.learner import Alarms
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.lifecycle.changes import AlertContent, alert_id_of, raised, touching, updated
from shared.alerts.lifecycle.step import KindStep
from shared.events.records import (
    AlertEvidence,
    AlertSeverity,
    AlertType,
    TrafficAlert,
)
from shared.traffic.usual.speeds import UsualSpeeds

LONGEST = timedelta(hours=6)
LEAST_SEVERITY = AlertSeverity.MEDIUM


@dataclass(frozen=True, slots=True, eq=False)
class IncidentStep(KindStep[Footprint]):
    """The incidents of one carriageway at one step; `past` knows those that are over."""

    scene: Scene
    moment: Moment
    alarms: Alarms
    usual: UsualSpeeds
    material: Materiality
    past: AlertBoard

    def begins(self, footprint: Footprint, _: Sequence[TrafficAlert], /) -> bool:
        """See `KindStep.begins`."""
        return bool(footprint.alarmed)

    def beside(self) -> Sequence[Queue]:
        """See `KindStep.beside`."""
        return self.scene.queues

    def raised(self, footprint: Footprint, /) -> TrafficAlert:
        """See `KindStep.raised`."""
        at, network_id = self.at, self.scene.road.network.network_id
        place, head = self._place(footprint), self.scene.road.sensors[footprint.alarmed[-1]]
        grade, evidence = self._grade(footprint), self._evidence(footprint)
        where = head.latitude, head.longitude
        content = self._content(footprint, place, _severity(place), where, 0.0, grade, evidence)
        alert_id = alert_id_of(AlertType.INCIDENT, network_id, head.sensor_id, at)
        return raised(alert_id, network_id, AlertType.INCIDENT, at, content)

    def updated(self, alert: TrafficAlert, footprint: Footprint, /, *, crowded: bool) -> TrafficAlert | None:
        """See `KindStep.updated`."""
        place = self._place(footprint)
        severity = _severity(place, alert.severity)
        known = self.scene.road.extent_miles(alert.affected_sensors)
        limit = max(self.material.extent_miles, self.material.extent_share * known)
        if place.free_flow_mph is not None and place.mean_speed_mph >= FLOWING_SHARE * place.free_flow_mph:
            # Its alarm is about to end: that an incident is at 66 mph tells nobody anything.
            return None
        told, now = grade_told(alert.evidence), self._grade(footprint)
        grade = max(told, now)
        changed = grade > told or severity is not alert.severity or abs(place.extent_miles - known) >= limit
        if not (crowded or changed):
            return None
        age_minutes = (self.at - alert.raised_at) / timedelta(minutes=1)
        # It stays where it was raised, and as sure as it ever was.
        evidence = self._evidence(footprint) if now >= told else ()
        where = alert.latitude, alert.longitude
        content = self._content(footprint, place, severity, where, age_minutes, grade, evidence or alert.evidence)
        surest = replace(content, confidence_score=max(alert.confidence_score, content.confidence_score))
        return updated(alert, self.at, surest)

    def _content(
        self,
        footprint: Footprint,
        place: Queue,
        severity: AlertSeverity,
        where: tuple[float, float],
        age_minutes: float,
        grade: Grade,
        evidence: tuple[AlertEvidence, ...],
    ) -> AlertContent:
        return AlertContent(
            severity=severity,
            message=self._message(grade, place, footprint),
            location=location_of(place, self.scene.road.landmarks),
            latitude=where[0],
            longitude=where[1],
            affected_sensors=footprint.sensor_ids,
            confidence_score=self._confidence(footprint),
            evidence=evidence,
            lasts=incident_duration(self.past.past_minutes(footprint.sensor_ids[-1]), age_minutes),
        )

    def left(self, alert: TrafficAlert, footprint: Footprint, /) -> str | None:
        """Why an incident is over although traffic is slow, `None` where it is not."""
        if footprint.alarmed:
            return None
        lasted = self.at - alert.raised_at
        queues = [self.scene.queues[number] for number in footprint.queues]
        if queues and all(is_recurrent(queue.usual_share) for queue in queues):
            return usual_again_message(alert, lasted)
        return lasting_message(alert, lasted) if lasted >= LONGEST else None

    def without(self, alert: TrafficAlert, survivor: TrafficAlert | None) -> str:
        """Why an incident is over that has no footprint any more."""
        message = self.moment.listening.message(alert, survivor)
        if message is not None:
            return message
        lasted = self.at - alert.raised_at
        slow = touching(alert.affected_sensors, self.scene.queues)
        return lasting_message(alert, lasted) if slow else over_message(alert, lasted)

    def _place(self, footprint: Footprint) -> Queue:
        return measured(self.scene.road, footprint.positions, self.moment.windows.speed_mph, self.usual)

    def _message(self, grade: Grade, place: Queue, footprint: Footprint) -> str:
        positions = list(footprint.positions)
        usual = mean_where_known(self.alarms.usual_mph[positions], self.scene.road.length_miles[positions])
        return incident_message(grade, place, usual, self.scene.road.landmarks)

    def _evidence(self, footprint: Footprint) -> tuple[AlertEvidence, ...]:
        position = self._witness(footprint)
        if position is None:
            return ()
        return evidence_of(self.scene.road, self.at, position, self.moment.windows.speed_mph, self.alarms)

    def _confidence(self, footprint: Footprint) -> float:
        position = self._witness(footprint)
        if position is None:
            return 0.0
        return incident_confidence(self.alarms.spending.rate_of(float(self.alarms.score[position])))

    def _grade(self, footprint: Footprint) -> Grade:
        position = self._witness(footprint)
        return Grade.SUSPECTED if position is None else self.alarms.grade(float(self.alarms.score[position]))

    def _witness(self, footprint: Footprint) -> int | None:
        """The sensor with most evidence among those that alarm."""
        told = [one for one in footprint.alarmed if np.isfinite(self.alarms.score[one])]
        return max(told, key=lambda one: float(self.alarms.score[one]), default=None)


def _severity(place: Queue, known: AlertSeverity | None = None) -> AlertSeverity:
    """That of an unusual queue of this delay, extent and lanes, but never low: nobody can see how many are hurt."""
    return max(severity_of(place, known, recurrent=False), LEAST_SEVERITY, key=RANKS.__getitem__)
