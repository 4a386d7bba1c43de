"""Which models can be trained, by what, and on which libraries. Pure; the libraries are imported when a fit begins."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from services.predictor.models.forecaster import (
    ENSEMBLE,
    LINEAR_REGRESSION,
    NEURAL_NETWORK,
    RANDOM_FOREST,
    XGBOOST,
)
from services.predictor.training.fitted import Fit, Fitted, Task

ORDER = (LINEAR_REGRESSION, RANDOM_FOREST, XGBOOST, NEURAL_NETWORK, ENSEMBLE)
"""What can be trained, in the order of training: the quick ones first, the ensemble after its members."""

SHARES: Mapping[str, float] = {
    LINEAR_REGRESSION: 0.05,
    RANDOM_FOREST: 0.10,
    XGBOOST: 0.20,
    NEURAL_NETWORK: 0.60,
    ENSEMBLE: 0.05,
}
"""Of a budget, what each model may use; what one leaves is for those after it."""

LIBRARIES = (
    "metrla",
    "numpy",
    "scikit-learn",
    "xgboost-cpu",
    "jax",
    "equinox",
    "optax",
    "jax2onnx",
    "skl2onnx",
    "onnx",
    "onnxruntime",
    "holidays",
)


def software() -> dict[str, str]:
    """The versions of what models are made with, as far as it is installed."""
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _linear_regression(task: Task) -> Fitted:
    from services.predictor.training.fit_linear import fit_linear  # noqa: PLC0415 - of the train extra

    return fit_linear(task)


def _random_forest(task: Task) -> Fitted:
    from services.predictor.training.trees.fit_random_forest import fit_random_forest  # noqa: PLC0415 - of the train extra

    return fit_random_forest(task)


def _xgboost(task: Task) -> Fitted:
    from services.predictor.training.trees.fit_xgboost import fit_xgboost  # noqa: PLC0415 - of the train extra

    return fit_xgboost(task)


def _neural_network(task: Task) -> Fitted:
    from services.predictor.training.neural_network.fit import fit_neural_network  # noqa: PLC0415 - of the train extra

    return fit_neural_network(task)


def _ensemble(task: Task) -> Fitted:
    from services.predictor.training.fit_ensemble import fit_ensemble  # noqa: PLC0415 - of the train extra

    return fit_ensemble(task)


FITS: Mapping[str, Fit] = {
    LINEAR_REGRESSION: _linear_regression,
    RANDOM_FOREST: _random_forest,
    XGBOOST: _xgboost,
    NEURAL_NETWORK: _neural_network,
    ENSEMBLE: _ensemble,
}
