"""How an alert is raised, updated and cleared, and which of them keeps a place: the same for every kind of alert. Pure.

A kind of alert supplies candidates (`Covering`), what it says of one (`AlertContent`), and the words when it is over.
All else is here and in `step`, which puts it in order:

- A candidate belongs to the oldest alert whose sensors it shares (`assign`): alerts that grow together become that one,
  and an alert that falls apart keeps the part that shares most sensors with it.
- What a step changes on one carriageway reaches the log together or not at all, so a step at or before a carriageway's
  newest change has had its effect there (`changes_by_road`): steps that come again after a restart change nothing.
- Every change counts the revision up by one (`revised`), and an alert never goes back in time.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar

from shared.alerts.lifecycle.board import AlertBoard, RoadAlerts
from shared.alerts.lifecycle.duration import Estimate
from shared.alerts.lifecycle.messages import doubted_message, merged_message, removed_message, silent_message
from shared.events.records import (
    AlertEvidence,
    AlertId,
    AlertSeverity,
    AlertStatus,
    AlertType,
    NetworkId,
    SensorId,
    TrafficAlert,
)
from shared.traffic.arrays import Flags
from shared.traffic.health.doubted import DoubtedSensors
from shared.traffic.roadway import Roadway

Found = TypeVar("Found")

EVIDENCE_WINDOWS = 12
"""At most so many windows are the evidence of an alert: an hour of five minutes."""


@dataclass(frozen=True, slots=True)
class StateRecord:
    """What was learned, as a record of its topic: key and value."""

    key: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class RoadChanges:
    """The changes of one step on one carriageway. They reach the log together or not at all.

    Or, behind those of a step, what it taught (`learned`), and which sensors it does not believe where that is news
    (`doubted`): these reach the log after them.
    """

    alerts: tuple[TrafficAlert, ...]
    learned: tuple[StateRecord, ...] = ()
    doubted: DoubtedSensors | None = None


class Covering(Protocol):
    """What an alert can be about: something that covers sensors."""

    @property
    def sensor_ids(self) -> tuple[SensorId, ...]:
        """Ids of the sensors, upstream first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertContent:
    """What a kind of alert says at a moment; all but the identity, the times and the revision of the record.

    `worst_severity` is what it says of its life so far, `None` where that is no more than what was said at each moment.
    """

    severity: AlertSeverity
    message: str
    location: str
    latitude: float
    longitude: float
    affected_sensors: tuple[SensorId, ...]
    confidence_score: float
    evidence: tuple[AlertEvidence, ...] = ()
    lasts: Estimate | None = None
    estimated_duration_minutes: float | None = None
    delay_vehicle_hours: float | None = None
    recurrent: bool | None = None
    expected_at: datetime | None = None
    worst_severity: AlertSeverity | None = None

    def fields(self) -> dict[str, Any]:
        """As the record has them."""
        lasts = self.lasts
        return {
            "severity": self.severity,
            "message": self.message,
            "location": self.location,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "affected_sensors": self.affected_sensors,
            "confidence_score": self.confidence_score,
            "evidence": self.evidence,
            "estimated_duration_minutes": self.estimated_duration_minutes if lasts is None else lasts.median_minutes,
            "estimated_duration_lower_minutes": None if lasts is None else lasts.lower_minutes,
            "estimated_duration_upper_minutes": None if lasts is None else lasts.upper_minutes,
            "delay_vehicle_hours": self.delay_vehicle_hours,
            "recurrent": self.recurrent,
            "expected_at": self.expected_at,
            "worst_severity": worst_of(self.severity, self.worst_severity or self.severity),
        }


def alert_id_of(kind: str, network_id: NetworkId, head: SensorId, at: datetime) -> AlertId:
    """Made of the kind, the network, the sensor and the end of the window: the same windows raise the same alerts."""
    return AlertId(f"{kind}-{network_id}-{head}-{at:%Y%m%dT%H%M}")


def raised(
    alert_id: AlertId, network_id: NetworkId, alert_type: AlertType, at: datetime, content: AlertContent
) -> TrafficAlert:
    """A new alert, raised at event time `at`."""
    return TrafficAlert(
        alert_id=alert_id,
        network_id=network_id,
        alert_type=alert_type,
        status=AlertStatus.RAISED,
        revision=1,
        raised_at=at,
        updated_at=at,
        cleared_at=None,
        **content.fields(),
    )


def revised(alert: TrafficAlert, **changed: Any) -> TrafficAlert:  # noqa: ANN401 - any field of the record
    """The next state of an alert: some of its fields changed, its revision counted up by one."""
    return replace(alert, revision=alert.revision + 1, **changed)


def updated(alert: TrafficAlert, at: datetime, content: AlertContent) -> TrafficAlert:
    """An active alert with what is said of it at event time `at`; evidence is kept where there is none any more."""
    changed = content.fields()
    changed["evidence"] = content.evidence or alert.evidence
    changed["worst_severity"] = worst_of(changed["worst_severity"], reached(alert))
    return revised(alert, status=AlertStatus.UPDATED, updated_at=at, **changed)


def cleared(alert: TrafficAlert, at: datetime, message: str) -> TrafficAlert:
    """An alert that is over at event time `at`, or at its last change if that is later, with the last word on it.

    Its severity is the worst of its life: what it was in the minute before it ended tells nobody how bad it was.
    """
    over_at = max(at, alert.updated_at)
    worst = reached(alert)
    return revised(
        alert,
        status=AlertStatus.CLEARED,
        severity=worst,
        worst_severity=worst,
        message=message,
        updated_at=over_at,
        cleared_at=over_at,
    )


def worst_of(*severities: AlertSeverity) -> AlertSeverity:
    """The worst of some severities."""
    return max(severities, key=tuple(AlertSeverity).index)


def reached(alert: TrafficAlert) -> AlertSeverity:
    """The worst severity of an alert so far; of one from before that was kept, the present one."""
    return worst_of(alert.severity, alert.worst_severity or alert.severity)


def oldest_first(alerts: Mapping[AlertId, TrafficAlert]) -> list[TrafficAlert]:
    """In the order in which alerts choose what is theirs."""
    return sorted(alerts.values(), key=lambda alert: (alert.raised_at, alert.alert_id))


def assign(active: Sequence[TrafficAlert], found: Sequence[Covering]) -> dict[AlertId, int]:
    """Which candidate each alert keeps, oldest alert first; one that finds none left has ended."""
    owned: dict[AlertId, int] = {}
    for alert in active:
        free = [number for number in touching(alert.affected_sensors, found) if number not in owned.values()]
        if free:
            owned[alert.alert_id] = free[0]
    return owned


def survivor_of(
    alert: TrafficAlert, found: Sequence[Covering], owners: Mapping[int, TrafficAlert]
) -> TrafficAlert | None:
    """The alert that has what this one was about: the owner of the candidate that shares most sensors with it."""
    return next((owners[number] for number in touching(alert.affected_sensors, found) if number in owners), None)


def touching(sensors: Sequence[SensorId], found: Sequence[Covering]) -> list[int]:
    """Numbers of the candidates that share sensors, most shared first, of equals the one furthest downstream."""
    mine = set(sensors)
    shared = {number: len(mine.intersection(one.sensor_ids)) for number, one in enumerate(found)}
    return sorted((number for number, count in shared.items() if count), key=lambda number: (-shared[number], -number))


@dataclass(frozen=True, slots=True)
class Listening:
    """What a step says of the sensors themselves, (sensors,) in road order.

    `heard` ones have spoken within `look_back`, `believed` ones are in order.
    """

    road: Roadway
    heard: Flags
    believed: Flags
    look_back: timedelta

    def message(self, alert: TrafficAlert, survivor: TrafficAlert | None) -> str | None:
        """The last word on an alert that lost its place to another, or its sensors; `None` where its cause is gone."""
        sensors = self.road.flags(alert.affected_sensors)
        if survivor is not None:
            return merged_message(alert, survivor)
        if not sensors.any():
            return removed_message(alert)
        if not (sensors & self.heard).any():
            return silent_message(alert, self.look_back)
        if not (sensors & self.believed).any():
            return doubted_message(alert)
        return None


def by_road(found: Iterable[Found], road_name: Callable[[Found], str]) -> dict[str, list[Found]]:
    """Candidates by the carriageway that `road_name` tells of each, in the order in which they were found."""
    roads: dict[str, list[Found]] = {}
    for one in found:
        roads.setdefault(road_name(one), []).append(one)
    return roads


def changes_by_road(
    boards: Sequence[AlertBoard],
    at: datetime,
    found: Mapping[str, Sequence[Found]],
    change: Callable[[str, Sequence[RoadAlerts], Sequence[Found]], list[TrafficAlert]],
) -> list[list[TrafficAlert]]:
    """What a step at `at` changes: one list for each carriageway where it changes anything, to be written together.

    Args:
        boards: the alerts on the log, a board for each kind that is judged together; they are left as they are.
        at: event time of the step. Nothing changes on a carriageway that has seen it or a later one.
        found: candidates by carriageway.
        change: what they change on one carriageway, given its name and its alerts, by board.
    """
    names = sorted(found.keys() | {name for board in boards for name, there in board.roads.items() if there.active})
    changes: list[list[TrafficAlert]] = []
    for name in names:
        there = [board.roads.get(name, RoadAlerts()) for board in boards]
        if all(one.is_news(at) for one in there):
            changes.append(change(name, there, found.get(name, ())))
    return [changed for changed in changes if changed]
