"""What every model does. Pure."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from shared.events.model_names import (
    ENSEMBLE,
    HISTORICAL_AVERAGE,
    LINEAR_REGRESSION,
    MODEL_NAMES,
    NEURAL_NETWORK,
    RANDOM_FOREST,
    XGBOOST,
)
from shared.forecasting.inputs.history import Batch
from shared.traffic.arrays import Floats

__all__ = [
    "ENSEMBLE",
    "HISTORICAL_AVERAGE",
    "LINEAR_REGRESSION",
    "NEURAL_NETWORK",
    "PREFERRED",
    "RANDOM_FOREST",
    "XGBOOST",
    "Combiner",
    "Forecaster",
]

PREFERRED = MODEL_NAMES
"""The names of all models, in the order in which they are asked where nobody has chosen."""


class Forecaster(Protocol):
    """One version of one model, for one network of N sensors."""

    @property
    def name(self) -> str:
        """Which model it is, of `PREFERRED`."""

    @property
    def version(self) -> str:
        """Which training it comes from."""

    def predict(self, batch: Batch) -> Floats:
        """Mean speed in mph of the next windows, (B, N, HORIZONS); NaN where this model cannot tell. Deterministic."""


@runtime_checkable
class Combiner(Protocol):
    """A model that makes its forecast from those of others; the arrays are (B, N, HORIZONS) mph."""

    @property
    def name(self) -> str:
        """Which model it is, of `PREFERRED`."""

    @property
    def version(self) -> str:
        """Which training it comes from."""

    @property
    def members(self) -> Mapping[str, str]:
        """Whose forecasts it needs: version by model name."""

    def combine(self, predicted: Mapping[str, Floats]) -> Floats:
        """One forecast from those of the members, by model name; NaN where there is none."""

    def disagreement(self, predicted: Mapping[str, Floats]) -> Floats:
        """How far the members are apart, in mph."""
