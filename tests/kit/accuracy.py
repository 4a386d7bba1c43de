"""Errors of forecasts in the plainest form, for tests of what computes them in pieces."""

import numpy as np

from metrla.lab.forecasting.evaluation.tally import Accuracy
from shared.traffic.arrays import Floats


def accuracy(predicted: Floats, actual: Floats) -> Accuracy:
    """Compare arrays of one shape; pairs without an actual speed (NaN or 0) or without a forecast are left out.

    Returns NaN where nothing is left.
    """
    known = ~np.isnan(actual) & (actual > 0) & ~np.isnan(predicted)
    truth = actual[known]
    if not truth.size:
        return Accuracy(np.nan, np.nan, np.nan)
    error = np.abs(predicted[known] - truth)
    return Accuracy(float(error.mean()), float(np.sqrt((error**2).mean())), float(100 * (error / truth).mean()))
