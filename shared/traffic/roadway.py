"""A network's carriageways as arrays in road order, for work on all sensors at once. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.events.records import SensorId
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.landmarks import Landmarks
from shared.traffic.network import Network, Sensor

DEFAULT_LANES = 4
"""Of a sensor whose lanes nobody counted."""
MAX_HALF_LENGTH_MILES = 1.0
"""A sensor speaks for the road half-way to the next one, but for no more than this to either side."""


@dataclass(frozen=True, eq=False)
class Roadway:
    """The sensors of a network, carriageway after carriageway, upstream first. All arrays have one entry per sensor.

    `columns` leads from a position here to the column in `network.sensors`, `positions` back. `road` numbers the
    carriageways, `miles` grows in the direction of travel, `length_miles` is the stretch that a sensor speaks for.
    """

    network: Network
    sensors: tuple[Sensor, ...]
    columns: Integers
    positions: Integers
    road: Integers
    road_names: tuple[str, ...]
    miles: Floats
    length_miles: Floats

    @cached_property
    def landmarks(self) -> Landmarks:
        """What its places are called."""
        return Landmarks(self.network)

    @cached_property
    def lanes(self) -> Floats:
        """Lanes of the carriageway at each sensor: (sensors,)."""
        return np.array([sensor.lane_count or DEFAULT_LANES for sensor in self.sensors], dtype=np.float64)

    def flags(self, sensor_ids: Iterable[SensorId]) -> Flags:
        """Where the sensors of these ids are; ids that the network does not have are left out."""
        flags = np.zeros(len(self.sensors), dtype=np.bool_)
        index = self.network.index
        flags[self.positions[[index[sensor_id] for sensor_id in sensor_ids if sensor_id in index]]] = True
        return flags

    def extent_miles(self, sensor_ids: Iterable[SensorId]) -> float:
        """Miles of road that these sensors speak for."""
        return float(self.length_miles[self.flags(sensor_ids)].sum())


def roadway(network: Network) -> Roadway:
    """Lay out the carriageways of `network`."""
    roads = sorted(network.carriageways.items())
    sensors = tuple(sensor for _, along in roads for sensor in along)
    columns = np.array([network.index[sensor.sensor_id] for sensor in sensors], dtype=np.intp)
    positions = np.empty_like(columns)
    positions[columns] = np.arange(len(columns))
    miles = [np.array([sensor.travel_miles for sensor in along]) for _, along in roads]
    return Roadway(
        network=network,
        sensors=sensors,
        columns=columns,
        positions=positions,
        road=np.repeat(np.arange(len(roads)), [len(along) for _, along in roads]),
        road_names=tuple(name for name, _ in roads),
        miles=np.concatenate(miles),
        length_miles=np.concatenate([_lengths(along) for along in miles]),
    )


def half_ways(miles: Floats) -> Floats:
    """How far the sensors of a carriageway at these miles, upstream first, speak towards the next: (sensors - 1,)."""
    return np.minimum(np.diff(miles) / 2, MAX_HALF_LENGTH_MILES)


def _lengths(miles: Floats) -> Floats:
    if len(miles) == 1:
        return np.array([2 * MAX_HALF_LENGTH_MILES])
    half = half_ways(miles)
    # Beyond the first and the last sensor the road is taken to go on as far as it does on their other side.
    lengths: Floats = np.concatenate([half[:1], half]) + np.concatenate([half, half[-1:]])
    return lengths
