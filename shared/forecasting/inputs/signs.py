"""What tells of a change to come, beside the forecast itself: the last hour, the neighbours, the days before. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from shared.forecasting.inputs.history import LAGS, QUARTERS, Batch
from shared.forecasting.inputs.links import Linked, Sides, sides_of
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

QUARTER = LAGS // QUARTERS


class Signs(NamedTuple):
    """Of B origins of N sensors, in mph, NaN where not known.

    Attributes:
        now_mph: (B, N), the last speed of the last hour.
        trend_mph: (B, N), how much more that is than the last one of a quarter of an hour before.
        restless_mph: (B, N), by how much speeds differed from window to window.
        downstream_mph: (B, N), the lowest last speed among the sensors linked downstream: queues grow from there.
        upstream_mph: (B, N), the same upstream.
        recent_mph: (B, N, HORIZONS), the mean of the last days at the time of each target.
    """

    now_mph: Floats
    trend_mph: Floats
    restless_mph: Floats
    downstream_mph: Floats
    upstream_mph: Floats
    recent_mph: Floats


@dataclass(eq=False)
class Lookout:
    """Reads the signs of batches of one network, whose links it looks up once."""

    network: Network
    _sides: Sides = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Find the links."""
        self._sides = sides_of(self.network)

    def signs(self, batch: Batch) -> Signs:
        """Of each origin of a batch."""
        # Missing windows take the last speed before them.
        held = batch.speed_mph.copy()
        for lag in range(1, LAGS):
            held[:, lag] = np.where(np.isnan(held[:, lag]), held[:, lag - 1], held[:, lag])
        now = held[:, -1]
        recent = np.full((len(now), 1, now.shape[1]), np.nan) if batch.recent is None else batch.recent.speed_mph
        steps = np.diff(held, axis=1)
        known = ~np.isnan(steps)
        total = np.abs(np.where(known, steps, 0.0)).sum(axis=1)
        count = known.sum(axis=1)
        return Signs(
            now_mph=now,
            trend_mph=now - held[:, -1 - QUARTER],
            restless_mph=np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0),
            downstream_mph=_lowest(self._sides.downstream, now),
            upstream_mph=_lowest(self._sides.upstream, now),
            recent_mph=np.broadcast_to(recent.transpose(0, 2, 1), (*now.shape, batch.ahead_slots.shape[1])),
        )


def _lowest(linked: Linked, values: Floats) -> Floats:
    lowest = np.full(values.shape, np.inf)
    for rows, weights in zip(linked.rows.T, linked.weights.T, strict=True):
        heard = np.where((weights > 0) & ~np.isnan(values[:, rows]), values[:, rows], np.inf)
        lowest = np.minimum(lowest, heard)
    return np.where(np.isinf(lowest), np.nan, lowest)
