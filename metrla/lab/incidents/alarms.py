"""From alarms at sensors to alarms that an operator gets: neighbouring ones are one. Pure."""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags
from shared.traffic.roadway import Roadway

JOIN_MILES = 1.5
JOIN_WINDOWS = 3


@dataclass(frozen=True, slots=True)
class Alarm:
    """The beginning of an alarm: window (its number) and the sensors that raised it in that window (road order)."""

    window: int
    positions: tuple[int, ...]


def find_alarms(road: Roadway, alarming: Flags) -> list[Alarm]:
    """Beginnings of alarms, in order of time.

    A sensor that begins to alarm raises a new one unless a sensor of its carriageway within 1.5 miles, or itself,
    alarms already or did in the last three windows. Neighbours that begin in the same window raise one together.

    Args:
        road: layout of the network.
        alarming: (windows, sensors) where a detector alarms, sensors in road order.
    """
    near = (road.road[:, None] == road.road) & (np.abs(road.miles[:, None] - road.miles) <= JOIN_MILES)
    begun = alarming.copy()
    begun[1:] &= ~alarming[:-1]
    last = np.full(len(road.sensors), -JOIN_WINDOWS - 2)
    alarms = []
    for window in np.flatnonzero(alarming.any(axis=1)):
        new = np.flatnonzero(begun[window])
        if new.size:
            known = window - last <= JOIN_WINDOWS + 1
            fresh = [int(position) for position in new if not (near[position] & known).any()]
            alarms += [Alarm(int(window), group) for group in _groups(fresh, near)]
        last[alarming[window]] = window
    return alarms


def _groups(positions: list[int], near: Flags) -> list[tuple[int, ...]]:
    groups: list[list[int]] = []
    for position in positions:
        if groups and near[position, groups[-1][-1]]:
            groups[-1].append(position)
        else:
            groups.append([position])
    return [tuple(group) for group in groups]
