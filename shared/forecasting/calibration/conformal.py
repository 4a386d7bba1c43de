"""Fit the calibration to held-out forecasts: half widths by cell, factors by sensor, conformal corrections. Pure.

Half widths are the 5 % and 95 % quantiles of a cell's residuals, as conformalized quantile regression takes them from a
quantile model (Romano, Patterson and Candès, NeurIPS 2019). A residual over the half width on its side is a forecast's
score, and the 90 % quantile of the scores corrects the widths (split conformal prediction with a normalised score:
Papadopoulos, Gammerman and Vovk 2008; Lei et al., JASA 113, 2018, section 5.2). The scores are those of blocks of time
that the widths were not fitted to (cross-conformal prediction: Vovk, Annals of Mathematics and AI 74, 2015).

Nine in ten of all forecasts say little about the few that matter: with equal counts a half of all onsets of congestion
are missed. So an onset counts some times in all quantiles, as costs do in cost-sensitive learning (Elkan,
IJCAI 2001): where one may come, intervals reach further down, and elsewhere they stay as they were. Far ahead that
costs more width, and more of them are covered without it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.forecasting.calibration.congestion import Congestion
from shared.forecasting.calibration.context import Context
from shared.forecasting.calibration.residuals import BINS, counts, places, quantile, shrunken
from shared.forecasting.calibration.taxonomy import CELLS, OBSERVED, SHAPE, Taxonomy, fast, observed_of
from shared.traffic.arrays import Flags, Floats, Integers, ratio

COVERAGE = 0.9
CLOSE_MPH = 5.0
LEAST_HALF_WIDTH_MPH = 0.5
LARGEST_ODDS = 6.0
ONSETS_COUNT = (2.6, 1.8)
"""For how many forecasts an onset counts at the first horizon and at the last; in between it falls evenly."""
ROADS = 2
"""A sensor has one factor for when its road is slow, one for when it is fast."""
ODDS_LEAN = 25.0
ODDS_ROUNDS = 8
LEVELS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """Half widths in mph and log odds to be within 5 mph, (horizons, CELLS); factor and shift of them, (N, ROADS)."""

    lower_mph: Floats
    upper_mph: Floats
    odds: Floats
    factor: Floats
    shift: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """The comparable forecasts of one horizon: cell, sensor * ROADS + road, residual in mph, block of time, weight."""

    cell: Integers
    group: Integers
    residual: Floats
    block: Integers
    weight: Floats

    def __getitem__(self, chosen: Flags) -> "_Pairs":
        weight = self.weight[chosen]
        return _Pairs(self.cell[chosen], self.group[chosen], self.residual[chosen], self.block[chosen], weight)


def fit(
    taxonomy: Taxonomy, congestion: Congestion, context: Context, actual: Floats, blocks: Integers
) -> tuple[Tables, list[NDArray[np.float64]]]:
    """Tables of held-out forecasts, and by horizon the scores of all against half widths that did not know them.

    `actual` is (B, N, horizons) mph, NaN where missing; `blocks` (B,) the stretch of time of each origin, from 0 on.
    Raises `ValueError` where a horizon has no forecast to compare.
    """
    sensors = context.predicted.shape[1]
    pairs = list(_pairs(taxonomy, congestion, context, actual, blocks))
    whole = _tables(pairs, sensors)
    apart = range(int(blocks.max()) + 1)
    scores: list[Floats] = [np.empty_like(one.residual) for one in pairs]
    for block in apart:
        others = [one[one.block != block] for one in pairs]
        tables = _tables(others, sensors) if all(one.cell.size for one in others) else whole
        for horizon, one in enumerate(pairs):
            mine = one.block == block
            scores[horizon][mine] = _scores(tables, horizon, one[mine])
    lower, upper = whole.lower_mph.copy(), whole.upper_mph.copy()
    for horizon, one in enumerate(pairs):
        every = np.arange(CELLS)
        correction = _corrections(one, scores[horizon])[fast(every).astype(np.intp), observed_of(every)]
        lower[horizon] *= correction
        upper[horizon] *= correction
        scores[horizon] /= correction[one.cell]
    return Tables(lower, upper, whole.odds, whole.factor, whole.shift), scores


def _pairs(
    taxonomy: Taxonomy, congestion: Congestion, context: Context, actual: Floats, blocks: Integers
) -> Iterator[_Pairs]:
    origins, sensors, horizons = actual.shape
    cells = taxonomy.cells(context, congestion.chance(context))
    onsets_count = np.linspace(*ONSETS_COUNT, horizons)
    weight = np.where(congestion.turned_slow(context, actual), onsets_count, 1.0)
    sensor = np.broadcast_to(np.arange(sensors), (origins, sensors))
    when = np.broadcast_to(blocks[:, None], (origins, sensors))
    for horizon in range(horizons):
        residual = actual[..., horizon] - context.predicted[..., horizon]
        known = ~np.isnan(residual)
        if not known.any():
            raise ValueError("no held-out forecast can be compared")
        cell = cells[..., horizon][known]
        group, error = sensor[known] * ROADS + fast(cell), residual[known].astype(np.float64)
        yield _Pairs(cell, group, error, when[known], weight[..., horizon][known])


def _tables(pairs: list[_Pairs], sensors: int) -> Tables:
    lower, upper, odds = np.zeros((3, len(pairs), CELLS))
    for horizon, one in enumerate(pairs):
        # Those that have any; nothing needs to be sorted for it.
        cells = np.flatnonzero(np.bincount(one.cell, minlength=CELLS))
        place = np.zeros(CELLS, dtype=np.intp)
        place[cells] = np.arange(len(cells))
        cell = place[one.cell]
        histogram = counts(cell, places(one.residual), len(cells), one.weight)
        low, high = (
            shrunken(histogram, SHAPE, lambda sums, share=share: quantile(sums, share), cells)  # type: ignore[misc] # a default binds the loop's value
            for share in ((1 - COVERAGE) / 2, (1 + COVERAGE) / 2)
        )
        lower[horizon] = np.maximum(-low, LEAST_HALF_WIDTH_MPH)
        upper[horizon] = np.maximum(high, LEAST_HALF_WIDTH_MPH)
        close = _tally(cell, np.abs(one.residual) <= CLOSE_MPH, len(cells))
        odds[horizon] = _log_odds(shrunken(close, SHAPE, _share, cells))
    plain = Tables(lower, upper, odds, np.ones((sensors, ROADS)), np.zeros((sensors, ROADS)))
    return Tables(lower, upper, odds, _factors(plain, pairs), _shifts(plain, pairs))


def _factors(tables: Tables, pairs: list[_Pairs]) -> Floats:
    groups = tables.factor.size
    found = np.zeros((groups, BINS))
    for horizon, one in enumerate(pairs):
        found += counts(one.group, places(_scores(tables, horizon, one)), groups, one.weight)
    # The errors of one origin at all its horizons are little more than one observation.
    by_road = found.reshape(-1, ROADS, BINS).transpose(1, 0, 2) / len(pairs)
    shape = ROADS, groups // ROADS
    flat = by_road.reshape(groups, BINS)
    return shrunken(flat, shape, lambda sums: quantile(sums, COVERAGE)).reshape(shape).T


def _shifts(tables: Tables, pairs: list[_Pairs]) -> Floats:
    """By Newton's method, a logistic regression on each sensor alone with a penalty on its distance from all others."""
    groups, edges = tables.shift.size, np.linspace(-LARGEST_ODDS, LARGEST_ODDS, LEVELS + 1)
    centres = (edges[1:] + edges[:-1]) / 2
    near, far = np.zeros((2, groups, LEVELS))
    for horizon, one in enumerate(pairs):
        level = np.clip(np.digitize(tables.odds[horizon], edges) - 1, 0, LEVELS - 1)[one.cell]
        close = np.abs(one.residual) <= CLOSE_MPH
        tally = _tally(one.group * LEVELS + level, close, groups * LEVELS).reshape(groups, LEVELS, 2)
        near += tally[..., 0]
        far += tally[..., 1]
    near, all_ = near / len(pairs), (near + far) / len(pairs)
    shift = np.zeros(groups)
    for _ in range(ODDS_ROUNDS):
        chance = probability(centres + shift[:, None])
        slope = (all_ * chance * (1 - chance)).sum(axis=1) + ODDS_LEAN
        shift += ((near - all_ * chance).sum(axis=1) - ODDS_LEAN * shift) / slope
    return shift.reshape(-1, ROADS)


def probability(odds: Floats) -> Floats:
    """Of log odds."""
    chance: Floats = 1.0 / (1.0 + np.exp(-odds))
    return chance


def _scores(tables: Tables, horizon: int, pairs: _Pairs) -> Floats:
    over, under = (width[horizon][pairs.cell] for width in (tables.upper_mph, tables.lower_mph))
    scores: Floats = np.where(pairs.residual > 0, pairs.residual / over, -pairs.residual / under)
    return scores / tables.factor.ravel()[pairs.group]


def _corrections(pairs: _Pairs, scores: Floats) -> Floats:
    group = fast(pairs.cell) * OBSERVED + observed_of(pairs.cell)
    found, shape = counts(group, places(scores), ROADS * OBSERVED, pairs.weight), (ROADS, OBSERVED)
    return shrunken(found, shape, lambda sums: quantile(sums, COVERAGE, beyond=1.0)).reshape(shape)


def _tally(group: Integers, true: Flags, groups: int) -> Floats:
    pairs, hits = np.bincount(group, minlength=groups), np.bincount(group[true], minlength=groups)
    tally: Floats = np.stack([hits, pairs - hits], axis=-1).astype(np.float64)
    return tally


def _share(sums: Floats) -> Floats:
    return ratio(sums[..., 0], sums.sum(axis=-1))


def _log_odds(chance: Floats) -> Floats:
    least = probability(np.array(-LARGEST_ODDS))
    bounded = np.clip(chance, least, 1 - least)
    odds: Floats = np.log(bounded / (1 - bounded))
    return odds
