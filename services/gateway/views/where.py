"""Which sensors a request is about: by id, by road and stretch, or by place. Pure."""

from dataclasses import dataclass

from shared.events.records import SensorId
from shared.traffic.network import Sensor, great_circle_miles


@dataclass(frozen=True, slots=True)
class Box:
    """West, south, east and north in degrees (WGS 84); where west is greater than east it spans the antimeridian."""

    west: float
    south: float
    east: float
    north: float

    def has(self, latitude: float, longitude: float) -> bool:
        """Whether a place is in it, its sides included."""
        if not self.south <= latitude <= self.north:
            return False
        if self.west <= self.east:
            return self.west <= longitude <= self.east
        return longitude >= self.west or longitude <= self.east


@dataclass(frozen=True, slots=True)
class Circle:
    """A centre in degrees (WGS 84) and a radius in miles."""

    latitude: float
    longitude: float
    miles: float

    def has(self, latitude: float, longitude: float) -> bool:
        """Whether a place is in it, its edge included."""
        return great_circle_miles(self.latitude, self.longitude, latitude, longitude) <= self.miles


@dataclass(frozen=True, slots=True)
class Where:
    """What a sensor must be; `None` does not restrict. Postmiles are inclusive and mean something of one freeway."""

    sensor_ids: frozenset[SensorId] | None = None
    road_type: str | None = None
    freeway: str | None = None
    direction: str | None = None
    postmile_from: float | None = None
    postmile_to: float | None = None
    box: Box | None = None
    circle: Circle | None = None

    def has(self, sensor: Sensor) -> bool:
        """Whether a sensor is asked for."""
        return (
            (self.sensor_ids is None or sensor.sensor_id in self.sensor_ids)
            and (self.road_type is None or sensor.road_type == self.road_type)
            and (self.freeway is None or sensor.freeway == self.freeway)
            and (self.direction is None or sensor.direction == self.direction)
            and (self.postmile_from is None or sensor.postmile >= self.postmile_from)
            and (self.postmile_to is None or sensor.postmile <= self.postmile_to)
            and (self.box is None or self.box.has(sensor.latitude, sensor.longitude))
            and (self.circle is None or self.circle.has(sensor.latitude, sensor.longitude))
        )


ANYWHERE = Where()
