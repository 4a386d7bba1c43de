"""The names that a request can use: networks, their sensors and kinds of road. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.gateway.suggestions import suggestion, unknown
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from shared.events.records import NetworkId
from shared.forecasting.inputs.history import minutes_ahead
from shared.traffic.network import Network

# Longer numbers are no horizon of any network; pydantic says so.
LONGEST_NUMBER = 5


@dataclass(frozen=True, slots=True)
class Names:
    """Those of all networks of a gateway; `sensors`, and `horizons` in minutes, by network."""

    networks: tuple[str, ...]
    sensors: Mapping[str, frozenset[str]]
    road_types: frozenset[str]
    freeways: frozenset[str]
    horizons: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, networks: Mapping[NetworkId, Network]) -> "Names":
        """Of these networks."""
        return cls(
            tuple(networks),
            {each: frozenset(sensor.sensor_id for sensor in network.sensors) for each, network in networks.items()},
            frozenset(sensor.road_type for network in networks.values() for sensor in network.sensors),
            frozenset(sensor.freeway for network in networks.values() for sensor in network.sensors),
            {each: tuple(minutes_ahead(network.window)) for each, network in networks.items()},
        )

    def fault(self, parameter: str, value: str, network_id: str | None) -> str | None:
        """What is wrong with one of these parameters, named by `parameter`; `None`: it is known."""
        if parameter == "network_id" and value not in self.networks:
            return unknown("network", value, self.networks)
        if parameter == "road_type" and value not in self.road_types:
            return unknown("road type", value, sorted(self.road_types))
        if parameter == "freeway" and value not in self.freeways:
            return unknown("freeway", value, sorted(self.freeways))
        if parameter == "sensor_id" and not self.has_sensor(value, network_id):
            return self.no_sensor(value, network_id)
        if parameter == "horizon_minutes" and value.isdecimal() and len(value) <= LONGEST_NUMBER:
            return self.no_horizon(int(value), network_id)
        return None

    def no_horizon(self, minutes: int, network_id: str | None = None) -> str | None:
        """That there is no forecast so far ahead, and how far there are, of a network or of any; `None`: there is."""
        there = self.horizons.values() if network_id not in self.horizons else [self.horizons[str(network_id)]]
        known = sorted({each for every in there for each in every})
        if minutes in {DEFAULT_HORIZON_MINUTES, *known}:
            return None
        return f"there is no horizon of {minutes} minutes; there are {', '.join(map(str, known))}, and all"

    def has_sensor(self, sensor_id: str, network_id: str | None = None) -> bool:
        """Whether a network, or that network, has the sensor."""
        if network_id in self.sensors:
            return sensor_id in self.sensors[str(network_id)]
        return any(sensor_id in there for there in self.sensors.values())

    def hint(self, sensor_id: str, network_id: str | None) -> str:
        """As a sentence that follows: which network, else which sensor may be meant; '' where none is alike."""
        if network_id is not None and network_id not in self.networks:
            meant = suggestion(network_id, self.networks)
        else:
            meant = suggestion(sensor_id, self._near(sensor_id, network_id))
        return f" D{meant[1:]}" if meant.startswith("did") else ""

    def no_sensor(self, sensor_id: str, network_id: str | None = None) -> str:
        """That there is no such sensor, and what may have been meant."""
        return unknown("sensor", sensor_id, self._near(sensor_id, network_id))

    def _near(self, sensor_id: str, network_id: str | None) -> list[str]:
        """Sensors, those that begin alike first: of thousands, only so many are compared."""
        there = self.sensors.values() if network_id not in self.sensors else [self.sensors[str(network_id)]]
        return sorted((each for ids in there for each in ids), key=lambda each: (each[:2] != sensor_id[:2], each))
