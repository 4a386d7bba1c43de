"""Errors of forecasts as the field reports them: masked MAE, RMSE and MAPE. Pure.

The protocol of DCRNN (Li et al., ICLR 2018): one average over all (window, sensor) pairs that have an actual speed.
"""

from dataclasses import dataclass

import numpy as np

from shared.forecasting.inputs.history import Floats


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Mean absolute error and root mean squared error in mph, mean absolute percentage error in percent."""

    mae_mph: float
    rmse_mph: float
    mape_percent: float


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
