"""Whether confidence holds. Pure."""

import numpy as np

from shared.traffic.arrays import Floats


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
