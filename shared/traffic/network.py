"""A sensor network: its sensors, the roads between them, its clock and its window. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from math import asin, cos, radians, sin, sqrt
from zoneinfo import ZoneInfo

from shared.events.errors import ConfigurationError
from shared.events.quantities import MAX_LATITUDE, MAX_LONGITUDE
from shared.events.records import NetworkId, SensorId
from shared.events.text import MAX_ID_CHARACTERS, MAX_NETWORK_ID_BYTES, composed, fault_of, percent_encoded_bytes

EARTH_RADIUS_MILES = 3958.7613


def on_globe(latitude: float, longitude: float) -> bool:
    """Whether a position in degrees exists."""
    return abs(latitude) <= MAX_LATITUDE and abs(longitude) <= MAX_LONGITUDE


def great_circle_miles(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Distance over ground in miles between two points in degrees (haversine formula)."""
    phi_a, phi_b = radians(latitude_a), radians(latitude_b)
    half_dphi, half_dlambda = (phi_b - phi_a) / 2, radians(longitude_b - longitude_a) / 2
    chord = sin(half_dphi) ** 2 + cos(phi_a) * cos(phi_b) * sin(half_dlambda) ** 2
    return 2 * EARTH_RADIUS_MILES * asin(sqrt(min(1.0, chord)))


@dataclass(frozen=True, slots=True)
class Sensor:
    """One detector station.

    `postmile` is its position in miles along its freeway in Caltrans' sense: it grows to the north and to the east,
    whatever the direction of travel, so traffic on N and E carriageways drives towards higher postmiles.
    """

    sensor_id: SensorId
    name: str
    freeway: str
    direction: str
    postmile: float
    latitude: float
    longitude: float
    road_type: str = "freeway"
    lane_count: int | None = None

    @property
    def road_name(self) -> str:
        """The carriageway as drivers say it: 'I-405 N'."""
        return f"{self.freeway} {self.direction}".strip()

    @property
    def travel_miles(self) -> float:
        """Position in miles that grows in the direction of travel: of two sensors the lesser one is upstream."""
        return -self.postmile if self.direction in {"S", "W"} else self.postmile

    @property
    def segment_id(self) -> str:
        """The stretch of carriageway that this sensor stands for: 'I-405-N-12.3' by road and postmile."""
        return f"{self.freeway}-{self.direction}-{self.postmile:.1f}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A directed link of the published graph: weight (0-1, as published) and, where known, road metres."""

    from_sensor: SensorId
    to_sensor: SensorId
    weight: float
    metres: float | None = None


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A sensor on the same carriageway, `miles` of road away."""

    sensor: Sensor
    miles: float


@dataclass(frozen=True)
class Network:
    """A sensor network, the unit of parallelism behind ingest.

    `window` is the length of an aggregation window, `reading_interval` the time between two readings of one sensor.
    `holidays` says whose public holidays its traffic keeps: a country and subdivision of ISO 3166, as 'US-CA'.
    The order of `sensors` is the order of the columns in published files and of the rows in model tensors.
    """

    network_id: NetworkId
    name: str
    time_zone: ZoneInfo
    sensors: tuple[Sensor, ...]
    edges: tuple[Edge, ...] = ()
    window: timedelta = timedelta(minutes=5)
    reading_interval: timedelta = timedelta(minutes=5)
    holidays: str | None = None
    _epoch: datetime = field(default=datetime.fromisoformat("1970-01-01T00:00:00+00:00"), repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check what later code relies on; raises `ConfigurationError` with the first fault."""
        self._require_usable_ids()
        if not self.sensors:
            raise ConfigurationError(f"network {self.network_id}: no sensors")
        if len(self.index) != len(self.sensors):
            raise ConfigurationError(f"network {self.network_id}: a sensor_id is given twice")
        if timedelta(days=1) % self.window or self.window <= timedelta(0):
            raise ConfigurationError(f"network {self.network_id}: a day is not a whole number of {self.window} windows")
        if not timedelta(0) < self.reading_interval <= self.window:
            raise ConfigurationError(
                f"network {self.network_id}: readings every {self.reading_interval} do not fit windows of {self.window}"
            )
        for edge in self.edges:
            for end in (edge.from_sensor, edge.to_sensor):
                if end not in self.index:
                    raise ConfigurationError(f"network {self.network_id}: edge names unknown sensor {end}")

    def _require_usable_ids(self) -> None:
        if percent_encoded_bytes(self.network_id) > MAX_NETWORK_ID_BYTES:
            raise ConfigurationError(
                f"network {self.network_id[:MAX_NETWORK_ID_BYTES]}…: its id names folders of the archive and may have "
                f"{MAX_NETWORK_ID_BYTES} bytes, percent-encoded"
            )
        for text in (self.network_id, *(sensor.sensor_id for sensor in self.sensors)):
            fault = "is empty" if not text else fault_of(text, MAX_ID_CHARACTERS, is_id=True)
            if fault is None and composed(text) != text:
                fault = "is not in Unicode's composed form (NFC)"
            if fault is not None:
                raise ConfigurationError(f"network {self.network_id}: id {text[:MAX_ID_CHARACTERS]!r} {fault}")

    @cached_property
    def index(self) -> Mapping[SensorId, int]:
        """Row of each sensor in tensors and tables."""
        return {sensor.sensor_id: row for row, sensor in enumerate(self.sensors)}

    @cached_property
    def carriageways(self) -> Mapping[str, tuple[Sensor, ...]]:
        """Sensors by `road_name`, upstream first."""
        roads: dict[str, list[Sensor]] = {}
        for sensor in self.sensors:
            roads.setdefault(sensor.road_name, []).append(sensor)
        return {road: tuple(sorted(along, key=lambda sensor: sensor.travel_miles)) for road, along in roads.items()}

    def __getitem__(self, sensor_id: SensorId) -> Sensor:
        """The sensor of that id; `KeyError` where the network has none."""
        return self.sensors[self.index[sensor_id]]

    def downstream(self, sensor_id: SensorId, within_miles: float) -> tuple[Neighbour, ...]:
        """Sensors after this one on its carriageway, nearest first."""
        here = self[sensor_id]
        return tuple(
            Neighbour(other, other.travel_miles - here.travel_miles)
            for other in self.carriageways[here.road_name]
            if 0 < other.travel_miles - here.travel_miles <= within_miles
        )

    def window_start(self, timestamp: datetime) -> datetime:
        """Start of the window that `timestamp` (aware) falls in; windows are aligned to UTC midnight."""
        return timestamp - (timestamp - self._epoch) % self.window
