"""Usual speeds learned from a whole recording: the profile that models are trained with. Pure."""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Floats, Integers, ratio
from shared.traffic.calendar import DAY_TYPES

LEAST_WEIGHT = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Usual speeds by slot of both types of day: `profile_mph` (2 * slots per day, sensors), NaN for a dead sensor.

    `left_out_mph` (windows, sensors) is the same for each recorded window, but without what its own day adds: with few
    days of history a window is closer to a profile that it is part of than any later window will be.
    """

    profile_mph: Floats
    left_out_mph: Floats


def learned_profile(speed_mph: Floats, slots: Integers, per_day: int, smoothing: int = 2) -> Profile:
    """Learn the usual speed of each sensor in each slot of both types of day.

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
    overall = ratio(totals.sum(axis=0), counts.sum(axis=0))
    mean = ratio(total, count)
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
    left_out = ratio(left_total, np.where(left_count > LEAST_WEIGHT, left_count, 0.0))
    return Profile(
        np.where(np.isnan(mean), second_best, mean), np.where(np.isnan(left_out), second_best[slots], left_out)
    )


def _smoothed(values: Floats, reach: int) -> Floats:
    smoothed = np.zeros_like(values)
    for shift in range(-reach, reach + 1):
        smoothed += _weight(shift, reach) * np.roll(values, shift, axis=1)
    return smoothed


def _weight(shift: int, reach: int) -> float:
    return 1 - abs(shift) / (reach + 1)
