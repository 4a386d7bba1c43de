import numpy as np
import pytest
from scipy.stats import norm

from services.predictor.calibration.reliability import calibration_error, interval_score


def test_an_interval_costs_its_width_and_twenty_times_what_it_misses_by() -> None:
    actual = np.array([50.0, 60.0, 39.0, 62.5, np.nan])
    np.testing.assert_allclose(
        interval_score(np.full(5, 40.0), np.full(5, 60.0), actual), [20.0, 20.0, 40.0, 70.0, np.nan]
    )


def test_true_quantiles_score_best() -> None:
    actual = np.random.default_rng(1).normal(50, 3, 50_000)

    def mean(lower: float, upper: float) -> float:
        return float(interval_score(np.array(lower), np.array(upper), actual).mean())

    best = mean(*(50 + 3 * norm.ppf([0.05, 0.95])))
    for lower, upper in ((44.0, 56.0), (46.0, 54.0), (45.0, 58.0), (42.0, 55.0)):
        assert best < mean(lower, upper)


def test_the_calibration_error_is_the_mean_gap() -> None:
    pairs, promised, true = np.array([10.0, 0.0, 30.0]), np.array([2.0, 0.0, 27.0]), np.array([4.0, 0.0, 26.0])
    assert calibration_error(pairs, promised, true) == pytest.approx(3 / 40)
    assert np.isnan(calibration_error(np.zeros(3), np.zeros(3), np.zeros(3)))
