"""How likely each forecast is to end in congestion: a logistic regression on it and on signs of a change. Pure.

A sensor is congested while its speed is below `CONGESTED_SHARE` of its free-flow speed, which is the 85th percentile of
its speeds (the percentile that speed limits are set by). The chance is what an alert needs to know, and tells the
calibration which forecasts may miss an onset: their intervals reach further down.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.events.quantities import FREE_FLOW_MPH
from shared.forecasting.calibration.context import Context
from shared.traffic.arrays import Flags, Floats, Integers

FREE_FLOW_PERCENTILE = 85.0
CONGESTED_SHARE = 0.7
KNEES = (0.5, 1.5)
"""In tens of mph above the threshold: where the log odds may bend."""
FEATURES = 16
MOST_ORIGINS = 600
"""To fit to: thinned evenly, since origins beside each other say the same."""
ROUNDS, RIDGE = 12, 10.0
LEAST_CHANCE = 1e-4


def congested_below(speed_mph: Floats) -> Floats:
    """The speed in mph below which each sensor is congested: (sensors,) of (windows, sensors), NaN where missing."""
    known = ~np.isnan(speed_mph).all(axis=0)
    free = np.full(speed_mph.shape[1], FREE_FLOW_MPH)
    free[known] = np.nanpercentile(speed_mph[:, known], FREE_FLOW_PERCENTILE, axis=0)
    threshold: Floats = CONGESTED_SHARE * free
    return threshold


@dataclass(frozen=True, slots=True, eq=False)
class Congestion:
    """The chance of congestion: `below_mph` (N,) is where it begins, `weights` (horizons, FEATURES) are of log odds."""

    below_mph: Floats
    weights: Floats

    @classmethod
    def fit(cls, context: Context, actual: Floats, below_mph: Floats) -> "Congestion":
        """Fit to held-out forecasts and what then happened, (B, N, horizons) mph, NaN where missing.

        By Newton's method with a small ridge. A horizon whose forecasts all ended alike has that chance throughout.
        """
        some = context[:: max(1, len(actual) // MOST_ORIGINS)]
        truth = actual[:: max(1, len(actual) // MOST_ORIGINS)]
        # As the artefact keeps them, so that a forecast has the same chance here and there.
        below = below_mph.astype(np.float32).astype(np.float64)
        weights = np.zeros((actual.shape[-1], FEATURES))
        for horizon in range(actual.shape[-1]):
            known = ~np.isnan(truth[..., horizon]) & ~np.isnan(some.predicted[..., horizon])
            features = np.stack([one[known] for one in _features(some, below, horizon)], axis=-1)
            slow = (truth[..., horizon] < below)[known]
            weights[horizon] = _logistic(features, slow)
        return cls(below, weights.astype(np.float32).astype(np.float64))

    def chance(self, context: Context) -> Floats:
        """Of each forecast, (B, N, horizons), 0 to 1; NaN where there is no forecast."""
        odds = np.empty(context.predicted.shape)
        for horizon, weights in enumerate(self.weights):
            told = zip(_features(context, self.below_mph, horizon), weights, strict=True)
            odds[..., horizon] = sum(one * weight for one, weight in told)
        chance: Floats = 1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0)))
        return np.where(np.isnan(context.predicted), np.nan, np.clip(chance, LEAST_CHANCE, 1 - LEAST_CHANCE))

    def turned_slow(self, context: Context, actual: Floats) -> Flags:
        """Which pairs were an onset: free at the origin, congested at the target: (B, N, horizons)."""
        return ~(_now(context) < self.below_mph)[..., None] & (actual < self.below_mph[:, None])

    def tensors(self) -> dict[str, NDArray[Any]]:
        """For the artefact."""
        return {
            "congested_below_mph": self.below_mph.astype(np.float32),
            "congestion_weights": self.weights.astype(np.float32),
        }

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, NDArray[Any]], rows: Integers) -> "Congestion":
        """From the artefact, whose sensor `rows[n]` is the network's n, -1 where it has none: it is like the median.

        Raises:
            KeyError: a tensor is missing.
            ValueError: one has another shape than this release needs.
        """
        below = tensors["congested_below_mph"].astype(np.float64)
        weights = tensors["congestion_weights"].astype(np.float64)
        if weights.ndim != 2 or weights.shape[1] != FEATURES or below.ndim != 1:  # noqa: PLR2004 - see above
            raise ValueError(f"congestion of {below.shape} sensors by {weights.shape} weights of another release")
        return cls(np.where(rows < 0, np.median(below), below[np.maximum(rows, 0)]), weights)


def _now(context: Context) -> Floats:
    first = np.nan_to_num(context.predicted[..., 0])
    if context.signs is None:
        return first
    now = context.signs.now_mph
    return np.where(np.isnan(now), first, now)


def _features(context: Context, below_mph: Floats, horizon: int) -> Iterator[Floats]:
    """`FEATURES` arrays (B, N), tens of mph; what is not known is as the forecast has it."""
    predicted, now, signs = np.nan_to_num(context.predicted), _now(context), context.signs
    mine = predicted[..., horizon]
    if signs is None:
        trend, restless, downstream, upstream, recent = (*np.zeros((2, *now.shape)), now, now, mine)
    else:
        trend, restless = np.nan_to_num(signs.trend_mph), np.nan_to_num(signs.restless_mph)
        downstream, upstream = (
            np.where(np.isnan(each), now, each) for each in (signs.downstream_mph, signs.upstream_mph)
        )
        ahead = signs.recent_mph[..., horizon]
        recent = np.where(np.isnan(ahead), mine, ahead)
    above, at_first, later = ((each - below_mph) / 10 for each in (mine, now, recent))
    yield np.ones(mine.shape)
    yield above
    for knee in KNEES:
        yield np.maximum(above - knee, 0.0)
        yield np.maximum(at_first - knee, 0.0)
        yield np.maximum(later - knee, 0.0)
    yield np.clip(at_first, -3.0, 3.0)
    yield np.clip(later, -3.0, 3.0)
    yield np.clip((predicted.min(axis=-1) - below_mph) / 10, -3.0, 3.0)
    for each in (downstream, upstream):
        yield np.clip((each - below_mph) / 10, -3.0, 3.0)
    yield np.clip(context.disagreement[..., horizon] / 10, 0.0, 2.0)
    yield np.clip(restless / 10, 0.0, 2.0)
    yield np.clip(trend / 10, -2.0, 2.0)


def _logistic(features: Floats, true: Flags) -> Floats:
    weights = np.zeros(FEATURES)
    pairs, hits = len(true), int(np.count_nonzero(true))
    weights[0] = np.log((hits + 0.5) / (pairs - hits + 0.5))
    if not 0 < hits < pairs:
        return weights
    penalty = np.full(FEATURES, RIDGE)
    penalty[0] = 0.0
    for _ in range(ROUNDS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(features @ weights, -30.0, 30.0)))
        slope = features.T @ (true - chance) - penalty * weights
        curve = (features * (chance * (1 - chance))[:, None]).T @ features + np.diag(penalty + 1e-6)
        change = np.linalg.solve(curve, slope)
        weights = weights + change * min(1.0, 4.0 / max(float(np.abs(change).max()), 1e-12))
    return weights
