import numpy as np
from sklearn.linear_model import Ridge

from metrla.lab.forecasting.training.fit_linear import RIDGE, ridge


def test_ridge_regression_is_the_one_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    rows, weight = rng.normal(size=(200, 6)), rng.uniform(0.1, 2.0, 200)
    target = rows @ rng.normal(size=(6, 3)) + rng.normal(size=(200, 3)) + 5.0
    slopes, intercepts = ridge(rows, target, weight)
    expected = Ridge(alpha=RIDGE).fit(rows, target, sample_weight=weight)
    np.testing.assert_allclose(slopes.T, expected.coef_)
    np.testing.assert_allclose(intercepts, expected.intercept_)
