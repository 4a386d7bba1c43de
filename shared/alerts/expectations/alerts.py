"""From forecasts to alerts of congestion that is expected: raised, updated, cleared. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from shared.alerts.congestion.severity import severity_of
from shared.alerts.expectations.expectation import (
    ExpectationRule,
    Expected,
    congested_sensors,
    expected_stretches,
    probable_sensors,
)
from shared.alerts.expectations.messages import (
    come_message,
    expected_message,
    joined_message,
    location_of,
    unexpected_message,
    unknown_message,
)
from shared.alerts.expectations.outlook import Outlook
from shared.alerts.lifecycle.board import AlertBoard, RoadAlerts
from shared.alerts.lifecycle.changes import (
    EVIDENCE_WINDOWS,
    AlertContent,
    alert_id_of,
    by_road,
    changes_by_road,
    cleared,
    raised,
    touching,
    updated,
)
from shared.alerts.lifecycle.confidence import CONFIDENCE_DIGITS
from shared.alerts.lifecycle.messages import removed_message
from shared.alerts.lifecycle.step import KindStep
from shared.events.records import (
    AlertEvidence,
    AlertSeverity,
    AlertType,
    MeasuredWindow,
    SensorId,
    TrafficAlert,
)
from shared.traffic.arrays import Flags, Floats
from shared.traffic.network import Network
from shared.traffic.roadway import roadway

RULE = "forecast"
MEASURE = "probability_of_congestion"
UPDATE_LATER = timedelta(minutes=10)
UPDATE_PROBABILITY = 0.15
UPDATE_EXTENT_MILES = 1.5
CAME_SHARE = 0.5
"""Of the stated length that tells a speed: one sensor that is slow for once is no congestion of that extent."""
UNKNOWN_AFTER = timedelta(minutes=30)
"""An alert of which nothing is forecast any more is active until this long after the congestion was expected."""


def is_expectation(alert: TrafficAlert) -> bool:
    """Whether an alert is about congestion that was not there when it was raised."""
    return alert.expected_at is not None


def has_come(slow: Flags, told: Flags, miles: Floats) -> Flags:
    """Whether `CAME_SHARE` of the length is slow, by the sensors that tell a speed, in each of some windows (...,).

    Args:
        slow: (..., sensors) which are slow.
        told: (..., sensors) which of those that it was expected of tell a speed.
        miles: (sensors,) what each speaks for.
    """
    length = miles + np.finfo(float).eps
    flags: Flags = slow.any(axis=-1) & ((slow * length).sum(axis=-1) >= CAME_SHARE * (told * length).sum(axis=-1))
    return flags


@dataclass(eq=False)
class ExpectationDetector:
    """What two origins in a row change of a network's expected congestion; keeps no state but the roads' layout."""

    network: Network
    rule: ExpectationRule

    def __post_init__(self) -> None:
        """Lay the roads out."""
        self.road = roadway(self.network)

    def changes(
        self, board: AlertBoard, now: Outlook, before: Outlook | None, covered: Iterable[SensorId] = ()
    ) -> list[list[TrafficAlert]]:
        """What the forecasts change, one list for each carriageway; nothing where one has seen this origin already.

        Args:
            board: the expectations that are active; it is not changed.
            now: what was forecast last.
            before: what was forecast before that, if anything.
            covered: sensors of active congestion and incident alerts.
        """
        blocked = self.road.flags(covered)
        found = expected_stretches(self.road, now, before, blocked, self.rule, self.network.window)

        def change(_: str, there: Sequence[RoadAlerts], here: Sequence[Expected]) -> list[TrafficAlert]:
            return _ExpectedStep(now.at, self, now, before, blocked).advance(there[0], here).changes

        return changes_by_road([board], now.at, by_road(found, lambda one: one.queue.road_name), change)

    def silence(self, board: AlertBoard, at: datetime) -> list[list[TrafficAlert]]:
        """What changes when nothing has been forecast for long."""
        return [
            [cleared(alert, at, unknown_message(alert)) for alert in there.active.values()]
            for _, there in sorted(board.roads.items())
            if there.active
        ]


@dataclass(frozen=True, slots=True)
class _ExpectedStep(KindStep[Expected]):
    detector: ExpectationDetector
    now: Outlook
    before: Outlook | None
    blocked: Flags

    def begins(self, one: Expected, ended: Sequence[TrafficAlert], /) -> bool:
        """See `KindStep.begins`."""
        # What was cleared at this origin is not raised anew by it.
        fresh = all(set(alert.affected_sensors).isdisjoint(one.sensor_ids) for alert in ended)
        return one.queue.detected and not one.there and fresh

    def without(self, alert: TrafficAlert, survivor: TrafficAlert | None) -> str | None:
        """See `KindStep.without`."""
        return None if survivor is None else joined_message(alert, survivor)

    def over(self, alert: TrafficAlert, found: Sequence[Expected]) -> str | None:
        """See `KindStep.over`."""
        road, now = self.detector.road, self.now
        mine = road.flags(alert.affected_sensors)
        if not mine.any():
            return removed_message(alert)
        if self._has_come(mine):
            return come_message(alert, now.at - alert.raised_at)
        if any(found[number].there for number in touching(alert.affected_sensors, found)):
            # It is about to come, or one sensor told one slow window: the next origins say which.
            return None
        probable, told = probable_sensors(now, self.detector.rule)
        if not (mine & told).any():
            late = alert.expected_at is None or now.at >= alert.expected_at + UNKNOWN_AFTER
            return unknown_message(alert) if late else None
        return None if (mine & probable).any() else unexpected_message(alert)

    def _has_come(self, mine: Flags) -> bool:
        """Whether it is congested where that was expected: an alert says so, or `CAME_SHARE` of the length, twice."""
        if (mine & self.blocked).any():
            return True
        rule, seen = self.detector.rule, mine & np.isfinite(self.now.current_mph)
        slow = seen & congested_sensors(self.now, rule)
        if self.before is not None:
            slow &= congested_sensors(self.before, rule)
        return bool(has_come(slow, seen, self.detector.road.length_miles))

    def raised(self, one: Expected, /) -> TrafficAlert:
        """See `KindStep.raised`."""
        network_id, at = self.detector.network.network_id, self.at
        alert_id = alert_id_of("congestion-forecast", network_id, one.queue.head.sensor_id, at)
        return raised(alert_id, network_id, AlertType.CONGESTION, at, self._content(one, severity_of(one.queue)))

    def updated(self, alert: TrafficAlert, one: Expected, /, *, crowded: bool) -> TrafficAlert | None:  # noqa: ARG002 - see below
        """See `KindStep.updated`; expectations that are crowded say so when they are of another extent."""
        severity = severity_of(one.queue, alert.severity)
        known = self.detector.road.extent_miles(alert.affected_sensors)
        if not (
            severity is not alert.severity
            or alert.expected_at is None
            or abs(one.expected_at - alert.expected_at) >= UPDATE_LATER
            or abs(one.probability - alert.confidence_score) >= UPDATE_PROBABILITY
            or abs(one.queue.extent_miles - known) >= UPDATE_EXTENT_MILES
        ):
            return None
        return updated(alert, self.now.at, self._content(one, severity))

    def _content(self, one: Expected, severity: AlertSeverity) -> AlertContent:
        return AlertContent(
            severity=severity,
            message=self._message(one),
            location=location_of(one, self.detector.road.landmarks),
            latitude=one.queue.head.latitude,
            longitude=one.queue.head.longitude,
            affected_sensors=one.queue.sensor_ids,
            confidence_score=round(one.probability, CONFIDENCE_DIGITS),
            evidence=self._evidence(one),
            expected_at=one.expected_at,
        )

    def _message(self, one: Expected) -> str:
        ahead, zone = one.expected_at - self.now.at, self.detector.network.time_zone
        return expected_message(one, self.detector.road.landmarks, ahead, zone)

    def _evidence(self, one: Expected) -> tuple[AlertEvidence, ...]:
        """What was forecast for the sensor that decided, horizon by horizon."""
        sensor_id = self.detector.road.sensors[one.position].sensor_id
        model = self.now.models[one.position]
        windows = tuple(
            MeasuredWindow(sensor_id, self.now.target(row), None, None, round(float(speed), 1))
            for row, speed in enumerate(self.now.predicted_mph[:, one.position])
            if np.isfinite(speed)
        )[:EVIDENCE_WINDOWS]
        name, version = model or (None, None)
        probability = round(one.probability, CONFIDENCE_DIGITS)
        return (AlertEvidence(RULE, MEASURE, probability, self.detector.rule.raise_at, name, version, windows),)
