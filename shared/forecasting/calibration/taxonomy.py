"""Which forecasts are alike in how sure they are: the cells of the calibration (a Mondrian taxonomy). Pure.

Vovk, Gammerman and Shafer, 'Algorithmic Learning in a Random World' (2005), chapter 4.5: calibrated within each cell,
intervals are as reliable in congestion as in free flow. On METR-LA the speed predicted tells most, then how likely
congestion is, how much the speed is predicted to change, and how far the members of an ensemble are apart.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.forecasting.calibration.context import Context
from shared.traffic.arrays import Flags, Floats, Integers

REGIME_SHARES = (0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.35, 0.55, 0.8)
"""The slowest 2 % of all forecasts are the first regime, and so on."""
FAST_REGIME = 6
"""From this regime on a forecast counts as one of a fast road."""
OBSERVED_EDGES = (1, 7, 12)
"""No reading, few, most, all of the last twelve."""
RISK_EDGES = (0.005, 0.02, 0.06, 0.2, 0.5)
"""Chances of congestion."""
SWING_EDGES_MPH = (-8.0, -3.0, -1.0, 1.0, 3.0, 8.0)
DISAGREEMENT_SHARES = (0.33, 0.67, 0.9)
LEAST_PAIRS = 100

REGIMES, RISKS, OBSERVED, SWINGS, DISAGREEMENTS = (
    len(edges) + 1 for edges in (REGIME_SHARES, RISK_EDGES, OBSERVED_EDGES, SWING_EDGES_MPH, DISAGREEMENT_SHARES)
)
SHAPE = (REGIMES, RISKS, SWINGS, DISAGREEMENTS, OBSERVED)
CELLS = REGIMES * RISKS * OBSERVED * SWINGS * DISAGREEMENTS


@dataclass(frozen=True, slots=True, eq=False)
class Taxonomy:
    """Edges between cells that depend on the model: (REGIMES - 1,) and (horizons, REGIMES, DISAGREEMENTS - 1) mph."""

    regime_edges_mph: Floats
    disagreement_edges_mph: Floats

    @classmethod
    def fit(cls, context: Context) -> "Taxonomy":
        """Lay edges so that cells hold fixed shares of these forecasts."""
        predicted = context.predicted
        edges = np.nanquantile(predicted, REGIME_SHARES)
        horizons = predicted.shape[-1]
        apart = np.zeros((horizons, REGIMES, len(DISAGREEMENT_SHARES)))
        for horizon in range(horizons):
            speeds, differences = predicted[..., horizon].ravel(), context.disagreement[..., horizon].ravel()
            known = ~np.isnan(speeds)
            regime = np.digitize(speeds[known], edges)
            differences = differences[known]
            for place in range(REGIMES):
                mine = differences[regime == place]
                chosen = mine if mine.size >= LEAST_PAIRS else differences
                apart[horizon, place] = np.quantile(chosen, DISAGREEMENT_SHARES) if chosen.size else 0.0
        # As the artefact keeps them, so that a forecast is in the same cell here and there.
        return cls(edges.astype(np.float32).astype(np.float64), apart.astype(np.float32).astype(np.float64))

    def cells(self, context: Context, congested: Floats) -> Integers:
        """The cell of each forecast, (B, N, horizons), of which `congested` is the chance; any where there is none."""
        predicted = np.nan_to_num(context.predicted)
        regime = self.regimes(predicted)
        risk = np.digitize(np.nan_to_num(congested), RISK_EDGES)
        observed = np.digitize(context.observed, OBSERVED_EDGES)[:, :, None]
        swing = np.digitize(predicted - predicted[..., :1], SWING_EDGES_MPH)
        apart = np.zeros_like(regime)
        horizon = np.arange(predicted.shape[-1])
        for edge in range(DISAGREEMENTS - 1):
            apart += context.disagreement > self.disagreement_edges_mph[horizon, regime, edge]
        place = (regime * RISKS + risk) * SWINGS + swing
        cells: Integers = (place * DISAGREEMENTS + apart) * OBSERVED + observed
        return cells

    def regimes(self, predicted: Floats) -> Integers:
        """The regime of each forecast in mph, the slowest first."""
        return np.digitize(predicted, self.regime_edges_mph)

    def tensors(self) -> dict[str, Floats]:
        """For the artefact."""
        return {
            "regime_edges_mph": self.regime_edges_mph.astype(np.float32),
            "disagreement_edges_mph": self.disagreement_edges_mph.astype(np.float32),
        }

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, NDArray[Any]]) -> "Taxonomy":
        """From the artefact; raises `KeyError` where a tensor is missing, `ValueError` where it has another shape."""
        edges = tensors["regime_edges_mph"].astype(np.float64)
        apart = tensors["disagreement_edges_mph"].astype(np.float64)
        if edges.shape != (REGIMES - 1,) or apart.ndim != 3 or apart.shape[1:] != (REGIMES, DISAGREEMENTS - 1):  # noqa: PLR2004 - see above
            raise ValueError(f"regimes {edges.shape} and disagreements {apart.shape} of another release")
        return cls(edges, apart)


def fast(cells: Integers) -> Flags:
    """Whether each cell is of forecasts of a fast road."""
    return cells >= FAST_REGIME * (CELLS // REGIMES)


def observed_of(cells: Integers) -> Integers:
    """Which of the `OBSERVED` groups each cell is of."""
    return cells % OBSERVED


def agreed(table: NDArray[Any]) -> NDArray[Any]:
    """Of a table (horizons, CELLS) what is of forecasts whose members agree most: (horizons, CELLS / DISAGREEMENTS)."""
    found: NDArray[Any] = table.reshape(len(table), -1, DISAGREEMENTS, OBSERVED)[:, :, 0].reshape(len(table), -1)
    return found


def whole(table: NDArray[Any]) -> NDArray[Any]:
    """A table that `agreed` made, the same for all disagreements: (horizons, CELLS); any other as it is."""
    if table.ndim != 2 or table.shape[1] != CELLS // DISAGREEMENTS:  # noqa: PLR2004 - see above
        return table
    every = np.repeat(table.reshape(len(table), -1, 1, OBSERVED), DISAGREEMENTS, axis=2)
    return every.reshape(len(table), CELLS)
