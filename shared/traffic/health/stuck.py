"""Readings of stuck sensors, which deliver always the same: forecasts treat them as missing. Pure.

The fourth test of PeMS (Chen, Kwon, Rice, Skabardonis and Varaiya, 'Detecting Errors and Imputing Missing Data for
Single-Loop Surveillance Systems', TRR 1855, 2003) looks for detectors whose occupancy has no entropy over a day, since
traffic is never the same for long. A forecast cannot wait for a day, so here it is the mean speed over half an hour,
and only below free flow: there a road may really have the same speed, to the resolution of its detectors, for hours.

Of METR-LA's readings 0.002 % are hidden so, of PEMS-BAY's (16 sensors) 0.04 %, of Orange County's 0.012 %, most of them
in runs of hours; rounded to whole miles per hour it would be 0.01 %, 0.12 % and 0.13 %.
"""

import numpy as np

from shared.events.quantities import FREE_FLOW_MPH
from shared.traffic.arrays import Flags, Floats

LEAST_REPEATED = 6


def stuck(speed_mph: Floats) -> Flags:
    """Which readings are one of `LEAST_REPEATED` or more equal ones in a row, below free flow.

    A missing reading in between does not end a row.

    Args:
        speed_mph: (B, windows, N), oldest first, NaN where missing.

    Returns:
        (B, windows, N).
    """
    seen, found = ~np.isnan(speed_mph), np.zeros(speed_mph.shape, dtype=np.bool_)
    repeated, last = np.zeros(speed_mph[:, 0].shape, dtype=np.intp), np.full(speed_mph[:, 0].shape, np.nan)
    length = np.zeros(speed_mph.shape, dtype=np.intp)
    for row in range(speed_mph.shape[1]):
        now = speed_mph[:, row]
        repeated = np.where(now == last, repeated + 1, np.where(seen[:, row], 1, repeated))
        last = np.where(seen[:, row], now, last)
        length[:, row] = repeated
    if not (length >= LEAST_REPEATED).any():
        return found
    # Backwards, so that the first readings of a row know how long it becomes.
    whole, follows = np.zeros_like(last, dtype=np.bool_), np.full_like(last, np.nan)
    for row in reversed(range(speed_mph.shape[1])):
        now = speed_mph[:, row]
        whole = np.where(seen[:, row], (length[:, row] >= LEAST_REPEATED) | (whole & (now == follows)), whole)
        follows = np.where(seen[:, row], now, follows)
        found[:, row] = seen[:, row] & whole & (now < FREE_FLOW_MPH)
    return found


def without_stuck(speed_mph: Floats) -> Floats:
    """The history with NaN for what a sensor that is stuck delivers, (B, windows, N)."""
    found = stuck(speed_mph)
    return np.where(found, np.nan, speed_mph) if found.any() else speed_mph
