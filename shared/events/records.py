"""The records on the log, as frozen dataclasses. Units are in the names; every datetime is UTC.

Their only wire form is Avro (`shared.events.avro`); `schemas/*.avsc` documents each field, and a test proves that
dataclass and schema agree.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

# Identifiers: text that must not be mixed up.
NetworkId = NewType("NetworkId", str)
SensorId = NewType("SensorId", str)
AlertId = NewType("AlertId", str)
AdvisoryId = NewType("AdvisoryId", str)


@dataclass(frozen=True, slots=True)
class TrafficEvent:
    """One reading of one sensor. A measure that is `None` was not observed: missing is not zero.

    `timestamp` is the instant of the reading, or the start of the period that it summarises.
    `share_observed` (0-1) is the part of that period in which the detector really observed.
    """

    event_id: str
    network_id: NetworkId
    sensor_id: SensorId
    timestamp: datetime
    speed_mph: float | None
    volume_vehicles: float | None = None
    occupancy: float | None = None
    share_observed: float | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class ProcessedTrafficAggregate:
    """One sensor, one window [`window_start`, `window_end`).

    `revision` is the number of messages that the window had taken something of when it was emitted: a re-emission
    always has a higher one and a rebuild after a crash has the same ones, so the highest revision of a window is its
    truth. `speed_count` of its readings carried a speed. `volume_vehicles` is their sum, `occupancy` (0-1) their
    mean, `share_observed` (0-1) the part of the readings expected in a window that was observed.
    """

    network_id: NetworkId
    sensor_id: SensorId
    window_start: datetime
    window_end: datetime
    revision: int
    speed_count: int
    mean_speed_mph: float | None
    min_speed_mph: float | None
    max_speed_mph: float | None
    std_speed_mph: float | None
    volume_vehicles: float | None
    occupancy: float | None
    share_observed: float
    last_event_id: str


@dataclass(frozen=True, slots=True)
class HorizonForecast:
    """The forecast of one horizon: the mean speed of the window that ends at `target_timestamp`.

    `confidence_score` (0-1) is the probability that the actual speed lies within 5 mph of the prediction,
    `congestion_probability` (0-1) that the sensor is congested then: slower than 70 % of its free-flow speed; `None`
    where the model does not know what that is.
    """

    horizon_minutes: int
    target_timestamp: datetime
    predicted_speed_mph: float
    lower_speed_mph: float
    upper_speed_mph: float
    confidence_score: float
    congestion_probability: float | None = None


class PredictionBasis(StrEnum):
    """What a forecast rests on.

    TRAINED: the sensor's own recent windows and a model that was trained with it. IMPUTED: its own windows are mostly
    missing or doubted, so its neighbours and its usual speeds stand in. TRANSFERRED: the model never saw the sensor in
    training; what it learned from others was carried over. PROFILE: its usual speeds at that time of the week alone.
    """

    TRAINED = "trained"
    IMPUTED = "imputed"
    TRANSFERRED = "transferred"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class TrafficPrediction:
    """One sensor, one model, all horizons, made from the windows that end at or before `timestamp` (event time).

    Identified by (network_id, sensor_id, model_name, timestamp). `revision` is the sum of the revisions of the windows
    it was made from, so the highest is the one that knew most. `serving` marks the network's answer for the sensor:
    of one origin and revision exactly one model has it; the others run beside it to be compared.
    """

    network_id: NetworkId
    sensor_id: SensorId
    timestamp: datetime
    model_name: str
    model_version: str
    revision: int
    current_speed_mph: float | None
    horizons: tuple[HorizonForecast, ...]
    serving: bool = True
    basis: PredictionBasis = PredictionBasis.TRAINED


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
    """One window that supports an alert; a measure that is `None` was not observed or is not known.

    `usual_mph` is the usual speed at this place and time, `forecast_mph` what was forecast for this window.
    """

    sensor_id: SensorId
    window_end: datetime
    speed_mph: float | None
    usual_mph: float | None
    forecast_mph: float | None


@dataclass(frozen=True, slots=True)
class AlertEvidence:
    """Why an alert is active: one rule that holds or held, what it measured against which threshold, and on what.

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
    operators, oldest first. `severity` is the present one, and of a cleared alert the worst that it reached;
    `worst_severity` is the worst so far, `None` in records of before it was kept.
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
    worst_severity: AlertSeverity | None = None

    @property
    def active(self) -> bool:
        """Whether the alert has been raised and not cleared."""
        return self.status is not AlertStatus.CLEARED


class AdvisoryType(StrEnum):
    """What speeds cannot show and an operator must say."""

    CONSTRUCTION = "construction"
    WEATHER = "weather"
    EVENT = "event"


@dataclass(frozen=True, slots=True)
class TrafficAdvisory:
    """Planned work, weather or an event that touches some sensors for some time.

    `starts_at` is inclusive, `ends_at` exclusive and `None` while open. `severity` is the publisher's own word.
    `updated_at` is when the publisher last changed or confirmed it, `publisher_id` its own id of its newest message.
    A `feed` takes back what it no longer holds.
    """

    advisory_id: AdvisoryId
    network_id: NetworkId
    advisory_type: AdvisoryType
    title: str
    description: str
    severity: AlertSeverity
    starts_at: datetime
    ends_at: datetime | None
    affected_sensors: tuple[SensorId, ...]
    latitude: float | None
    longitude: float | None
    source: str
    withdrawn: bool
    updated_at: datetime | None = None
    publisher_id: str = ""
    feed: str = ""

    def holds_at(self, at: datetime) -> bool:
        """Whether it is valid at that time."""
        return not self.withdrawn and self.starts_at <= at and (self.ends_at is None or at < self.ends_at)


Record = TrafficEvent | ProcessedTrafficAggregate | TrafficPrediction | TrafficAlert | TrafficAdvisory | AlertAction
