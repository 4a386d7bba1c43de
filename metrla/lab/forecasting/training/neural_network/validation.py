"""How far networks are off on the validation part, on which is chosen what serves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrla.lab.forecasting.recorded import Recorded
from shared.forecasting.models.neural_network import Perceptron, Scale
from shared.forecasting.models.perceptron import Inputs, forward
from shared.traffic.arrays import Compact, Floats, Integers

LEAST_ORIGINS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Validation:
    """Some origins: what networks see of them, and what then happened in mph, (N, B, HORIZONS), NaN where missing."""

    scale: Scale
    inputs: Inputs
    actual: Floats

    @classmethod
    def of(cls, scale: Scale, recorded: Recorded, origins: Integers, pairs: int) -> "Validation":
        """Of `origins` as many as make about so many pairs with sensors, evenly spaced."""
        most = max(LEAST_ORIGINS, pairs // len(recorded.network.sensors))
        chosen = origins[:: -(-len(origins) // most)]
        inputs = scale.inputs(recorded.view(chosen), np.arange(len(recorded.network.sensors)))
        return cls(scale, inputs, recorded.actual(chosen).transpose(1, 0, 2))

    def error_mph(self, members: Sequence[Perceptron], inputs: Inputs | None = None) -> float:
        """Mean absolute error of the mean of what the members say; of other `inputs`, where given."""
        seen = self.inputs if inputs is None else inputs
        said = np.mean([_said(member, seen) for member in members], axis=0)
        return float(np.nanmean(np.abs(said * self.scale.spread_mph + self.scale.mean_mph - self.actual)))


def _said(member: Perceptron, inputs: Inputs) -> Compact:
    said: Compact = forward(np, member.size, member.weights, inputs, member.around)
    return said
