"""The gateway's answers, and what it takes, as models: every field with its unit and its bounds.

They are the client's own, so that it needs nothing of the platform. A test holds them equal to the gateway's OpenAPI.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

SpeedMph = Annotated[float, Field(ge=0, le=120)]
Share = Annotated[float, Field(ge=0, le=1)]
Latitude = Annotated[float, Field(ge=-90, le=90, description="Degrees north (WGS 84).")]
Longitude = Annotated[float, Field(ge=-180, le=180, description="Degrees east (WGS 84).")]
Minutes = Annotated[int, Field(ge=1, description="How far ahead, minutes.")]
Id = Annotated[str, Field(min_length=1, max_length=200)]


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


class AlertActionKind(StrEnum):
    """What an operator does about an alert: says that it is seen, remarks on it, or ends it."""

    ACKNOWLEDGE = "acknowledge"
    COMMENT = "comment"
    CLOSE = "close"


class AdvisoryType(StrEnum):
    """What speeds cannot show and an operator must say."""

    CONSTRUCTION = "construction"
    WEATHER = "weather"
    EVENT = "event"


class AdvisoryState(StrEnum):
    """Where an advisory is in its life."""

    NOW = "now"
    LATER = "later"
    OVER = "over"
    WITHDRAWN = "withdrawn"


class DocumentFormat(StrEnum):
    """The published formats of advisories that the gateway reads."""

    WZDX = "wzdx"
    OPEN511 = "open511"
    CAP = "cap"
    NWS = "nws"


class PredictionBasis(StrEnum):
    """What a forecast rests on: own readings, neighbours and usual speeds, other sensors, usual speeds alone."""

    TRAINED = "trained"
    IMPUTED = "imputed"
    TRANSFERRED = "transferred"
    PROFILE = "profile"


class ModelRole(StrEnum):
    """What a version of a model serves as."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    MEMBER = "member"
    REFUSED = "refused"
    RETIRED = "retired"


class Channel(StrEnum):
    """What a client can follow on the WebSocket."""

    PREDICTIONS = "predictions"
    ALERTS = "alerts"
    SENSORS = "sensors"


class Answer(BaseModel):
    """What every answer has in common: it never changes once it is made."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


class Prediction(Answer):
    """The forecast of one sensor, one model and one horizon: the mean speed of the window that ends at the target."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Detector station.")
    segment_id: str = Field(
        description="Stretch of carriageway that the sensor stands for: freeway-direction-postmile."
    )
    timestamp: datetime = Field(description="When it was made: end of the newest window used (event time, UTC).")
    target_timestamp: datetime = Field(description="End of the window that is forecast (event time, UTC).")
    horizon_minutes: int = Field(ge=1, description="From timestamp to target_timestamp, minutes.")
    road_name: str = Field(description="Carriageway as drivers say it, such as I-405 N.")
    predicted_speed: SpeedMph = Field(description="Forecast mean speed, mph.")
    lower_speed: SpeedMph = Field(description="Lower end of the prediction interval, mph.")
    upper_speed: SpeedMph = Field(description="Upper end of the prediction interval, mph.")
    actual_speed: SpeedMph | None = Field(description="What came true, mph; null until it is known.")
    current_speed: SpeedMph | None = Field(description="Mean speed of the window ending at timestamp, mph, or null.")
    model_name: str = Field(description="Model that made it.")
    model_version: str = Field(description="Version of that model.")
    serving: bool = Field(
        default=True, description="Whether this was the network's answer; false: a model that runs beside it."
    )
    basis: PredictionBasis = Field(
        default=PredictionBasis.TRAINED,
        description=(
            "What it rests on: trained (the sensor's own readings), imputed (they are mostly missing or stuck; "
            "neighbours and usual speeds stand in), transferred (the model never saw the sensor in training) or "
            "profile (usual speeds alone)."
        ),
    )
    confidence_score: Share = Field(description="Probability (0-1) that the actual speed is within 5 mph.")
    latitude: Latitude
    longitude: Longitude
    road_type: str = Field(description="Kind of road, such as freeway.")
    lane_count: int | None = Field(ge=1, description="Lanes of the carriageway at the sensor; null where unknown.")


class SensorReport(Answer):
    """A sensor and what it measured last."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Detector station.")
    segment_id: str = Field(
        description="Stretch of carriageway that the sensor stands for: freeway-direction-postmile."
    )
    name: str
    road_name: str = Field(description="Carriageway as drivers say it, such as I-405 N.")
    freeway: str
    direction: str = Field(description="Direction of travel: N, E, S or W.")
    postmile: float = Field(description="Miles along the freeway; grows to the north and to the east.")
    latitude: Latitude
    longitude: Longitude
    road_type: str = Field(description="Kind of road, such as freeway.")
    lane_count: int | None = Field(ge=1, description="Lanes of the carriageway at the sensor; null where unknown.")
    timestamp: datetime | None = Field(description="End of its newest window (event time, UTC); null before the first.")
    current_speed: SpeedMph | None = Field(description="Mean speed of its newest window, mph; null if not observed.")
    volume: float | None = Field(ge=0, description="Vehicles counted in its newest window; null if not observed.")
    occupancy: Share | None = Field(description="Mean share of time occupied (0-1) in its newest window, or null.")
    share_observed: Share | None = Field(description="Observed part (0-1) of its newest window; null before the first.")


class Aggregate(Answer):
    """One sensor, one window [window_start, window_end), as the store has it."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Detector station.")
    window_start: datetime = Field(description="Inclusive start (event time, UTC).")
    window_end: datetime = Field(description="Exclusive end (event time, UTC).")
    revision: int = Field(description="Distinct readings that the window had absorbed; grows when late ones come.")
    speed_count: int = Field(description="Readings that carried a speed.")
    mean_speed: float | None = Field(description="Mean speed, mph; null if not observed.")
    min_speed: float | None = Field(description="Least speed, mph; null if not observed.")
    max_speed: float | None = Field(description="Greatest speed, mph; null if not observed.")
    std_speed: float | None = Field(description="Standard deviation of speed, mph; null if not observed.")
    volume: float | None = Field(description="Vehicles counted; null if not observed.")
    occupancy: float | None = Field(description="Mean share of time occupied (0-1); null if not observed.")
    share_observed: float = Field(description="Observed part (0-1) of the readings expected in the window.")


class NetworkReport(Answer):
    """A sensor network that the gateway serves."""

    network_id: str
    name: str
    time_zone: str = Field(description="IANA time zone of the roads; every timestamp of the API is in UTC.")
    window_minutes: Annotated[float, Field(gt=0, description="Length of an aggregation window, minutes.")]
    sensor_count: int


class Window(Answer):
    """One window that speaks for an alert."""

    sensor_id: str = Field(description="Detector station.")
    window_end: datetime = Field(description="End of the window (event time, UTC).")
    speed: float | None = Field(description="Mean speed, mph; null if not observed.")
    usual_speed: float | None = Field(description="What is normal at this place and time, mph; null if not known.")
    forecast_speed: float | None = Field(description="What was forecast for this window, mph; null if nothing was.")


class Evidence(Answer):
    """Why an alert stands: one rule that holds or held, and what it measured."""

    rule: str = Field(description="The rule, such as bottleneck, forecast_residual, forecast or advisory.")
    measure: str = Field(description="What it measured, with the unit in the name, such as speed_drop_mph.")
    value: float = Field(description="What was measured.")
    threshold: float = Field(description="From where on the rule holds.")
    model_name: str | None = Field(description="Model whose forecasts the rule used; null: none.")
    model_version: str | None = Field(description="Version of that model; null: none.")
    windows: tuple[Window, ...] = Field(description="The windows that were judged, newest last.")


class Action(Answer):
    """What an operator did about an alert."""

    action_id: str = Field(description="Its id: it counts once.")
    alert_id: str = Field(description="The alert.")
    kind: AlertActionKind = Field(description="acknowledge (it is seen), comment or close (it is ended).")
    at: datetime = Field(description="When the gateway took it (wall time, UTC).")
    operator: str = Field(description="Who did it, in their own words.")
    text: str = Field(description="What they said; may be empty.")


class Alert(Answer):
    """The whole current state of one alert."""

    alert_id: str = Field(description="The same as long as the alert lives.")
    network_id: str = Field(description="Sensor network.")
    alert_type: AlertType
    severity: AlertSeverity
    status: AlertStatus = Field(description="raised, updated (it changed while it stands) or cleared.")
    revision: int = Field(description="Number of this state; grows with every change.")
    message: str = Field(description="What happens, in one sentence.")
    location: str = Field(description="Where, as drivers say it.")
    timestamp: datetime = Field(description="When it was raised (event time, UTC).")
    updated_at: datetime = Field(description="When traffic last changed it, or it was closed (event time, UTC).")
    cleared_at: datetime | None = Field(description="When it was cleared (event time, UTC); null while it stands.")
    latitude: Latitude
    longitude: Longitude
    affected_sensors: tuple[str, ...] = Field(description="Sensors in road order, upstream first.")
    estimated_duration: float | None = Field(
        ge=0, description="Estimated minutes from timestamp to its end; null while unknown."
    )
    estimated_duration_lower: float | None = Field(
        ge=0, description="With 90 % probability it lasts at least so many minutes; null while unknown."
    )
    estimated_duration_upper: float | None = Field(
        ge=0, description="With 90 % probability it lasts at most so many minutes; null while unknown."
    )
    confidence_score: Share = Field(description="How sure the detector is (0-1).")
    delay_vehicle_hours: float | None = Field(
        ge=0, description="Delay of all vehicles together so far, vehicle-hours; null where flow is not known."
    )
    recurrent: bool | None = Field(
        description="Of congestion: whether it is usual at this place and hour; null where that is not known."
    )
    expected_at: datetime | None = Field(
        description="Of a predicted alert: when it is expected (event time, UTC); null: it is there."
    )
    acknowledged: bool = Field(description="Whether an operator acknowledged it.")
    evidence: tuple[Evidence, ...] = Field(description="Why it stands: an entry for each rule that holds or held.")
    actions: tuple[Action, ...] = Field(description="What operators did about it, oldest first.")


class NewAction(BaseModel):
    """What an operator does about an alert."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: AlertActionKind = Field(description="acknowledge (it is seen), comment or close (it is ended).")
    operator: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="Who does it.")
    text: Annotated[str, Field(max_length=1000)] = Field(default="", description="A comment needs one.")
    action_id: Id | None = Field(
        default=None, description="An id of your own: the same one again is the same action. So is Idempotency-Key."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.kind is AlertActionKind.COMMENT and not self.text:
            raise ValueError("text: a comment needs one")
        return self


class Advisory(Answer):
    """Planned work, weather or an event, as its publisher says."""

    advisory_id: str = Field(description="The same for all its life.")
    network_id: str = Field(description="Sensor network.")
    advisory_type: AdvisoryType
    state: AdvisoryState = Field(description="now (it holds), later, over or withdrawn.")
    title: str
    description: str
    severity: AlertSeverity = Field(description="In the publisher's own word.")
    starts_at: datetime = Field(description="From when it holds, inclusive (UTC).")
    ends_at: datetime | None = Field(description="Until when, exclusive (UTC); null while open.")
    affected_sensors: tuple[str, ...] = Field(
        description="Sensors in road order; none: by place, or the whole network."
    )
    latitude: Latitude | None
    longitude: Longitude | None
    source: str = Field(description="Who says so.")
    updated_at: datetime | None = Field(description="When the publisher last changed or confirmed it (UTC).")
    publisher_id: str = Field(description="The publisher's own id.")
    feed: str = Field(description="The feed it was read from.")


class FeatureFault(Answer):
    """A feature that is not on the log, and why."""

    index: int = Field(description="Place in the document, from 0.")
    publisher_id: str | None = Field(description="Its id where it has one.")
    reason: str


class Receipt(Answer):
    """What became of a document: every feature is in it once."""

    format: DocumentFormat
    features: int = Field(description="Features in the document.")
    advisories: int = Field(description="Advisories that it says, one for each network and time.")
    published: int = Field(description="Those that were new or changed.")
    unchanged: int = Field(description="Those that stood so already.")
    withdrawn: int = Field(description="Advisories that it took back.")
    stale: int = Field(description="Those older than what is known.")
    superseded: int = Field(description="Messages that another of the same document replaces.")
    rejected: tuple[FeatureFault, ...] = Field(description="Features that cannot be used.")
    unmatched: tuple[FeatureFault, ...] = Field(description="Features that touch no sensor of any network.")
    advisory_ids: tuple[str, ...]


class NewAdvisory(BaseModel):
    """An advisory and where it holds: `affected_sensors`, or a place (`geometry`, or `latitude` and `longitude`).

    With a place, `road` and `direction` restrict it to one carriageway. A known `id` changes that advisory.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    advisory_type: AdvisoryType
    title: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=4000)] = ""
    severity: AlertSeverity = AlertSeverity.MEDIUM
    starts_at: AwareDatetime | None = Field(default=None, description="From when it holds; absent: now (event time).")
    ends_at: AwareDatetime | None = Field(default=None, description="Until when; absent: until it is withdrawn.")
    network_id: Id | None = Field(default=None, description="Needed where the gateway serves several networks.")
    affected_sensors: Annotated[tuple[Id, ...], Field(max_length=10_000)] = ()
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    geometry: dict[str, Any] | None = Field(default=None, description="GeoJSON.")
    road: Id | None = Field(default=None, description="Such as I-405.")
    direction: Id | None = Field(default=None, description="N, E, S or W, or northbound and so on.")
    id: Id | None = Field(default=None, description="An id of your own; the same one again changes the advisory.")
    source: Annotated[str, Field(max_length=200)] = "operator"

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        if not self.affected_sensors and self.latitude is None and self.geometry is None:
            raise ValueError("a place is needed: affected_sensors, geometry, or latitude and longitude")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at is not after starts_at")
        return self


class TrainingData(Answer):
    """What a model was trained on."""

    source: str = Field(description="What the speeds are.")
    start: datetime = Field(alias="from", description="Start of the first window.")
    end: datetime = Field(alias="to", description="End of the last window.")
    windows: int = Field(description="Windows in between.")
    sha256: str = Field(description="Fingerprint of the speeds and their times.")
    network_sha256: str = Field(description="Fingerprint of the sensors and the road graph.")


class OfflineScore(Answer):
    """Errors on a held-out part of the recording: one average over all sensors, labels of 0 and missing left out."""

    part: str = Field(description="test, or validation, which chose between variants of the model.")
    horizon_minutes: Minutes
    mae_mph: float | None = Field(description="Mean absolute error, mph.")
    rmse_mph: float | None = Field(description="Root mean squared error, mph.")
    mape_percent: float | None = Field(description="Mean absolute percentage error, %.")


class LiveScore(Answer):
    """What came of the forecasts of one version and horizon, over all sensors. Errors are forecast less actual."""

    horizon_minutes: Minutes
    start: datetime = Field(description="End of the first window that was compared (event time, UTC).")
    end: datetime = Field(description="End of the last window that was compared (event time, UTC).")
    pairs: int = Field(ge=1, description="Forecasts that were compared with what happened.")
    mae_mph: float = Field(ge=0, description="Mean absolute error, mph.")
    rmse_mph: float = Field(ge=0, description="Root mean squared error, mph.")
    bias_mph: float = Field(description="Mean error, mph; above 0: forecasts were too fast.")
    coverage_90: Share = Field(description="Share of actual speeds within the 90 % intervals; 0.9 is right.")
    within_5_mph: Share = Field(description="Share of actual speeds within 5 mph of the forecast.")
    mean_confidence: Share = Field(description="What confidence_score promised for within_5_mph, on average.")
    expected_calibration_error: Share | None = Field(
        description="Mean gap between promised and true probability, by tenths of confidence_score; null if unknown."
    )


class ModelVersion(Answer):
    """One version of a model."""

    model_version: str
    role: ModelRole = Field(
        description=(
            "champion (its forecasts are the network's), challenger (runs beside it), member (only of the ensemble), "
            "refused (damaged, or does not fit) or retired (served once)."
        )
    )
    since: datetime | None = Field(description="Since when (wall clock, UTC); null where it was not recorded.")
    reason: str | None = Field(description="Why it was refused.")


class ModelReport(Answer):
    """A model of a network, by the version that does most, at the horizons of the literature."""

    network_id: str = Field(description="Sensor network.")
    model_name: str
    model_version: str = Field(description="The version that the fields below are about.")
    role: ModelRole = Field(description="What that version does; see versions.")
    since: datetime | None = Field(description="Since when (wall clock, UTC); null where it was not recorded.")
    sensors: int = Field(ge=0, description="Sensors that have a newest forecast of it.")
    serving_sensors: int = Field(ge=0, description="Sensors whose answer it is now.")
    what: str | None = Field(description="The model in a sentence; null where it has no card.")
    created_at: datetime | None = Field(description="When it was trained (wall clock, UTC); null where unknown.")
    offline: tuple[OfflineScore, ...] = Field(description="Errors on the held-out parts, from its card.")
    live: tuple[LiveScore, ...] = Field(description="What came of its forecasts; empty before the first outcome.")
    versions: tuple[ModelVersion, ...] = Field(description="All versions, the one that does most first, then by age.")


class ReliabilityBin(Answer):
    """The forecasts whose `confidence_score` lay in [lower, upper): what was promised, and what came true."""

    lower: Share
    upper: Share
    pairs: int = Field(ge=0, description="Forecasts in it.")
    confidence: Share | None = Field(description="Their mean confidence_score; null without any.")
    observed: Share | None = Field(description="Share that was within 5 mph; null without any.")


class Reliability(Answer):
    """Whether the confidence of one horizon means what it says: a reliability diagram in ten bins."""

    horizon_minutes: Minutes
    bins: tuple[ReliabilityBin, ...]


class CalibrationScore(Answer):
    """How the certainty of one horizon held on the held-out part."""

    horizon_minutes: Minutes
    coverage_90: Share | None = Field(description="Share of actual speeds within the 90 % intervals.")
    width_mph: float | None = Field(description="Mean width of the intervals, mph.")
    mean_confidence: Share | None = Field(description="Mean confidence_score.")
    expected_calibration_error: Share | None = Field(description="Mean gap between promised and true probability.")


class Calibration(Answer):
    """How the certainty of a model held offline."""

    part: str = Field(description="Part of the recording, none of which its calibration saw.")
    expected_calibration_error: Share | None = Field(description="Over all horizons.")
    horizons: tuple[CalibrationScore, ...]


class FeatureImportance(Answer):
    """How much a model makes of a feature, or a group of them."""

    feature: str
    importance: float = Field(description="Share of the whole; all together make 1.")


class ModelDetail(ModelReport):
    """A model of a network with everything that is known of the version that does most, at every horizon."""

    reliability: tuple[Reliability, ...] = Field(description="Live: what was promised against what came true.")
    calibration: Calibration | None = Field(description="Offline, from its card.")
    feature_importance: tuple[FeatureImportance, ...] = Field(description="From its card, the greatest first.")
    training_data: TrainingData | None = Field(description="What it was trained on, from its card.")
    members: dict[str, str] = Field(description="Of an ensemble: version by model.")
    card: dict[str, Any] = Field(description="Its whole card, without the list of sensors.")
