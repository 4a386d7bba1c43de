"""Usual speeds of one sensor as the medians of some weeks of its windows: what is looked up on demand. Pure."""

from collections.abc import Iterable
from datetime import date

import numpy as np

from shared.events.records import ProcessedTrafficAggregate
from shared.traffic.arrays import Floats
from shared.traffic.calendar import DAY_TYPES, HALF_HOURS, half_hour_slot
from shared.traffic.network import Network

LEAST_DAYS = 3


def usual_medians(network: Network, windows: Iterable[ProcessedTrafficAggregate]) -> Floats:
    """The median speed of each half hour of both types of day: (DAY_TYPES * HALF_HOURS,) mph, see `half_hour_slot`.

    NaN where fewer than `LEAST_DAYS` days were seen.
    """
    speeds: dict[int, list[float]] = {}
    days: dict[int, set[date]] = {}
    for window in windows:
        if window.mean_speed_mph is not None:
            slot = half_hour_slot(network, window.window_start)
            speeds.setdefault(slot, []).append(window.mean_speed_mph)
            days.setdefault(slot, set()).add(window.window_start.astimezone(network.time_zone).date())
    medians = np.full(DAY_TYPES * HALF_HOURS, np.nan)
    for slot, seen in speeds.items():
        if len(days[slot]) >= LEAST_DAYS:
            medians[slot] = float(np.median(seen))
    return medians
