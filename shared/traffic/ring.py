"""The last windows of a network's sensors as arrays of (windows, sensors). Pure."""

from datetime import datetime, timedelta
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from shared.events.quantities import EPOCH
from shared.events.records import ProcessedTrafficAggregate
from shared.traffic.arrays import Floats, Integers
from shared.traffic.network import Network


class Change(Enum):
    """What a window changed in the ring."""

    NEW = "new"
    REVISED = "revised"
    UNCHANGED = "unchanged"
    """It was there already, in this revision or a higher one."""
    TOO_OLD = "too_old"


class WindowRing:
    """The last `depth` windows of each sensor of `network`.

    Windows are numbered from the epoch (`number`). Whatever the order in which windows come, the ring holds the highest
    revision of each that is not older than `depth` windows before the newest. Memory is fixed:
    five arrays of (`depth`, sensors).
    """

    def __init__(self, network: Network, depth: int) -> None:
        shape = (depth, len(network.sensors))
        self.network = network
        self.depth = depth
        self.newest: int | None = None
        self._speed_mph: Floats = np.full(shape, np.nan)
        self._share_observed: Floats = np.full(shape, np.nan)
        self._volume_vehicles: Floats = np.full(shape, np.nan)
        self._occupancy: Floats = np.full(shape, np.nan)
        self._revision: Integers = np.zeros(shape, dtype=np.int64)

    def number(self, window_start: datetime) -> int:
        """The number of the window that starts at `window_start`."""
        return (window_start - EPOCH) // self.network.window

    def window_start(self, number: int) -> datetime:
        """The start of window `number`, UTC."""
        return EPOCH + number * self.network.window

    def advance(self, number: int) -> None:
        """Make `number` the newest window if it is newer; what it pushes out is forgotten, what it skips is empty."""
        if self.newest is not None and number <= self.newest:
            return
        first = number - self.depth + 1 if self.newest is None else max(self.newest + 1, number - self.depth + 1)
        rows = np.arange(first, number + 1) % self.depth
        for values in (self._speed_mph, self._share_observed, self._volume_vehicles, self._occupancy):
            values[rows] = np.nan
        self._revision[rows] = 0
        self.newest = number

    def add(self, aggregate: ProcessedTrafficAggregate) -> Change:
        """Take one window in, advancing where it is the newest; raises `KeyError` for a sensor of another network."""
        sensor = self.network.index[aggregate.sensor_id]
        number = self.number(aggregate.window_start)
        self.advance(number)
        if self.newest is not None and number <= self.newest - self.depth:
            return Change.TOO_OLD
        row = number % self.depth
        known = int(self._revision[row, sensor])
        if aggregate.revision <= known:
            return Change.UNCHANGED
        self._speed_mph[row, sensor] = _nan_for_missing(aggregate.mean_speed_mph)
        self._share_observed[row, sensor] = aggregate.share_observed
        self._volume_vehicles[row, sensor] = _nan_for_missing(aggregate.volume_vehicles)
        self._occupancy[row, sensor] = _nan_for_missing(aggregate.occupancy)
        self._revision[row, sensor] = aggregate.revision
        return Change.REVISED if known else Change.NEW

    def rows(self, number: int, count: int) -> NDArray[np.intp]:
        """Row numbers of the `count` windows that end with window `number`, oldest first; all must be in the ring."""
        if self.newest is None or not self.newest - self.depth < number - count + 1 <= number <= self.newest:
            raise IndexError(f"windows {number - count + 1} to {number} are not in the ring")
        return np.arange(number - count + 1, number + 1) % self.depth

    def speed_mph(self, number: int, count: int) -> Floats:
        """Mean speeds in mph of the `count` windows up to `number`: (count, sensors), oldest first, NaN if missing."""
        return self._speed_mph[self.rows(number, count)]

    def share_observed(self, number: int, count: int) -> Floats:
        """Part of each window that was observed (0-1), NaN where the window did not come."""
        return self._share_observed[self.rows(number, count)]

    def volume_vehicles(self, number: int, count: int) -> Floats:
        """Vehicles counted in each window, NaN where unknown."""
        return self._volume_vehicles[self.rows(number, count)]

    def occupancy(self, number: int, count: int) -> Floats:
        """Mean occupancy (0-1) of each window, NaN where unknown."""
        return self._occupancy[self.rows(number, count)]

    def revision(self, number: int, count: int) -> Integers:
        """Revision of each window, 0 where it did not come."""
        return self._revision[self.rows(number, count)]

    @property
    def span(self) -> timedelta:
        """Event time that the whole ring covers."""
        return self.depth * self.network.window


def _nan_for_missing(value: float | None) -> float:
    return np.nan if value is None else value
