"""What the certainty of forecasts depends on. Pure."""

from dataclasses import dataclass

from shared.forecasting.inputs.signs import Signs
from shared.traffic.arrays import Floats, Integers


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """What the certainty of forecasts depends on, for B origins of N sensors.

    Attributes:
        predicted: (B, N, horizons) mph, NaN where there is no forecast.
        disagreement: (B, N, horizons) mph, how far the members of an ensemble are apart; zeros for a single model.
        observed: (B, N), how many of the last windows had a usable speed.
        signs: what tells of a change to come; `None`: not known.
    """

    predicted: Floats
    disagreement: Floats
    observed: Integers
    signs: Signs | None = None

    def __getitem__(self, origins: slice) -> "Context":
        """That of some of the origins."""
        signs = None if self.signs is None else Signs(*(each[origins] for each in self.signs))
        return Context(self.predicted[origins], self.disagreement[origins], self.observed[origins], signs)
