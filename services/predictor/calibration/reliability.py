"""Whether intervals and confidence hold, and what they are worth. Pure."""

import numpy as np

from services.predictor.calibration.conformal import COVERAGE
from services.predictor.inputs.arrays import Floats


def interval_score(lower_mph: Floats, upper_mph: Floats, actual_mph: Floats) -> Floats:
    """The score of 90 % intervals in mph, the lower the better: like the arguments, NaN where one of them is.

    The width, and 20 times the distance to an actual speed outside: only true 5 % and 95 % quantiles make it least, so
    it rewards narrow intervals and coverage at once (Winkler 1972; Gneiting and Raftery, JASA 102, 2007, section 6.2).
    """
    missed = np.maximum(lower_mph - actual_mph, 0.0) + np.maximum(actual_mph - upper_mph, 0.0)
    score: Floats = upper_mph - lower_mph + 2 / (1 - COVERAGE) * missed
    return score


def calibration_error(pairs: Floats, confidence_sums: Floats, close: Floats) -> float:
    """The expected calibration error of bins of confidence: the mean gap between promise and truth; NaN of nothing.

    Naeini, Cooper and Hauskrecht, 'Obtaining well calibrated probabilities using Bayesian binning', AAAI 2015.

    Args:
        pairs: how many forecasts each bin holds.
        confidence_sums: of their confidence.
        close: how many of them were within 5 mph.
    """
    total = float(pairs.sum())
    return float(np.abs(confidence_sums - close).sum()) / total if total else float("nan")
