import numpy as np
import pytest

from metrla.lab.forecasting.evaluation.reliability import calibration_error


def test_the_calibration_error_is_the_mean_gap() -> None:
    pairs, promised, true = np.array([10.0, 0.0, 30.0]), np.array([2.0, 0.0, 27.0]), np.array([4.0, 0.0, 26.0])
    assert calibration_error(pairs, promised, true) == pytest.approx(3 / 40)
    assert np.isnan(calibration_error(np.zeros(3), np.zeros(3), np.zeros(3)))
