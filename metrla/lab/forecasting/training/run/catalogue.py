"""Which models can be trained, by what, and on which libraries. Pure."""

from collections.abc import Callable, Collection, Mapping
from inspect import signature

from metrla.lab.forecasting.training.fitted import Fit
from shared.forecasting.models.forecaster import (
    ENSEMBLE,
    LINEAR_REGRESSION,
    NEURAL_NETWORK,
    RANDOM_FOREST,
    XGBOOST,
)

ORDER = (LINEAR_REGRESSION, RANDOM_FOREST, XGBOOST, NEURAL_NETWORK, ENSEMBLE)
"""What can be trained, in the order of training: the quick ones first, the ensemble after its members."""

SHARES: Mapping[str, float] = {
    LINEAR_REGRESSION: 0.05,
    RANDOM_FOREST: 0.10,
    XGBOOST: 0.20,
    NEURAL_NETWORK: 0.55,
    ENSEMBLE: 0.05,
}
SCORING_SHARE = 0.05
"""Of a budget, what each model and forecasting the held-out parts may use; what one leaves is for those after it."""


def settings_of(fit: Fit) -> str:
    """What a fit is set to do, in one line: its parameter `settings`, as it would be used."""
    chosen = signature(fit).parameters.get("settings")
    return "" if chosen is None else repr(chosen.default)


def fits(names: Collection[str]) -> dict[str, Fit]:
    """The fits of some models; raises `ImportError` where a library that one of them needs is missing.

    All are there before the first begins, so that nobody learns after an hour that the last one cannot.
    """
    return {name: _FITS[name]() for name in ORDER if name in names}


def _linear_regression() -> Fit:
    from metrla.lab.forecasting.training.fit_linear import fit_linear  # noqa: PLC0415 - only who trains needs it

    return fit_linear


def _random_forest() -> Fit:
    from metrla.lab.forecasting.training.trees.fit_random_forest import fit_random_forest  # noqa: PLC0415 - train extra

    return fit_random_forest


def _xgboost() -> Fit:
    from metrla.lab.forecasting.training.trees.fit_xgboost import fit_xgboost  # noqa: PLC0415 - train extra

    return fit_xgboost


def _neural_network() -> Fit:
    from metrla.lab.forecasting.training.neural_network.fit import fit_neural_network  # noqa: PLC0415 - train extra

    return fit_neural_network


def _ensemble() -> Fit:
    from metrla.lab.forecasting.training.fit_ensemble import fit_ensemble  # noqa: PLC0415 - train extra

    return fit_ensemble


_FITS: Mapping[str, Callable[[], Fit]] = {
    LINEAR_REGRESSION: _linear_regression,
    RANDOM_FOREST: _random_forest,
    XGBOOST: _xgboost,
    NEURAL_NETWORK: _neural_network,
    ENSEMBLE: _ensemble,
}
