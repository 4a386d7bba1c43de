"""Detectors that are stuck: they deliver, but always the same. Their input is treated as missing. Pure.

The fourth test of PeMS (Chen, Kwon, Rice, Skabardonis and Varaiya, 'Detecting Errors and Imputing Missing Data for
Single-Loop Surveillance Systems', TRR 1855, 2003) looks for occupancies without entropy, since
traffic is never the same for long. Here it looks at the mean speeds of one history.
"""

import numpy as np

from services.predictor.inputs.arrays import Booleans, Floats

FREE_FLOW_MPH = 60.0
"""At free flow a road may have the same mean speed, to the resolution of its detectors, for an hour: not suspicious."""
LEAST_READINGS = 6


def stuck(speed_mph: Floats) -> Booleans:
    """Which sensors repeat one speed below free flow throughout their history: (B, windows, N) mph to (B, N)."""
    seen = ~np.isnan(speed_mph)
    lowest = np.min(speed_mph, axis=1, initial=np.inf, where=seen)
    highest = np.max(speed_mph, axis=1, initial=-np.inf, where=seen)
    constant: Booleans = (lowest == highest) & (highest < FREE_FLOW_MPH) & (seen.sum(axis=1) >= LEAST_READINGS)
    return constant


def without_stuck(speed_mph: Floats) -> Floats:
    """The history with NaN where a sensor is stuck, (B, windows, N)."""
    found = stuck(speed_mph)
    return np.where(found[:, None, :], np.nan, speed_mph) if found.any() else speed_mph
