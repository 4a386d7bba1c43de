"""`linear_regression`: one linear model per sensor and horizon on the last hour of it and its neighbours. Pure.

Fitted by `services.predictor.training.fitting`; serving is one matrix product.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from services.predictor.calibration import Bounds, ResidualSpread
from services.predictor.history import DAY_TYPES, HORIZONS, Batch, Floats, slots_per_day
from services.predictor.models.linear_features import COUNT, Windows, features, phase_of
from services.predictor.neighbours import Neighbours, neighbours
from shared.events.errors import ModelError
from shared.networks.network import Network

NAME = "linear_regression"


@dataclass(frozen=True, slots=True, eq=False)
class LinearRegression:
    """Weights (sensors, features, horizons) and intercepts (sensors, horizons) of deviations from the profile.

    A sensor whose history was too thin to fit has NaN weights and gets no forecast from this model. `ceiling_mph`
    (sensors,) is the highest speed the history had.
    """

    version: str
    profile_mph: Floats
    weights: Floats
    intercepts: Floats
    ceiling_mph: Floats
    downstream: Neighbours
    upstream: Neighbours
    spread: ResidualSpread
    name: str = NAME

    def predict(self, batch: Batch) -> Floats:
        """Profile of the windows ahead plus the deviation that the last ones let expect."""
        usual, ahead = self.profile_mph[batch.lag_slots], self.profile_mph[batch.ahead_slots].T
        deviation = batch.speed_mph - usual
        seen = ~np.isnan(deviation)
        own = np.where(seen, deviation, 0.0)
        windows = Windows(
            own=own.T,
            seen=seen.T,
            downstream=self.downstream.mean(own, seen).T,
            upstream=self.upstream.mean(own, seen).T,
            usual=usual[-1],
            ahead=ahead,
            phase=phase_of(batch.lag_slots[-1:], slots_per_day(batch.network)),
        )
        predicted = ahead + np.matmul(features(windows)[:, None, :], self.weights)[:, 0, :] + self.intercepts
        clipped: Floats = np.clip(predicted, 0.0, self.ceiling_mph[:, None])
        return clipped

    def bounds(self, predicted: Floats) -> Bounds:
        """From the residuals of the held-out part."""
        return self.spread.bounds(predicted)

    def tensors(self) -> dict[str, Floats]:
        """For the artefact."""
        return {
            "profile_mph": self.profile_mph,
            "weights": self.weights,
            "intercepts": self.intercepts,
            "ceiling_mph": self.ceiling_mph,
            **self.spread.tensors(),
        }

    @classmethod
    def of_tensors(cls, network: Network, version: str, tensors: Mapping[str, Floats]) -> "LinearRegression":
        """From the artefact; raises `ModelError` where it does not fit the network or these features."""
        sensors = len(network.sensors)
        shapes = {
            "profile_mph": (DAY_TYPES * slots_per_day(network), sensors),
            "weights": (sensors, COUNT, HORIZONS),
            "intercepts": (sensors, HORIZONS),
            "ceiling_mph": (sensors,),
        }
        for name, shape in shapes.items():
            if tensors[name].shape != shape:
                raise ModelError(f"{name} is {tensors[name].shape}, the network and this release need {shape}")
        downstream, upstream = neighbours(network)
        return cls(
            version=version,
            profile_mph=tensors["profile_mph"],
            weights=tensors["weights"],
            intercepts=tensors["intercepts"],
            ceiling_mph=tensors["ceiling_mph"],
            downstream=downstream,
            upstream=upstream,
            spread=ResidualSpread.of_tensors(tensors),
        )
