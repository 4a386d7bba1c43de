"""Thresholds for each sensor, and the level of all of them that keeps to a budget of false alarms. Pure."""

from collections.abc import Sequence

import numpy as np

from shared.traffic.arrays import Flags, Floats

TAIL = 0.01
OWN_WEIGHT = 0.5
MIN_WINDOWS = 500


def sensor_scales(scores: Floats, calm: Flags, tail: float = TAIL, own_weight: float = OWN_WEIGHT) -> Floats:
    """How much more evidence each sensor shows than the others while nothing happens: (sensors,), about 1.

    A noisy sensor gets a higher threshold, a steady one a lower one, so that all share the false alarms. A few weeks
    say little about one sensor's rare values: its own quantile counts by `own_weight`, that of all by the rest.

    Args:
        scores: (windows, sensors) evidence, NaN where there was none.
        calm: (windows, sensors) where no incident was.
        tail: share of calm windows beyond the quantile.
        own_weight: 0 gives all sensors one threshold.
    """
    values = np.where(calm & np.isfinite(scores), scores, np.nan)
    pooled = float(np.nanquantile(values, 1 - tail)) if np.isfinite(values).any() else 0.0
    scales = np.ones(scores.shape[1])
    if pooled <= 0:
        return scales
    for sensor, column in enumerate(values.T):
        told = column[np.isfinite(column)]
        if told.size >= MIN_WINDOWS:
            own = max(float(np.quantile(told, 1 - tail)), 0.0)
            scales[sensor] = (1 - own_weight) + own_weight * own / pooled
    return scales


def level_within(rates: Sequence[float], budget: float) -> int:
    """The most sensitive level (they go from sensitive to not) from which on no rate is above the budget.

    The last level where none keeps to it.
    """
    level = len(rates) - 1
    while level > 0 and rates[level - 1] <= budget and rates[level] <= budget:
        level -= 1
    return level
