"""Where something on the road is, in words that a driver understands. Pure."""

from dataclasses import dataclass, field

import numpy as np

from shared.events.records import SensorId
from shared.traffic.network import EARTH_RADIUS_MILES, Network, Sensor

CROSSING_MILES = 0.5
"""A sensor of another freeway so near tells that the freeways cross here."""
NAMED_MILES = 5.0
"""How far along its carriageway a place without a name is told from one that has one."""


@dataclass(eq=False)
class Landmarks:
    """What drivers know the places of a network by; each is looked up once.

    In this order: the sensor's own name; another freeway that crosses within half a mile; the nearest place on the same
    carriageway within five miles that has either, as '2.3 mi before I-10' or '0.8 mi past Getty Center Dr' in the
    direction of travel; the postmile.
    """

    network: Network
    _known: dict[SensorId, str] = field(default_factory=dict, init=False)
    _degrees: "np.ndarray[tuple[int, int], np.dtype[np.float64]]" = field(init=False)

    def __post_init__(self) -> None:
        """Note where the sensors are."""
        self._degrees = np.array([(sensor.latitude, sensor.longitude) for sensor in self.network.sensors])

    def of(self, sensor: Sensor) -> str:
        """'near Getty Center Dr', 'near I-10', '2.3 mi before I-10', 'at mile 12.3'."""
        if sensor.sensor_id not in self._known:
            self._known[sensor.sensor_id] = self._found(sensor)
        return self._known[sensor.sensor_id]

    def _found(self, sensor: Sensor) -> str:
        here = self._name(sensor)
        if here is not None:
            return f"near {here}"
        along = self.network.carriageways.get(sensor.road_name, ())
        for other in sorted(along, key=lambda other: abs(other.travel_miles - sensor.travel_miles)):
            miles = sensor.travel_miles - other.travel_miles
            if abs(miles) > NAMED_MILES:
                break
            there = self._name(other)
            if there is not None:
                apart = f"{abs(miles):.1f}"
                return f"near {there}" if apart == "0.0" else f"{apart} mi {'before' if miles < 0 else 'past'} {there}"
        return landmark(sensor)

    def _name(self, sensor: Sensor) -> str | None:
        return sensor.name if _named(sensor) else self._crossing(sensor)

    def _crossing(self, sensor: Sensor) -> str | None:
        """The other freeway whose sensor is nearest, if that is near enough."""
        latitude, longitude = np.radians(self._degrees).T
        here = np.radians((sensor.latitude, sensor.longitude))
        # At such distances the plane that touches the globe here is exact enough.
        east, north = (longitude - here[1]) * np.cos(here[0]), latitude - here[0]
        miles = EARTH_RADIUS_MILES * np.hypot(east, north)
        near = [
            (miles[row], self.network.sensors[row].freeway)
            for row in np.flatnonzero(miles <= CROSSING_MILES)
            if self.network.sensors[row].freeway not in {"", sensor.freeway}
        ]
        return min(near)[1] if near else None


def landmark(sensor: Sensor) -> str:
    """'near Getty Center Dr'; 'at mile 12.3' where the sensor's name is only its id or tells nothing but the road."""
    return f"near {sensor.name}" if _named(sensor) else f"at mile {sensor.postmile:.1f}"


def _named(sensor: Sensor) -> bool:
    return sensor.name not in {"", sensor.sensor_id, sensor.road_name, sensor.freeway}
