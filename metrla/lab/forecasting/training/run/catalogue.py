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
    LINEAR_REGRESSION: 0.04,
    RANDOM_FOREST: 0.06,
    XGBOOST: 0.15,
    NEURAL_NETWORK: 0.50,
    ENSEMBLE: 0.05,
}
RESERVED = (NEURAL_NETWORK, ENSEMBLE)
"""Their shares nobody else may use, and the first of them gets what the others leave."""
SCORING_SHARE, CALIBRATION_SHARE = 0.20, 0.08
"""Of a budget, what forecasting the held-out parts may use, and how much of that is for the calibration."""


def seconds_of(name: str, chosen: Collection[str], budget: float, left: float, tail: float = 0.0) -> float:
    """How much of the seconds that are left of a budget one of the chosen models may use, in their order.

    What is reserved for later ones stays so, however long the earlier ones took; and no less than the `tail`, seconds
    that the end of the run is known to take.
    """
    whole = SCORING_SHARE + sum(SHARES[one] for one in chosen)
    later = [one for one in ORDER[ORDER.index(name) + 1 :] if one in chosen]
    reserved = budget * sum(SHARES[one] for one in later if one in RESERVED) / whole
    reserved += max(budget * SCORING_SHARE / whole, tail)
    sharing = [name, *(one for one in later if name not in RESERVED and one not in RESERVED)]
    return max(1.0, (left - reserved) * SHARES[name] / sum(SHARES[one] for one in sharing))


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
