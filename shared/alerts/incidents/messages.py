"""What is said about incidents, in words that a driver understands, and the evidence for it. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np

from shared.alerts.congestion.queues import Queue
from shared.alerts.detection.budget import Grade
from shared.alerts.learned.learner import Alarms
from shared.alerts.lifecycle.changes import EVIDENCE_WINDOWS
from shared.alerts.lifecycle.messages import duration_text, place_of
from shared.events.records import AlertEvidence, MeasuredWindow, TrafficAlert
from shared.traffic.arrays import Floats
from shared.traffic.landmarks import Landmarks
from shared.traffic.roadway import Roadway

RULE, MEASURE = "forecast_residual", "score"
GRADED, RARITY = "_incident", "alarms_per_100_sensor_days"
"""The rule of a grade is its word and this: how often evidence as strong comes, against the budget of the grade."""
DIGITS = 3


def location_of(place: Queue, landmarks: Landmarks) -> str:
    """'I-405 N near Getty Center Dr, 1.2 mi affected': the head of what is slow and its length upstream."""
    return f"{place.road_name} {landmarks.of(place.head)}, {place.extent_miles:.1f} mi affected"


def incident_message(grade: Grade, place: Queue, usual_mph: float | None, landmarks: Landmarks) -> str:
    """One sentence for the operator: how sure, where, how slow against what is usual, how far back."""
    usual = "" if usual_mph is None else f" where {usual_mph:.0f} mph is usual at this hour"
    return (
        f"Incident {grade.word} on {place.road_name} {landmarks.of(place.head)}: "
        f"{place.mean_speed_mph:.0f} mph{usual}, {place.extent_miles:.1f} mi affected"
    )


def over_message(alert: TrafficAlert, lasted: timedelta) -> str:
    """The last word on an incident whose traces are gone."""
    return f"Cleared after {duration_text(lasted)}: traffic is as expected again at {place_of(alert)}"


def usual_again_message(alert: TrafficAlert, lasted: timedelta) -> str:
    """The last word on an incident where what is left is the congestion that this hour has anyway."""
    return f"Cleared after {duration_text(lasted)}: the traffic at {place_of(alert)} is slow but usual for this hour"


def lasting_message(alert: TrafficAlert, lasted: timedelta) -> str:
    """The last word on an incident that has become a queue like any other."""
    return f"Cleared after {duration_text(lasted)}: what is left at {place_of(alert)} is watched as congestion"


def caused_message(congestion: TrafficAlert, incident: TrafficAlert) -> str:
    """The last word on a congestion alert that turned out to be an incident's queue."""
    return (
        f"The queue at {place_of(congestion)} is merged into the incident at {place_of(incident)}: "
        f"see {incident.alert_id}"
    )


def reported_message(alert: TrafficAlert, report_id: str) -> str:
    """The last word on an alert whose incident somebody reported, which is an alert already."""
    return f"What is detected at {place_of(alert)} is the incident that was reported: see {report_id}"


def evidence_of(
    road: Roadway, at: datetime, position: int, speeds_mph: Floats, alarms: Alarms
) -> tuple[AlertEvidence, ...]:
    """The newest windows of one sensor, its evidence against the threshold of its grade, and how often that comes.

    Speeds are (points, sensors). What is usual and what was forecast is told for the newest window.
    """
    sensor_id = road.sensors[position].sensor_id
    told = speeds_mph[-EVIDENCE_WINDOWS:, position]
    newest = len(told) - 1
    windows = tuple(
        MeasuredWindow(
            sensor_id=sensor_id,
            window_end=at - (newest - row) * road.network.window,
            speed_mph=_mph(speed),
            usual_mph=_mph(alarms.usual_mph[position]) if row == newest else None,
            forecast_mph=_mph(alarms.forecast_mph[position]) if row == newest else None,
        )
        for row, speed in enumerate(told)
    )
    score = float(alarms.score[position])
    grade = alarms.grade(score)
    budget, rate = alarms.budget.budget(grade), alarms.spending.rate_of(score)
    threshold = float(alarms.thresholds[grade])
    return (
        AlertEvidence(RULE, MEASURE, round(score, DIGITS), round(threshold, DIGITS), None, None, windows),
        AlertEvidence(f"{grade.word}{GRADED}", RARITY, round(rate, DIGITS), round(budget, DIGITS), None, None, ()),
    )


def grade_told(evidence: Iterable[AlertEvidence]) -> Grade:
    """The grade that an alert with this evidence was given; the lower one where an earlier release gave none."""
    rules = {one.rule for one in evidence}
    return max((grade for grade in Grade if f"{grade.word}{GRADED}" in rules), default=Grade.SUSPECTED)


def _mph(speed: float) -> float | None:
    return round(float(speed), 1) if np.isfinite(speed) else None
