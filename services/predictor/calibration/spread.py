"""How far a forecast may be off: split-conformal intervals and the share within 5 mph, from held-out residuals. Pure.

Residuals of a part of the history that the model was not fitted on are grouped by horizon and by the speed that was
predicted (a Mondrian taxonomy; Vovk et al., 'Algorithmic Learning in a Random World', 2005): a forecast of free flow is
surer than one of congestion. The interval of a group runs from the 5 % to the 95 % quantile of its residuals with the
finite-sample correction of split conformal prediction (Lei et al., JASA 113, 2018).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.predictor.inputs.arrays import Floats, Integers

COVERAGE = 0.9
CLOSE_MPH = 5.0
REGIME_EDGES_MPH = (35.0, 50.0, 60.0)
LEAST_RESIDUALS = 200
TENSORS = ("lower_offset_mph", "upper_offset_mph", "confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Bounds:
    """Per forecast, (B, N, horizons): 90 % interval in mph, and the chance to be within 5 mph."""

    lower_mph: Floats
    upper_mph: Floats
    confidence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the certainty of forecasts depends on, for B origins of N sensors.

    Attributes:
        predicted: (B, N, horizons) mph, NaN where there is no forecast.
        disagreement: (B, N, horizons) mph, how far the members of an ensemble are apart; zeros for a single model.
        observed: (B, N), how many of the last windows had a usable speed.
    """

    predicted: Floats
    disagreement: Floats
    observed: Integers


@dataclass(frozen=True, slots=True, eq=False)
class Uncertainty:
    """What residuals (actual minus predicted, mph) were like, by horizon and regime: (horizons, regimes) each."""

    lower_offset_mph: Floats
    upper_offset_mph: Floats
    confidence: Floats

    @classmethod
    def fit(cls, context: Context, actual: Floats) -> "Uncertainty":
        """Measure held-out forecasts; `actual` (B, N, horizons), NaN where missing. A thin regime takes the whole."""
        predicted = context.predicted
        horizons, regimes = predicted.shape[-1], len(REGIME_EDGES_MPH) + 1
        lower, upper, confidence = np.zeros((3, horizons, regimes))
        for horizon in range(horizons):
            speeds, truth = predicted[..., horizon].ravel(), actual[..., horizon].ravel()
            known = ~(np.isnan(speeds) | np.isnan(truth))
            residuals, regime = (truth - speeds)[known], np.digitize(speeds[known], REGIME_EDGES_MPH)
            if not residuals.size:
                raise ValueError("no held-out forecast can be compared")
            for place in range(regimes):
                mine = residuals[regime == place]
                mine = mine if mine.size >= LEAST_RESIDUALS else residuals
                lower[horizon, place], upper[horizon, place] = _conformal(mine)
                confidence[horizon, place] = np.mean(np.abs(mine) <= CLOSE_MPH)
        return cls(lower, upper, confidence)

    def bounds(self, context: Context) -> Bounds:
        """Interval and confidence of forecasts, (B, N, horizons); NaN stays NaN in the interval."""
        predicted = context.predicted
        regime = np.digitize(np.nan_to_num(predicted), REGIME_EDGES_MPH)
        horizon = np.arange(predicted.shape[-1])
        return Bounds(
            np.maximum(predicted + self.lower_offset_mph[horizon, regime], 0.0),
            predicted + self.upper_offset_mph[horizon, regime],
            self.confidence[horizon, regime],
        )

    def tensors(self) -> dict[str, Floats]:
        """For the artefact."""
        return {name: getattr(self, name) for name in TENSORS}

    @classmethod
    def of_tensors(cls, tensors: Mapping[str, NDArray[Any]], rows: Integers) -> "Uncertainty":
        """From the artefact, whose sensor `rows[n]` is the network's sensor n, -1 where it has none.

        Raises `KeyError` where a tensor is missing.
        """
        del rows  # nothing here is by sensor
        return cls(*(tensors[name].astype(np.float64) for name in TENSORS))


def _conformal(residuals: Floats) -> tuple[float, float]:
    count, tail = residuals.size, (1 - COVERAGE) / 2
    upper = min(1.0, np.ceil((count + 1) * (1 - tail)) / count)
    lower = max(0.0, np.floor((count + 1) * tail) / count)
    # An interval holds its own forecast, also where the model is biased.
    return min(0.0, float(np.quantile(residuals, lower))), max(0.0, float(np.quantile(residuals, upper)))
