"""The API's answers: every field with its unit and its bounds."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.gateway.views.ages import Age, DataStage, DataState, NetworkAges
from services.gateway.views.sensor_times import SensorTimeState
from services.gateway.views.traffic import Forecast
from services.gateway.views.windows import SensorState
from shared.events.quantities import MAX_SPEED_MPH, MIN_SPEED_MPH
from shared.events.records import PredictionBasis, ProcessedTrafficAggregate
from shared.traffic.health.rules import WORDS, Doubt
from shared.traffic.network import Network

# A hundredth of a mile per hour is finer than any detector; the log and the store keep every digit.
_ROUND_SPEED = AfterValidator(lambda speed: round(speed, 2))
_ROUND_SHARE = AfterValidator(lambda share: round(share, 4))

SpeedMph = Annotated[float, Field(ge=MIN_SPEED_MPH, le=MAX_SPEED_MPH), _ROUND_SPEED]
Share = Annotated[float, Field(ge=0, le=1), _ROUND_SHARE]
# What the store has is answered whatever its size: an analyst who asks has to see it.
StoredMph = Annotated[float, _ROUND_SPEED]
StoredShare = Annotated[float, _ROUND_SHARE]
Latitude = Annotated[float, Field(ge=-90, le=90, description="Degrees north (WGS 84).")]
Longitude = Annotated[float, Field(ge=-180, le=180, description="Degrees east (WGS 84).")]

DoubtReason = Literal["dead", "stuck", "impossible", "disagreeing", "apart", "slow_nights", "probation", "clock_off"]
REASON_OF: Mapping[Doubt, DoubtReason] = {
    Doubt.DEAD: "dead",
    Doubt.STUCK: "stuck",
    Doubt.IMPOSSIBLE: "impossible",
    Doubt.DISAGREEING: "disagreeing",
    Doubt.APART: "apart",
    Doubt.SLOW_NIGHTS: "slow_nights",
    Doubt.PROBATION: "probation",
}
MINUTE_S = 60.0
LISTED_FAULTS = 100
"""Faults of one request, or rejections of one document, that an answer lists."""
MEASURING = frozenset({DataStage.BROKER, DataStage.READINGS, DataStage.WINDOWS})
"""The stages that what is measured comes by."""


class Answer(BaseModel):
    """What every answer has in common: it never changes once it is made."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())


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

    @classmethod
    def of(cls, forecast: Forecast) -> "Prediction":
        """The answer for one forecast."""
        sensor, made, horizon = forecast.sensor, forecast.prediction, forecast.horizon
        return cls(
            network_id=made.network_id,
            sensor_id=sensor.sensor_id,
            segment_id=sensor.segment_id,
            timestamp=made.timestamp,
            target_timestamp=horizon.target_timestamp,
            horizon_minutes=horizon.horizon_minutes,
            road_name=sensor.road_name,
            predicted_speed=horizon.predicted_speed_mph,
            lower_speed=horizon.lower_speed_mph,
            upper_speed=horizon.upper_speed_mph,
            actual_speed=forecast.actual_speed_mph,
            current_speed=forecast.current_speed_mph,
            model_name=made.model_name,
            model_version=made.model_version,
            serving=made.serving,
            basis=made.basis,
            confidence_score=horizon.confidence_score,
            congestion_probability=horizon.congestion_probability,
            latitude=sensor.latitude,
            longitude=sensor.longitude,
            road_type=sensor.road_type,
            lane_count=sensor.lane_count,
        )


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

    @classmethod
    def of(cls, state: SensorState) -> "SensorDoubt | None":
        """Of a sensor; `None` where it is believed.

        A clock that is off comes first: what the alert detector does not listen to for that looks dead to it.
        """
        off, doubted = state.clock_off, state.doubted
        if off is not None:
            ahead_s = off.time.ahead_s or 0.0
            size = f"{abs(ahead_s) / 60:.0f} min" if abs(ahead_s) >= MINUTE_S else f"{abs(ahead_s):.0f} s"
            detail = f"its clock is {size} {'fast' if ahead_s > 0 else 'slow'}"
            return cls(reason="clock_off", detail=detail, since=off.time.off_since or off.since)
        if doubted is not None:
            return cls(reason=REASON_OF[doubted.doubt], detail=WORDS[doubted.doubt], since=doubted.since)
        return None


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

    @classmethod
    def of(cls, state: SensorState) -> "SensorReport":
        """The answer for one sensor."""
        sensor, newest = state.sensor, state.newest
        return cls(
            network_id=state.network_id,
            sensor_id=sensor.sensor_id,
            segment_id=sensor.segment_id,
            name=sensor.name,
            road_name=sensor.road_name,
            freeway=sensor.freeway,
            direction=sensor.direction,
            postmile=sensor.postmile,
            latitude=sensor.latitude,
            longitude=sensor.longitude,
            road_type=sensor.road_type,
            lane_count=sensor.lane_count,
            timestamp=newest and newest.window_end,
            current_speed=newest and newest.mean_speed_mph,
            volume=newest and newest.volume_vehicles,
            occupancy=newest and newest.occupancy,
            share_observed=newest and newest.share_observed,
            doubt=SensorDoubt.of(state),
        )


class Aggregate(Answer):
    """One sensor, one window [window_start, window_end), as the store has it."""

    network_id: str = Field(description="Sensor network.")
    sensor_id: str = Field(description="Sensor.")
    window_start: datetime = Field(description="Inclusive start (event time, UTC).")
    window_end: datetime = Field(description="Exclusive end (event time, UTC).")
    revision: int = Field(description="Messages that the window took something of; grows when late ones arrive.")
    speed_count: int = Field(description="Readings that carried a speed.")
    mean_speed: StoredMph | None = Field(description="Mean speed, mph; null if not observed.")
    min_speed: StoredMph | None = Field(description="Lowest speed, mph; null if not observed.")
    max_speed: StoredMph | None = Field(description="Highest speed, mph; null if not observed.")
    std_speed: StoredMph | None = Field(description="Standard deviation of speed, mph; null if not observed.")
    volume: float | None = Field(description="Vehicles counted; null if not observed.")
    occupancy: StoredShare | None = Field(description="Mean share of time occupied (0-1); null if not observed.")
    share_observed: StoredShare = Field(description="Share observed (0-1) of the readings expected in the window.")

    @classmethod
    def of(cls, window: ProcessedTrafficAggregate) -> "Aggregate":
        """The answer for one window."""
        return cls(
            network_id=window.network_id,
            sensor_id=window.sensor_id,
            window_start=window.window_start,
            window_end=window.window_end,
            revision=window.revision,
            speed_count=window.speed_count,
            mean_speed=window.mean_speed_mph,
            min_speed=window.min_speed_mph,
            max_speed=window.max_speed_mph,
            std_speed=window.std_speed_mph,
            volume=window.volume_vehicles,
            occupancy=window.occupancy,
            share_observed=window.share_observed,
        )


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

    @classmethod
    def of(cls, state: SensorTimeState) -> "SensorTimesReport":
        """The answer for one sensor."""
        return cls(
            network_id=state.network_id,
            sensor_id=state.sensor_id,
            clock_ahead_seconds=state.time.ahead_s,
            too_late_readings=state.time.too_late,
            since=state.since,
            as_of=state.as_of,
        )


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

    @classmethod
    def of(cls, age: Age) -> "StageAge":
        """The answer for one stage."""
        return cls(
            stage=age.stage,
            state=age.state,
            age_s=None if age.age_s is None else round(age.age_s, 3),
            limit_s=round(age.limit_s, 3),
            arrived_at=age.arrived_at,
            event_time=age.event_time,
            behind_windows=age.behind_windows,
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

    @classmethod
    def of(cls, ages: NetworkAges) -> "DataAge":
        """The answer for one network."""
        return cls(
            network_id=ages.network_id,
            state=ages.state,
            since=ages.since,
            stale=ages.stale,
            stages=tuple(map(StageAge.of, ages.ages)),
        )


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

    @classmethod
    def of(cls, network: Network, ages: NetworkAges, reporting: int, clocks_off: int) -> "NetworkReport":
        """The answer for one network."""
        return cls(
            network_id=network.network_id,
            name=network.name,
            time_zone=network.time_zone.key,
            window_minutes=network.window.total_seconds() / 60,
            sensor_count=len(network.sensors),
            reporting_count=reporting if MEASURING.isdisjoint(ages.stale) else 0,
            clocks_off_count=clocks_off,
            data_age=DataAge.of(ages),
        )
