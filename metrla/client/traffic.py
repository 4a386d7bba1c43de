"""What is measured and forecast: sensors, their windows, networks and predictions."""

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from metrla.client.values import Answer, DataStage, DataState, Latitude, Longitude, PredictionBasis, Share, SpeedMph

DoubtReason: TypeAlias = Literal[
    "dead", "stuck", "impossible", "disagreeing", "apart", "slow_nights", "probation", "clock_off"
]


class Prediction(Answer):
    """The forecast of one sensor, one model and one horizon: the mean speed of the window that ends at the target."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Sensor.")
    segment_id: str = Field(
        description="Stretch of carriageway that the sensor represents: freeway-direction-postmile."
    )
    timestamp: datetime = Field(description="When it was made: end of the newest window used (event time, UTC).")
    target_timestamp: datetime = Field(description="End of the window that is forecast (event time, UTC).")
    horizon_minutes: int = Field(ge=1, description="From timestamp to target_timestamp, minutes.")
    road_name: str = Field(description="Carriageway as drivers call it, such as I-405 N.")
    predicted_speed: SpeedMph = Field(description="Forecast mean speed, mph.")
    lower_speed: SpeedMph = Field(description="Lower end of the prediction interval, mph.")
    upper_speed: SpeedMph = Field(description="Upper end of the prediction interval, mph.")
    actual_speed: SpeedMph | None = Field(
        description="Measured speed of the target window, mph; null until it is known."
    )
    current_speed: SpeedMph | None = Field(description="Mean speed of the window ending at timestamp, mph, or null.")
    model_name: str = Field(description="Model that made it.")
    model_version: str = Field(description="Version of that model.")
    serving: bool = Field(
        default=True, description="Whether the network served this forecast; false: a model that runs for comparison."
    )
    basis: PredictionBasis = Field(
        default=PredictionBasis.TRAINED,
        description=(
            "What it is based on: trained (the sensor's own readings), imputed (they are mostly missing or doubted; "
            "neighbours and usual speeds replace them), transferred (the model never saw the sensor in training) or "
            "profile (usual speeds alone)."
        ),
    )
    confidence_score: Share = Field(description="Probability (0-1) that the actual speed is within 5 mph.")
    congestion_probability: Share | None = Field(
        default=None,
        description="Probability (0-1) that the sensor is congested then, slower than 70 % of its free-flow speed; "
        "null where the model cannot tell.",
    )
    latitude: Latitude
    longitude: Longitude
    road_type: str = Field(description="Kind of road, such as freeway.")
    lane_count: int | None = Field(ge=1, description="Lanes of the carriageway at the sensor; null where unknown.")


class SensorDoubt(Answer):
    """Why what a sensor says is not believed."""

    reason: DoubtReason = Field(
        description="dead (silent), stuck (repeats one speed), impossible (tells what cannot be), disagreeing (speed, "
        "volume and occupancy that cannot be together), apart (slow between close neighbours that flow), slow_nights "
        "(slow all night beside free neighbours), probation (was one of these a moment ago) or clock_off (its "
        "timestamps are not the time of its network)."
    )
    detail: str = Field(description="The same in words, such as 'its clock is 50 min fast'.")
    since: datetime = Field(
        description="Start of the first window of which that was so (event time, UTC); for clock_off since when, as "
        "far as ingest knows (wall time, UTC)."
    )


class SensorReport(Answer):
    """A sensor and its latest measurements."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Sensor.")
    segment_id: str = Field(
        description="Stretch of carriageway that the sensor represents: freeway-direction-postmile."
    )
    name: str
    road_name: str = Field(description="Carriageway as drivers call it, such as I-405 N.")
    freeway: str
    direction: str = Field(description="Direction of travel: N, E, S or W.")
    postmile: float = Field(description="Miles along the freeway, increasing to the north and east.")
    latitude: Latitude
    longitude: Longitude
    road_type: str = Field(description="Kind of road, such as freeway.")
    lane_count: int | None = Field(ge=1, description="Lanes of the carriageway at the sensor; null where unknown.")
    timestamp: datetime | None = Field(description="End of its newest window (event time, UTC); null before the first.")
    current_speed: SpeedMph | None = Field(description="Mean speed of its newest window, mph; null if not observed.")
    volume: float | None = Field(ge=0, description="Vehicles counted in its newest window; null if not observed.")
    occupancy: Share | None = Field(description="Mean share of time occupied (0-1) in its newest window, or null.")
    share_observed: Share | None = Field(
        description="Share observed (0-1) of its newest window; null before the first."
    )
    doubt: SensorDoubt | None = Field(
        default=None,
        description="Why it is not believed, so that no alert rests on it and it does not count as reporting; null "
        "where it is.",
    )


class Aggregate(Answer):
    """One sensor, one window [window_start, window_end), as the store has it."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Sensor.")
    window_start: datetime = Field(description="Inclusive start (event time, UTC).")
    window_end: datetime = Field(description="Exclusive end (event time, UTC).")
    revision: int = Field(description="Messages that the window took something of; grows when late ones arrive.")
    speed_count: int = Field(description="Readings that carried a speed.")
    mean_speed: float | None = Field(description="Mean speed, mph; null if not observed.")
    min_speed: float | None = Field(description="Lowest speed, mph; null if not observed.")
    max_speed: float | None = Field(description="Highest speed, mph; null if not observed.")
    std_speed: float | None = Field(description="Standard deviation of speed, mph; null if not observed.")
    volume: float | None = Field(description="Vehicles counted; null if not observed.")
    occupancy: float | None = Field(description="Mean share of time occupied (0-1); null if not observed.")
    share_observed: float = Field(description="Share observed (0-1) of the readings expected in the window.")


class SensorTimesReport(Answer):
    """A sensor whose clock is off, or whose readings came too late for their windows."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Sensor.")
    clock_ahead_seconds: float | None = Field(
        description="Seconds by which its clock is fast, or slow where negative; null where it is not off."
    )
    too_late_readings: int = Field(
        ge=0, description="Readings since `since` that are in the archive and in no window, as they came too late."
    )
    since: datetime = Field(description="When ingest began to count (wall time, UTC).")
    as_of: datetime = Field(description="When ingest said so (wall time, UTC).")


class StageAge(Answer):
    """How old the data of one network is at one stage of its way."""

    stage: DataStage = Field(
        description="broker, readings, windows, forecasts, alerts (windows judged for alerts), push (to clients) or "
        "archive (readings in the archive)."
    )
    state: DataState = Field(description="waiting (nothing yet), fresh or stale.")
    age_s: float | None = Field(
        description="Wall time since the last arrival, or since the oldest came of what is not worked off, seconds; "
        "null while nothing is due."
    )
    limit_s: float = Field(description="Age beyond which it is stale, seconds.")
    arrived_at: datetime | None = Field(description="Last arrival (wall clock, UTC); null before the first.")
    event_time: datetime | None = Field(description="Newest event time that arrived, UTC; null where there is none.")
    behind_windows: int | None = Field(
        default=None, description="Of forecasts: windows newer than the newest forecast; null of other stages."
    )


class DataAge(Answer):
    """How old the data of one network is."""

    network_id: str = Field(description="Sensor network.")
    state: DataState = Field(description="stale if any stage is; waiting before the first window.")
    since: datetime | None = Field(
        description="Last arrival at the first stage that is stale (wall clock, UTC); null while nothing is."
    )
    stale: tuple[DataStage, ...] = Field(description="Stages that are stale; the first of them holds up the others.")
    stages: tuple[StageAge, ...] = Field(description="Every stage, in the order of the data's way.")


class NetworkReport(Answer):
    """A sensor network that the gateway serves."""

    network_id: str
    name: str
    time_zone: str = Field(description="IANA time zone of the roads; every timestamp of the API is in UTC.")
    window_minutes: Annotated[float, Field(gt=0, description="Length of an aggregation window, minutes.")]
    sensor_count: int
    reporting_count: int = Field(
        default=0,
        description="Sensors with a speed no older than the window before the newest one, that are not doubted; "
        "0 while readings or windows are stale.",
    )
    clocks_off_count: int = Field(default=0, description="Sensors whose clocks are off; /api/sensors names them.")
    data_age: DataAge = Field(description="How old its data is.")
