"""The records about alerts: what stands where and why, and what operators do about it. Import them from `records`."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.events.identifiers import AlertId, NetworkId, SensorId


class AlertType(StrEnum):
    """What an alert is about."""

    CONGESTION = "congestion"
    INCIDENT = "incident"
    CONSTRUCTION = "construction"
    WEATHER = "weather"
    EVENT = "event"


class AlertSeverity(StrEnum):
    """How bad it is, in rising order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class AlertStatus(StrEnum):
    """Where an alert is in its life."""

    RAISED = "raised"
    UPDATED = "updated"
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True)
class MeasuredWindow:
    """One window that speaks for an alert; a measure that is `None` was not observed or is not known.

    `usual_mph` is the speed that is normal at this place and time, `forecast_mph` what was forecast for this window.
    """

    sensor_id: SensorId
    window_end: datetime
    speed_mph: float | None
    usual_mph: float | None
    forecast_mph: float | None


@dataclass(frozen=True, slots=True)
class AlertEvidence:
    """Why an alert stands: one rule that holds or held, what it measured against which threshold, and on what.

    `measure` names the quantity with its unit, as `speed_drop_mph`, `score` or `probability_of_congestion`. The model
    is the one whose forecasts the rule used, `None` where it used none. `windows` are oldest first, at most 12.
    """

    rule: str
    measure: str
    value: float
    threshold: float
    model_name: str | None
    model_version: str | None
    windows: tuple[MeasuredWindow, ...]


class AlertActionKind(StrEnum):
    """What an operator does about an alert: says that it is seen, remarks on it, or ends it."""

    ACKNOWLEDGE = "acknowledge"
    COMMENT = "comment"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class AlertAction:
    """What an operator did about an alert. It counts once, by its `action_id`; `at` is wall time."""

    action_id: str
    alert_id: AlertId
    network_id: NetworkId
    kind: AlertActionKind
    at: datetime
    operator: str
    text: str


@dataclass(frozen=True, slots=True)
class TrafficAlert:
    """The whole current state of one alert; the highest `revision` of an `alert_id` is its truth.

    Times are event times: ends of the windows that made the alert rise, change and clear. `estimated_duration_minutes`
    counts from `raised_at` and is `None` while unknown; with 90 % probability the duration lies between its two bounds.
    `affected_sensors` are in road order, upstream first. `delay_vehicle_hours` is what it has cost so far, `None` where
    flow is not known. `recurrent` says whether the congestion is usual at this place and hour, `None` where that is not
    known. A predicted alert has `expected_at`, when it is expected; `None` means it is there. `actions` are those of
    operators, oldest first.
    """

    alert_id: AlertId
    network_id: NetworkId
    alert_type: AlertType
    severity: AlertSeverity
    status: AlertStatus
    revision: int
    message: str
    location: str
    raised_at: datetime
    updated_at: datetime
    cleared_at: datetime | None
    latitude: float
    longitude: float
    affected_sensors: tuple[SensorId, ...]
    estimated_duration_minutes: float | None
    confidence_score: float
    estimated_duration_lower_minutes: float | None = None
    estimated_duration_upper_minutes: float | None = None
    delay_vehicle_hours: float | None = None
    recurrent: bool | None = None
    expected_at: datetime | None = None
    evidence: tuple[AlertEvidence, ...] = ()
    actions: tuple[AlertAction, ...] = ()

    @property
    def active(self) -> bool:
        """Whether the alert still stands."""
        return self.status is not AlertStatus.CLEARED
