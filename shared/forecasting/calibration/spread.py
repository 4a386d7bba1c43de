"""How far a forecast may be off: 90 % intervals, and the chance to be within 5 mph, from held-out residuals. Pure.

Both come from tables by horizon and cell (`taxonomy`), with a factor for the sensor (`conformal`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.forecasting.calibration.adaptive import prior_of
from shared.forecasting.calibration.conformal import CLOSE_MPH, COVERAGE, ROADS, Tables, fit, probability
from shared.forecasting.calibration.congestion import Congestion, congested_below
from shared.forecasting.calibration.context import Context
from shared.forecasting.calibration.residuals import LEAN
from shared.forecasting.calibration.taxonomy import (
    CELLS,
    OBSERVED,
    OBSERVED_EDGES,
    Taxonomy,
    agreed,
    fast,
    observed_of,
    whole,
)
from shared.traffic.arrays import Floats, Integers

__all__ = ["CLOSE_MPH", "COVERAGE", "Bounds", "Context", "Uncertainty"]

BLOCKS = 5
UNSEEN_SHARE = 0.9
"""A sensor that was not there is taken for as hard to forecast as the hardest tenth of the others."""
UNSEEN_FACTOR = 1.5
"""So much wider are intervals of forecasts with less input than any that was held out."""
PREFIX = "calibration."
BY_CELL = ("lower_mph", "upper_mph", "odds")
BY_SENSOR = ("factor", "shift")
TABLES = (*BY_CELL, *BY_SENSOR)


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Per forecast, (B, N, horizons): 90 % interval in mph, the chance to be within 5 mph, and that of congestion.

    `congested` is NaN where nothing is known of what congestion is.
    """

    lower_mph: Floats
    upper_mph: Floats
    confidence: Floats
    congested: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """The calibration of one model for N sensors.

    `congestion` tells the chance of it, `tables` are those of `conformal`, `prior` (horizons, `adaptive.BINS`) is the
    share of held-out scores in each bin, which online adaptation starts from.
    """

    taxonomy: Taxonomy
    congestion: Congestion
    tables: Tables
    prior: Floats

    @classmethod
    def fit(
        cls, context: Context, actual: Floats, blocks: Integers | None = None, below_mph: Floats | None = None
    ) -> "Uncertainty":
        """Calibrate on held-out forecasts.

        Args:
            context: of B origins.
            actual: what then happened, (B, N, horizons) mph, NaN where missing.
            blocks: which stretch of time, counted from 0, each origin is from, (B,); else the B in order are cut into
                `BLOCKS` of equal length. Origins close in time belong into one.
            below_mph: where congestion begins, (N,); else it follows from `actual`.

        Raises:
            ValueError: a horizon has no forecast that can be compared.
        """
        taxonomy = Taxonomy.fit(context)
        below = (
            congested_below(actual.transpose(0, 2, 1).reshape(-1, actual.shape[1])) if below_mph is None else below_mph
        )
        congestion = Congestion.fit(context, actual, below)
        origins = len(actual)
        stretches = np.arange(origins) * BLOCKS // origins if blocks is None else blocks
        tables, scores = fit(taxonomy, congestion, context, actual, stretches)
        known = ~np.isnan(actual - context.predicted)
        counted = np.bincount(
            np.digitize(context.observed, OBSERVED_EDGES).ravel(), known.sum(axis=-1).ravel(), OBSERVED
        )
        return cls(taxonomy, congestion, _wider(tables, counted), prior_of(scores))

    def bounds(self, context: Context, scale: Floats | None = None) -> Bounds:
        """Interval and confidence of forecasts of N sensors; NaN stays NaN.

        `scale` (horizons,) or (B, 1, horizons), of `adaptive`, multiplies the half widths; confidence falls with it.
        """
        tables, predicted = self.tables, context.predicted
        congested = self.congestion.chance(context)
        cells = self.taxonomy.cells(context, congested)
        horizon, sensor = np.arange(predicted.shape[-1]), np.arange(predicted.shape[1])[:, None]
        road = fast(cells).astype(np.intp)
        factor = tables.factor[sensor, road]
        chance = probability(tables.odds[horizon, cells] + tables.shift[sensor, road])
        if scale is not None:
            factor, chance = factor * scale, _wider_chance(chance, scale)
        return Bounds(
            np.maximum(predicted - tables.lower_mph[horizon, cells] * factor, 0.0),
            predicted + tables.upper_mph[horizon, cells] * factor,
            np.where(np.isnan(predicted), np.nan, chance),
            congested,
        )

    def tensors(self) -> dict[str, NDArray[Any]]:
        """For the artefact."""
        tables = {name: getattr(self.tables, name).astype(np.float16) for name in TABLES}
        if not self.taxonomy.disagreement_edges_mph.any():
            # A single model is never at odds with itself: three quarters of its cells are never asked.
            tables |= {name: agreed(tables[name]) for name in BY_CELL}
        mine = {
            **self.taxonomy.tensors(),
            **self.congestion.tensors(),
            **tables,
            "score_prior": self.prior.astype(np.float32),
        }
        return {f"{PREFIX}{name}": values for name, values in mine.items()}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, NDArray[Any]], rows: Integers) -> "Uncertainty":
        """From the artefact, whose sensor `rows[n]` is the network's sensor n, -1 where it has none.

        Raises:
            KeyError: a tensor is missing.
            ValueError: one has another shape than this release needs.
        """
        mine = {name.removeprefix(PREFIX): values for name, values in tensors.items() if name.startswith(PREFIX)}
        lower, upper, odds = (whole(mine[name]).astype(np.float64) for name in BY_CELL)
        factor, shift = (mine[name].astype(np.float64) for name in BY_SENSOR)
        taxonomy, prior = Taxonomy.of_tensors(mine), mine["score_prior"].astype(np.float64)
        congestion = Congestion.of_tensors(mine, rows)
        if {lower.shape[1:], upper.shape[1:], odds.shape[1:]} != {(CELLS,)} or factor.shape[1:] != (ROADS,):
            raise ValueError(f"calibration tables {lower.shape} and {factor.shape} of another release")
        unseen = (rows < 0)[:, None]
        hardest, least = np.quantile(factor, UNSEEN_SHARE, axis=0), np.quantile(shift, 1 - UNSEEN_SHARE, axis=0)
        known = np.maximum(rows, 0)
        factor, shift = np.where(unseen, hardest, factor[known]), np.where(unseen, least, shift[known])
        return cls(taxonomy, congestion, Tables(lower, upper, odds, factor, shift), prior)


def _wider(tables: Tables, pairs: NDArray[Any]) -> Tables:
    lacking = (LEAN / (pairs + LEAN))[observed_of(np.arange(CELLS))]
    wider = UNSEEN_FACTOR**lacking
    chance = _wider_chance(probability(tables.odds), wider)
    return Tables(
        tables.lower_mph * wider,
        tables.upper_mph * wider,
        np.log(chance / (1 - chance)),
        tables.factor,
        tables.shift,
    )


def _wider_chance(chance: Floats, factor: Floats) -> Floats:
    """The chance to be within 5 mph if errors are `factor` times as large; they are taken for exponential."""
    wider: Floats = 1 - (1 - chance) ** (1 / factor)
    return wider
