"""The records on the log, as frozen dataclasses. Units are in the names; every datetime is UTC.

Their only wire form is Avro (`shared.events.avro`); `schemas/*.avsc` documents each field, and a test proves that
dataclass and schema agree.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.events.alert_records import (
    AlertAction,
    AlertActionKind,
    AlertEvidence,
    AlertSeverity,
    AlertStatus,
    AlertType,
    MeasuredWindow,
    TrafficAlert,
)
from shared.events.identifiers import AdvisoryId, AlertId, NetworkId, SensorId

__all__ = [
    "AdvisoryId",
    "AdvisoryType",
    "AlertAction",
    "AlertActionKind",
    "AlertEvidence",
    "AlertId",
    "AlertSeverity",
    "AlertStatus",
    "AlertType",
    "HorizonForecast",
    "MeasuredWindow",
    "NetworkId",
    "PredictionBasis",
    "ProcessedTrafficAggregate",
    "Record",
    "SensorId",
    "TrafficAdvisory",
    "TrafficAlert",
    "TrafficEvent",
    "TrafficPrediction",
]


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

    `revision` is the number of distinct readings that the window had absorbed when it was emitted: a re-emission always
    has a higher one and a rebuild after a crash has the same ones, so the highest revision of a window is its truth.
    `speed_count` of those readings carried a speed. `volume_vehicles` is their sum, `occupancy` (0-1) their mean,
    `share_observed` (0-1) the part of the readings expected in a window that was observed.
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

    `confidence_score` (0-1) is the probability that the actual speed lies within 5 mph of the prediction.
    """

    horizon_minutes: int
    target_timestamp: datetime
    predicted_speed_mph: float
    lower_speed_mph: float
    upper_speed_mph: float
    confidence_score: float


class PredictionBasis(StrEnum):
    """What a forecast rests on.

    TRAINED: the sensor's own recent windows and a model that was trained with it. IMPUTED: its own windows are mostly
    missing or stuck, so its neighbours and its usual speeds stand in. TRANSFERRED: the model never saw the sensor in
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
