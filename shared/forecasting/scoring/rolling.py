"""The scores of the last hours and days of one network, ready to be summed up at every step. Pure.

What `shared.store.rolling_scores` makes of the same scores, held as arrays.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import numpy as np

from shared.forecasting.inputs.history import HORIZONS, place_of
from shared.forecasting.registry.loading import Key
from shared.store.model_records import CONFIDENCE_BINS, HorizonScore, ModelScore
from shared.traffic.arrays import Floats, ratio

PAIRS, ABSOLUTE, ERROR, COVERED = range(4)
BINS = 4

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """How one version of one model did over a stretch of time: (HORIZONS,) each, NaN where `pairs` is 0.

    `calibration_error` is the expected calibration error of `confidence_score` (Naeini et al., AAAI 2015).
    """

    pairs: Floats
    mae_mph: Floats
    bias_mph: Floats
    coverage: Floats
    calibration_error: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Sums of a model for single windows, oldest first: `ends` (T,), `pairs` and `absolute_mph` (T, HORIZONS)."""

    ends: tuple[datetime, ...]
    pairs: Floats
    absolute_mph: Floats


@dataclass
class _Latest(Generic[Value]):
    """Values by time, of which the one with the highest revision stays, for as long as `span`."""

    span: timedelta
    by_end: dict[datetime, tuple[int, Value]] = field(default_factory=dict)

    def put(self, end: datetime, revision: int, value: Value) -> None:
        known = self.by_end.get(end)
        if known is None or revision >= known[0]:
            self.by_end[end] = revision, value

    def forget(self, newest: datetime) -> None:
        if any(end <= newest - self.span for end in self.by_end):
            self.by_end = {end: one for end, one in self.by_end.items() if end > newest - self.span}

    def until(self, end: datetime) -> list[tuple[datetime, Value]]:
        """Those of the span that ends with `end`, oldest first."""
        return [(at, self.by_end[at][1]) for at in sorted(self.by_end) if end - self.span < at <= end]


class ScoreHistory:
    """Scores of all models of one network.

    Args:
        window: of the network.
        rolling: the span of event time that `totals` and `inputs` are of.
        kept: the span that `errors` can look back.
    """

    def __init__(self, window: timedelta, rolling: timedelta, kept: timedelta) -> None:
        self.window = window
        self.rolling = rolling
        self.kept = max(rolling, kept)
        self._sums: dict[Key, _Latest[Floats]] = defaultdict(lambda: _Latest(rolling))
        self._errors: dict[Key, _Latest[Floats]] = defaultdict(lambda: _Latest(self.kept))
        self._inputs: _Latest[tuple[Floats, int]] = _Latest(rolling)

    def put(self, scores: Iterable[ModelScore]) -> None:
        """Take in scores, in any order, also again; what is `kept` no longer, before the newest of them, leaves."""
        newest: datetime | None = None
        for score in scores:
            key = score.model_name, score.model_version
            sums = self._vector(score)
            self._sums[key].put(score.timestamp, score.revision, sums)
            self._errors[key].put(score.timestamp, score.revision, sums[:, [PAIRS, ABSOLUTE]])
            counts = np.array(score.speed_counts, dtype=np.float64)
            self._inputs.put(score.timestamp, sum(score.speed_counts), (counts, score.missing))
            newest = score.timestamp if newest is None else max(newest, score.timestamp)
        if newest is not None:
            self._forget(newest)

    @property
    def keys(self) -> frozenset[Key]:
        """The versions of models that there are scores of."""
        return frozenset(self._errors)

    def totals(self, key: Key, until: datetime) -> Totals | None:
        """The sums over the `rolling` span up to `until`; `None` where there is nothing."""
        found = [sums for _, sums in self._sums[key].until(until)] if key in self._sums else []
        return _totals(np.sum(np.stack(found), axis=0)) if found else None

    def errors(self, key: Key, until: datetime) -> Errors:
        """Window by window, over the `kept` span up to `until`."""
        found = self._errors[key].until(until) if key in self._errors else []
        both = np.stack([values for _, values in found]) if found else np.zeros((0, HORIZONS, 2))
        return Errors(tuple(end for end, _ in found), both[..., 0], both[..., 1])

    def inputs(self, until: datetime) -> Mapping[datetime, tuple[Floats, int]]:
        """How fast sensors were (`SPEED_BINS`), and how many had no usable speed, in the `rolling` span."""
        return dict(self._inputs.until(until))

    def _forget(self, newest: datetime) -> None:
        for held in (self._sums, self._errors):
            for key in list(held):
                held[key].forget(newest)
                if not held[key].by_end:
                    del held[key]
        self._inputs.forget(newest)

    def _vector(self, score: ModelScore) -> Floats:
        found = np.zeros((HORIZONS, BINS + 3 * CONFIDENCE_BINS))
        for horizon in score.horizons:
            place = place_of(horizon.horizon_minutes, self.window)
            if place is not None:
                found[place] = _row(horizon)
        return found


def _row(horizon: HorizonScore) -> list[float]:
    bins = [*horizon.confidence_pairs, *horizon.confidence_close, *horizon.confidence_sums]
    known = (horizon.pairs, horizon.absolute_error_sum_mph, horizon.error_sum_mph, horizon.covered)
    return [*known, *(bins or [0.0] * (3 * CONFIDENCE_BINS))]


def _totals(sums: Floats) -> Totals:
    pairs = sums[:, PAIRS]
    _, close, promised = sums[:, BINS:].reshape(HORIZONS, 3, CONFIDENCE_BINS).transpose(1, 0, 2)
    return Totals(
        pairs=pairs,
        mae_mph=ratio(sums[:, ABSOLUTE], pairs),
        bias_mph=ratio(sums[:, ERROR], pairs),
        coverage=ratio(sums[:, COVERED], pairs),
        calibration_error=ratio(np.abs(promised - close).sum(axis=1), pairs),
    )
