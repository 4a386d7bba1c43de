"""Intervals that follow the stream: half widths are scaled by what the last hours' scores were like. Pure.

A score is how far the actual speed was from the forecast in half widths of the offline interval, on the side where it
was. Their 90 % quantile over a sliding window is the scale, where the offline calibration counts as some more windows:
without any scores intervals are the offline ones. On METR-LA (calibrated on one half of the validation part, streamed
over the other, both ways) windows of one to three hours gave better interval scores and steadier coverage than those
of half a day to a week.

This is the online conformal setting of Gibbs and Candès ('Adaptive conformal inference under distribution shift',
NeurIPS 2021) and Angelopoulos, Candès and Tibshirani ('Conformal PID control for time series prediction', NeurIPS
2023), with a rolling quantile in place of a tracked level. Each step brings scores of the whole network, hundreds at
once, so the window's quantile is known well enough not to need a controller's memory; and being a function of recent
scores alone, it is the same after a restart, and whatever order these came in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from services.predictor.inputs.arrays import Floats, Integers

COVERAGE = 0.9
RECENT = timedelta(hours=2)
PRIOR = timedelta(hours=1)
KEPT = RECENT + timedelta(hours=2)
"""How long scores are kept, so that the scale of an origin can be told again until its last target has come."""
LEAST_SCALE, LARGEST_SCALE = 0.5, 3.0
EDGES: Floats = np.concatenate(([0.0], np.geomspace(0.3, 5.0, 32), [np.inf]))
"""Of the histogram of scores: 10 % steps from 0.3 to 5."""
BINS = len(EDGES) - 1
LEAST_REACH_MPH = 0.01
"""Records are rounded to this."""


def score(predicted: Floats, lower: Floats, upper: Floats, actual: Floats, scale: Floats) -> Floats:
    """How many offline half widths the actual speed was off: like the arguments, which broadcast; NaN where unknown.

    `lower` and `upper` are the bounds in mph as they were published, that is with the half widths times `scale`.
    """
    error = actual - predicted
    reach = np.where(error > 0, upper - predicted, predicted - lower)
    found: Floats = np.abs(error) / np.maximum(reach, LEAST_REACH_MPH) * scale
    return found


def histogram(scores: Floats) -> Integers:
    """How many scores (…, horizons) of each horizon fall in each bin: (horizons, BINS). NaN counts nowhere."""
    horizons = scores.shape[-1]
    flat = scores.reshape(-1, horizons)
    known = ~np.isnan(flat)
    place = np.searchsorted(EDGES, np.where(known, flat, 0.0), side="right") - 1
    cell = np.minimum(place, BINS - 1) + np.arange(horizons) * BINS
    found: Integers = np.bincount(cell[known], minlength=horizons * BINS).reshape(horizons, BINS)
    return found


def prior_of(scores: Sequence[Floats]) -> Floats:
    """The share of held-out scores in each bin, (horizons, BINS), of one array for each horizon."""
    found = np.concatenate([histogram(one[:, None]) for one in scores]).astype(np.float64)
    shares: Floats = found / np.maximum(found.sum(axis=1, keepdims=True), 1.0)
    return shares


@dataclass(eq=False)
class AdaptiveScale:
    """The scale of one version of one model.

    `prior` (horizons, `BINS`) is its offline calibration, `window` that of the network.
    """

    prior: Floats
    window: timedelta
    _rows: dict[datetime, tuple[int, Floats]] = field(default_factory=dict, init=False, repr=False)
    _plain: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Know nothing of the stream."""
        self._plain = _quantile(self.prior)

    def put(self, timestamp: datetime, revision: int, scores: Integers) -> None:
        """Take in the scores of all forecasts for the window that ends at `timestamp`: a `histogram`.

        The highest revision counts, in whatever order they come.
        """
        known = self._rows.get(timestamp)
        if known is None or revision > known[0]:
            self._rows[timestamp] = revision, scores.astype(np.float64)
        self._forget()

    def at(self, origin: datetime) -> Floats:
        """What half widths of forecasts made at `origin` are to be multiplied by: (horizons,).

        Only windows that had ended by then count, and only those of the `RECENT` time before.
        """
        recent = [scores for end, (_, scores) in self._rows.items() if origin - RECENT < end <= origin]
        if not recent:
            return np.ones(len(self.prior))
        live = np.sum(recent, axis=0)
        windows = np.count_nonzero(np.sum(recent, axis=2), axis=0)
        pairs = live.sum(axis=1) / np.maximum(windows, 1)
        weight = pairs * (PRIOR / self.window)
        scale = _quantile(np.where(pairs[:, None] > 0, live + self.prior * weight[:, None], self.prior)) / self._plain
        return np.clip(scale, LEAST_SCALE, LARGEST_SCALE)

    def _forget(self) -> None:
        newest = max(self._rows)
        for end in [end for end in self._rows if end <= newest - KEPT]:
            del self._rows[end]


@dataclass(eq=False)
class Replay:
    """A recording's forecasts in the order in which a running predictor would have made and scored them."""

    adaptive: AdaptiveScale
    _open: dict[datetime, Integers] = field(default_factory=dict, init=False, repr=False)

    def scales(self, origins: Sequence[datetime], scores: Floats) -> Floats:
        """What `AdaptiveScale.at` would have been at each origin: (origins, 1, horizons).

        Each is of forecasts whose targets had passed by then, as in operation.

        Args:
            origins: in time order, later than those of the calls before.
            scores: of their forecasts against the offline interval, (origins, N, horizons), NaN where unknown.
        """
        scales = np.empty((len(origins), 1, scores.shape[-1]))
        for row, origin in enumerate(origins):
            for end in [end for end in self._open if end <= origin]:
                self.adaptive.put(end, 0, self._open.pop(end))
            scales[row, 0] = self.adaptive.at(origin)
            for horizon, found in enumerate(histogram(scores[row])):
                end = origin + (horizon + 1) * self.adaptive.window
                self._open.setdefault(end, np.zeros((scores.shape[-1], BINS), dtype=np.intp))[horizon] = found
        return scales


def _quantile(found: Floats) -> Floats:
    below = np.cumsum(found, axis=-1)
    rank = COVERAGE * below[..., -1:]
    place = np.minimum((below < rank).sum(axis=-1, keepdims=True), BINS - 2)
    inside = np.take_along_axis(found, place, axis=-1)
    part = np.divide(
        rank - np.take_along_axis(below, place, axis=-1) + inside, inside, out=np.ones_like(rank), where=inside > 0
    )
    low, high = EDGES[place], EDGES[place + 1]
    quantile: Floats = (low + np.clip(part, 0.0, 1.0) * (high - low))[..., 0]
    return quantile
