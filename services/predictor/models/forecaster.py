"""What every model does. Pure."""

from typing import Protocol

from services.predictor.calibration import Bounds
from services.predictor.history import Batch, Floats


class Forecaster(Protocol):
    """One model of one network. The arrays have the network's sensors as rows and the horizons as columns."""

    @property
    def name(self) -> str:
        """Which model it is: 'linear_regression'."""

    @property
    def version(self) -> str:
        """Which training it comes from."""

    def predict(self, batch: Batch) -> Floats:
        """Mean speed in mph of the next windows, (sensors, horizons); NaN where this model cannot tell."""

    def bounds(self, predicted: Floats) -> Bounds:
        """How sure that is."""
