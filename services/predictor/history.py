"""What a forecast is made from: the last windows of every sensor, set against what is usual at that time. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.networks.network import Network
from shared.windows.steps import Step

Floats: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.intp]
Booleans: TypeAlias = NDArray[np.bool_]

LAGS = 12
HORIZONS = 12
DAY_TYPES = 2
SATURDAY = 5
LEAST_WEIGHT = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The history of one network step, as models want it.

    `speed_mph` is (`LAGS`, sensors), oldest first, NaN where missing. `lag_slots` and `ahead_slots` say which slot of
    the week each of these windows, and each of the `HORIZONS` windows to be forecast, falls in.
    """

    network: Network
    speed_mph: Floats
    lag_slots: Integers
    ahead_slots: Integers

    @property
    def observed(self) -> Integers:
        """How many of the last windows of each sensor have a speed: (sensors,)."""
        observed: Integers = np.count_nonzero(~np.isnan(self.speed_mph), axis=0)
        return observed


def batch_of(step: Step) -> Batch:
    """The batch of a network step, whose history must be `LAGS` windows long."""
    window = step.network.window
    first = step.window_start - (LAGS - 1) * window
    slots = week_slots(step.network, (first + count * window for count in range(LAGS + HORIZONS)))
    return Batch(step.network, step.speed_mph, slots[:LAGS], slots[LAGS:])


def slots_per_day(network: Network) -> int:
    """How many windows a day has."""
    return timedelta(days=1) // network.window


def week_slots(network: Network, window_starts: Iterable[datetime]) -> Integers:
    """The slot of each window: its place in the local day, behind a whole day's slots on Saturdays and Sundays."""
    per_day, window, zone = slots_per_day(network), network.window, network.time_zone
    slots = []
    for start in window_starts:
        local = start.astimezone(zone)
        since_midnight = timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
        slots.append(since_midnight // window + (per_day if local.weekday() >= SATURDAY else 0))
    return np.array(slots, dtype=np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """What is usual in each slot of the week: `profile_mph` (2 * slots per day, sensors), NaN for a dead sensor.

    `left_out_mph` (windows, sensors) is the same for each recorded window, but without what its own day adds: with few
    days of history a window is closer to a profile that it is part of than any later window will be.
    """

    profile_mph: Floats
    left_out_mph: Floats


def usual_speeds(speed_mph: Floats, slots: Integers, per_day: int, smoothing: int = 2) -> Usual:
    """Learn the usual speed of each sensor in each slot of the week.

    Means over the recorded windows of a slot and, with falling weight, `smoothing` slots before and after it on the
    same type of day. A slot without any takes the other type of day, then the sensor's mean.

    Args:
        speed_mph: (windows, sensors), NaN where missing, without gaps in time.
        slots: the slot of each window.
        per_day: slots of one day.
        smoothing: slots on each side.
    """
    sensors = speed_mph.shape[1]
    seen = ~np.isnan(speed_mph)
    known = np.where(seen, speed_mph, 0.0)
    totals, counts = np.zeros((2, DAY_TYPES * per_day, sensors))
    np.add.at(totals, slots, known)
    np.add.at(counts, slots, seen)
    by_type = (DAY_TYPES, per_day, sensors)
    total = _smoothed(totals.reshape(by_type), smoothing).reshape(totals.shape)
    count = _smoothed(counts.reshape(by_type), smoothing).reshape(counts.shape)
    overall = _mean(totals.sum(axis=0), counts.sum(axis=0))
    mean = _mean(total, count)
    other_type = np.roll(mean, per_day, axis=0)
    second_best = np.where(np.isnan(other_type), overall, other_type)
    left_total, left_count = total[slots], count[slots]
    for shift in range(-smoothing, smoothing + 1):
        # Before midnight, and before a clock change, may lie another slot than the profile has before it.
        rows = np.arange(max(0, -shift), min(len(slots), len(slots) - shift))
        day_type, slot = np.divmod(slots[rows], per_day)
        rows = rows[slots[rows + shift] == day_type * per_day + (slot + shift) % per_day]
        left_total[rows] -= _weight(shift, smoothing) * known[rows + shift]
        left_count[rows] -= _weight(shift, smoothing) * seen[rows + shift]
    left_out = _mean(left_total, np.where(left_count > LEAST_WEIGHT, left_count, 0.0))
    return Usual(
        np.where(np.isnan(mean), second_best, mean), np.where(np.isnan(left_out), second_best[slots], left_out)
    )


def _smoothed(values: Floats, reach: int) -> Floats:
    smoothed = np.zeros_like(values)
    for shift in range(-reach, reach + 1):
        smoothed += _weight(shift, reach) * np.roll(values, shift, axis=1)
    return smoothed


def _weight(shift: int, reach: int) -> float:
    return 1 - abs(shift) / (reach + 1)


def _mean(total: Floats, count: Floats) -> Floats:
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
