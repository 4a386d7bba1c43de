"""The next sensors along the carriageway that say something in a window. Pure.

The same neighbours as `Network.upstream` and `Network.downstream` name, for work on all sensors at once.
"""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Floats, Integers
from shared.traffic.roadway import Roadway

HOPS = 3


@dataclass(frozen=True, eq=False)
class Neighbours:
    """For each sensor in road order the next `HOPS` along its carriageway, either way: (hops, sensors), -1: none."""

    downstream: Integers
    upstream: Integers

    def beyond(self, values: Floats) -> Floats:
        """The value of the nearest sensor downstream that has one; NaN where there is none. Last axis: sensors."""
        return _nearest(values, self.downstream)

    def before(self, values: Floats) -> Floats:
        """The value of the nearest sensor upstream that has one; NaN where there is none. Last axis: sensors."""
        return _nearest(values, self.upstream)


def neighbours(road: Roadway, within_miles: float) -> Neighbours:
    """Neighbours on the same carriageway, at most `within_miles` of road away."""
    return Neighbours(_reached(road, 1, within_miles), _reached(road, -1, within_miles))


def _reached(road: Roadway, way: int, within_miles: float) -> Integers:
    count = len(road.sensors)
    here = np.arange(count)
    found = np.full((HOPS, count), -1, dtype=np.intp)
    hops = np.zeros(count, dtype=np.intp)
    for distance in range(1, count):
        there = here + way * distance
        clipped = np.clip(there, 0, count - 1)
        ahead_miles = way * (road.miles[clipped] - road.miles)
        near = (there == clipped) & (road.road[clipped] == road.road) & (ahead_miles <= within_miles) & (hops < HOPS)
        if not near.any():
            break
        # What stands at the same place sees the same traffic: it lies neither before nor beyond.
        further = near & (ahead_miles > 0)
        found[hops[further], here[further]] = there[further]
        hops += further
    return found


def _nearest(values: Floats, reached: Integers) -> Floats:
    nearest = np.full(values.shape, np.nan)
    for there in reached[::-1]:
        value = np.where(there >= 0, values[..., there], np.nan)
        nearest = np.where(np.isnan(value), nearest, value)
    return nearest
