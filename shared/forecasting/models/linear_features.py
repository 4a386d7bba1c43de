"""The features of `linear_regression`: deviations from what is usual, of the sensor and of its neighbours. Pure.

All speeds go in as deviations from the sensor's time-of-week profile, and so does the target: missing is 0, the usual.
Onset and recovery of congestion are not linear in speed; the products and one-sided terms let one linear model bend
where traffic does.
"""

import numpy as np

from shared.forecasting.inputs.history import LAGS, View
from shared.forecasting.inputs.links import Sides
from shared.traffic.arrays import Flags, Floats
from shared.traffic.calendar import slots_per_day

RECENT, NEIGHBOUR_LAGS = 3, 6
AHEAD = (2, 5, 11)
HARMONICS = 3
CONGESTED_MPH, CONGESTION_RANGE_MPH = 50.0, 20.0
GROUPS = {
    "own speeds": LAGS,
    "own windows missing": RECENT,
    "speeds downstream": NEIGHBOUR_LAGS,
    "speeds upstream": NEIGHBOUR_LAGS,
    "usual change": len(AHEAD),
    "congestion": 6,
    "time of day": 2 * HARMONICS + 2,
    "usual change, bent": 2 * len(AHEAD),
}
"""How many features there are of each kind, in their order."""
COUNT = sum(GROUPS.values())


def features(view: View, sides: Sides, sensors: slice = slice(None)) -> Floats:
    """`COUNT` features of each origin and each of `sensors`, which `sides` must be of: (B, sensors, COUNT)."""
    seen, deviation = view.seen, view.deviation_mph
    # Sensors come before lags from here on.
    own, usual = _by_sensor(deviation[..., sensors]), view.usual_mph[:, -1, sensors]
    recent = slice(None, -NEIGHBOUR_LAGS - 1, -1)
    heard, values = seen[:, recent], deviation[:, recent]
    downstream, upstream = (_by_sensor(side.mean(values, heard)) for side in (sides.downstream, sides.upstream))
    now = own[..., -1]
    phase = np.broadcast_to((2 * np.pi * view.times / slots_per_day(view.network))[:, None], now.shape)
    change = _by_sensor(view.ahead_mph[:, AHEAD][..., sensors]) - usual[..., None]
    congested = np.clip((CONGESTED_MPH - usual - now) / CONGESTION_RANGE_MPH, 0.0, 1.0)
    bends = (
        congested,
        congested * now,
        np.minimum(now, 0.0),
        congested * (now - own[..., -3]),
        np.minimum(downstream[..., 0], 0.0),
        np.minimum(upstream[..., 0], 0.0),
    )
    waves = [wave(order * phase) for order in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)]
    flat = (*bends, *waves, np.sin(phase) * now, np.cos(phase) * now)
    blocks: tuple[Floats | Flags, ...] = (
        own,
        _by_sensor(seen[:, -RECENT:, sensors]),
        downstream,
        upstream,
        change,
        np.stack(flat, axis=-1),
        change * now[..., None],
        change**2,
    )
    return np.concatenate(blocks, axis=-1, dtype=np.float64)


def _by_sensor(values: np.ndarray) -> np.ndarray:
    return values.transpose(0, 2, 1)
