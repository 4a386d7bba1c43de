"""The sums that a score consists of: errors, coverage and calibration over the sensors of one window. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.forecasting.calibration import adaptive
from shared.forecasting.calibration.spread import CLOSE_MPH
from shared.store.model_records import CONFIDENCE_BINS, HorizonScore
from shared.traffic.arrays import Floats


@dataclass(frozen=True, slots=True, eq=False)
class WindowForecasts:
    """The forecasts of one model for one window, (horizons, N), NaN where there is none; speeds in mph.

    `scale` (horizons,) is what online adaptation had multiplied the reach of the intervals by.
    """

    predicted_mph: Floats
    lower_mph: Floats
    upper_mph: Floats
    confidence: Floats
    scale: Floats


def horizon_scores(minutes: Sequence[int], forecasts: WindowForecasts, actual_mph: Floats) -> tuple[HorizonScore, ...]:
    """The scores of those horizons that have at least one pair; `actual_mph` (N,), NaN where it cannot be compared."""
    error = forecasts.predicted_mph - actual_mph
    paired = ~np.isnan(error)
    pairs = paired.sum(axis=1)
    error = np.where(paired, error, 0.0)
    distance = np.abs(error)
    covered = paired & (forecasts.lower_mph <= actual_mph) & (actual_mph <= forecasts.upper_mph)
    close = paired & (distance <= CLOSE_MPH)
    confidence = np.where(paired, forecasts.confidence, 0.0)
    # A confidence of 0.3 is 30 hundredths, but a little less than 3 tenths.
    places = np.minimum(np.rint(confidence * 100) * CONFIDENCE_BINS // 100, CONFIDENCE_BINS - 1)
    bins = (places + np.arange(len(minutes))[:, None] * CONFIDENCE_BINS).astype(np.intp)

    def binned(weights: Floats) -> Floats:
        sums: Floats = np.bincount(bins[paired], weights[paired], len(minutes) * CONFIDENCE_BINS).astype(np.float64)
        return sums.reshape(len(minutes), CONFIDENCE_BINS)

    by_confidence = binned(np.ones_like(confidence)), binned(close.astype(np.float64)), binned(confidence)
    lowest, highest = forecasts.lower_mph.T, forecasts.upper_mph.T
    off = adaptive.score(forecasts.predicted_mph.T, lowest, highest, actual_mph[:, None], forecasts.scale)
    scaled = adaptive.histogram(off)
    return tuple(
        HorizonScore(
            horizon_minutes=minutes[row],
            pairs=int(pairs[row]),
            absolute_error_sum_mph=float(distance[row].sum()),
            squared_error_sum_mph2=float(np.square(error[row]).sum()),
            error_sum_mph=float(error[row].sum()),
            covered=int(covered[row].sum()),
            close=int(close[row].sum()),
            confidence_sum=float(confidence[row].sum()),
            confidence_pairs=tuple(by_confidence[0][row].astype(int).tolist()),
            confidence_close=tuple(by_confidence[1][row].astype(int).tolist()),
            confidence_sums=tuple(by_confidence[2][row].tolist()),
            scaled_histogram=tuple(scaled[row].astype(int).tolist()),
        )
        for row in np.flatnonzero(pairs).tolist()
    )
