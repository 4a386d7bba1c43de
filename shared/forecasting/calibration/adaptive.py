"""Intervals that follow the stream: half widths are scaled by what the last hours' scores were like. Pure.

A score is how far the actual speed was from the forecast in half widths of the offline interval, on the side where it
was. Their 90 % quantile over the last hours is the scale. Those hours lean on the last day and this on the offline
calibration, as if each were some more windows: a start without scores has the offline intervals, a lasting change is
followed within hours and fully within a day. On METR-LA (calibrated on one half of the validation part, streamed over
the other, both ways) two hours that lean on a day gave a better interval score and steadier coverage than half a day to
a week, and the latter than none.

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

from shared.events.quantities import EPOCH
from shared.forecasting.calibration.conformal import COVERAGE
from shared.traffic.arrays import Flags, Floats, Integers

RECENT, RECENT_LEANS = timedelta(hours=2), timedelta(hours=2)
DAY, DAY_LEANS = timedelta(hours=24), timedelta(hours=1)
"""What the scale is made of, and for how long the next broader knowledge counts beside it."""
KEPT = DAY + timedelta(hours=2)
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

    `prior` (horizons, `BINS`) is its offline calibration, `window` that of the network. Scores change until their
    windows are `settled_after` old; younger ones do not count, so the scale of an origin is the same whenever it is
    asked for.
    """

    prior: Floats
    window: timedelta
    settled_after: timedelta = timedelta(0)
    _counts: Floats = field(init=False, repr=False)
    _numbers: Integers = field(init=False, repr=False)
    _revisions: Integers = field(init=False, repr=False)
    _scored: Flags = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Know nothing of the stream."""
        # A ring: the window of number n stands in row n modulo its length.
        kept = (KEPT + self.settled_after) // self.window + 1
        self._counts = np.zeros((kept, self.prior.size))
        self._numbers = np.full(kept, np.iinfo(np.intp).min)
        self._revisions = np.zeros(kept, dtype=np.intp)
        self._scored = np.zeros((kept, len(self.prior)), dtype=np.bool_)

    def put(self, timestamp: datetime, revision: int, scores: Integers) -> None:
        """Take in the scores of all forecasts for the window that ends at `timestamp`: a `histogram`.

        The highest revision counts, in whatever order they come.
        """
        number = self._number(timestamp)
        row = number % len(self._numbers)
        if (number, revision) > (int(self._numbers[row]), int(self._revisions[row])):
            self._counts[row], self._scored[row] = scores.ravel(), scores.any(axis=1)
            self._numbers[row], self._revisions[row] = number, revision

    def at(self, origin: datetime) -> Floats:
        """What half widths of forecasts made at `origin` are to be multiplied by: (horizons,).

        Only windows that had settled by then count.
        """
        day, windows = self._since(origin, DAY)
        recent, _ = self._since(origin, RECENT)
        pairs = day.sum(axis=1, keepdims=True) / np.maximum(windows, 1)[:, None]
        daily = day + self.prior * pairs * (DAY_LEANS / self.window)
        share = np.divide(daily, daily.sum(axis=1, keepdims=True), out=self.prior.copy(), where=pairs > 0)
        mixed = np.where(pairs > 0, recent + share * pairs * (RECENT_LEANS / self.window), self.prior)
        return np.clip(_quantile(mixed) / _quantile(self.prior), LEAST_SCALE, LARGEST_SCALE)

    def _since(self, origin: datetime, span: timedelta) -> tuple[Floats, Integers]:
        """Scores of the windows that ended within `span` before, (horizons, BINS), and how many of them had any."""
        last = self._number(origin - self.settled_after)
        chosen = (self._numbers > last - span // self.window) & (self._numbers <= last)
        sums = (chosen.astype(np.float64) @ self._counts).reshape(self.prior.shape)
        return sums, np.count_nonzero(self._scored[chosen], axis=0)

    def _number(self, timestamp: datetime) -> int:
        return (timestamp - EPOCH) // self.window


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
