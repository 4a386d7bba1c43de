"""The features of `linear_regression`: deviations from what is usual, of the sensor and of its neighbours. Pure.

All speeds go in as deviations from the sensor's time-of-week profile, and so does the target: missing is 0, the usual.
Onset and recovery of congestion are not linear in speed; the products and one-sided terms let one linear model bend
where traffic does.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from services.predictor.history import Booleans, Floats, Integers

Stack: TypeAlias = Floats

RECENT, NEIGHBOUR_LAGS = 3, 6
AHEAD = (2, 5, 11)
HARMONICS = 3
CONGESTED_MPH, CONGESTION_RANGE_MPH = 50.0, 20.0
COUNT = 50


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """What features are made from, oldest first; the leading axis is sensors (serving) or origins (training).

    Deviations in mph, 0 where missing: `own` (n, LAGS), `downstream` and `upstream` (n, LAGS). `seen` (n, LAGS).
    `usual` (n,) is the profile of the last window, `ahead` (n, HORIZONS) of those to come; `phase` (n,) or a number is
    the time of day of the last window in radians.
    """

    own: Floats
    seen: Booleans
    downstream: Floats
    upstream: Floats
    usual: Floats
    ahead: Floats
    phase: Floats


def phase_of(slots: Integers, per_day: int) -> Floats:
    """Time of day of slots of the week, in radians."""
    return 2 * np.pi * (slots % per_day) / per_day


def features(windows: Windows) -> Floats:
    """One row of `COUNT` features for each entry of the leading axis."""
    own, now = windows.own, windows.own[:, -1]
    phase = np.broadcast_to(windows.phase, now.shape)
    near = [side[:, ::-1][:, :NEIGHBOUR_LAGS] for side in (windows.downstream, windows.upstream)]
    change = windows.ahead[:, AHEAD] - windows.usual[:, None]
    congested = np.clip((CONGESTED_MPH - windows.usual - now) / CONGESTION_RANGE_MPH, 0.0, 1.0)
    bends = (
        congested,
        congested * now,
        np.minimum(now, 0.0),
        congested * (now - own[:, -3]),
        np.minimum(windows.downstream[:, -1], 0.0),
        np.minimum(windows.upstream[:, -1], 0.0),
    )
    waves = [wave(order * phase) for order in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    return np.column_stack(
        [
            own,
            windows.seen[:, -RECENT:],
            *near,
            change,
            *bends,
            *waves,
            np.sin(phase) * now,
            np.cos(phase) * now,
            change * now[:, None],
            change**2,
        ]
    )
