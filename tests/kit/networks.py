"""Networks for tests: sensors along carriageways, and what holds them together."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import count
from zoneinfo import ZoneInfo

from shared.events.records import NetworkId, SensorId
from shared.traffic.network import Edge, Network, Sensor

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
UTC_ZONE = ZoneInfo("UTC")
WINDOW = timedelta(minutes=5)
LATITUDE, LONGITUDE = 34.0, -118.0


def sensor(
    sensor_id: str,
    postmile: float = 0.0,
    road: str = "I-5 N",
    name: str | None = None,
    latitude: float = LATITUDE,
    longitude: float = LONGITUDE,
    road_type: str = "freeway",
    lane_count: int | None = None,
) -> Sensor:
    """A sensor on a carriageway, as 'I-5 N', at `postmile` miles; named by its id where no name is given."""
    freeway, direction = road.split()
    shown = sensor_id if name is None else name
    return Sensor(SensorId(sensor_id), shown, freeway, direction, postmile, latitude, longitude, road_type, lane_count)


def along(
    road: str,
    ids: Iterable[str],
    miles: float | Iterable[float] = 1.0,
    degrees_per_mile: float = 0.0,
    names: str = "{id}",
    lane_count: int | None = None,
) -> tuple[Sensor, ...]:
    """Sensors by growing postmile: `miles` apart from 0 on, or at these postmiles.

    `names` may tell of `{id}` and `{number}`. With `degrees_per_mile` the road leads north, or east where it is one of
    those directions or back; without, all are in one place.
    """
    postmiles = (number * miles for number in count()) if isinstance(miles, float | int) else miles
    north, east = (degrees_per_mile, 0.0) if road[-1] in "NS" else (0.0, degrees_per_mile)
    return tuple(
        sensor(
            sensor_id,
            postmile,
            road,
            names.format(id=sensor_id, number=number),
            LATITUDE + postmile * north,
            LONGITUDE + postmile * east,
            lane_count=lane_count,
        )
        for number, (sensor_id, postmile) in enumerate(zip(ids, postmiles, strict=False))
    )


def network_of(
    *sensors: Sensor,
    network_id: str = "test",
    time_zone: ZoneInfo = LOS_ANGELES,
    edges: Iterable[Edge] = (),
    window: timedelta = WINDOW,
    reading_interval: timedelta = WINDOW,
    holidays: str | None = None,
) -> Network:
    """A network of these sensors, in this order, that is called by its id."""
    return Network(
        *(NetworkId(network_id), network_id.capitalize(), time_zone, sensors, tuple(edges)),
        window=window,
        reading_interval=reading_interval,
        holidays=holidays,
    )
