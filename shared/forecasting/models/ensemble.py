"""`ensemble`: a weighted mean of what the other models say, by horizon and by how fast traffic will be. Pure.

A linear opinion pool (Bates and Granger, 'The combination of forecasts', Operational Research Quarterly 20, 1969) with
weights that are not negative and sum to 1, so the forecast lies between those of the members. Fitted by
`metrla.lab.forecasting.training.fit_ensemble`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.events.errors import ModelError
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.artefact import Opened
from shared.forecasting.models.forecaster import ENSEMBLE
from shared.traffic.arrays import Floats

LEAST_WEIGHT = 1e-6
"""Members with less between them count evenly."""
ALONE_MPH = 100.0
"""How far a sole member is taken to be from the others, who could not tell: as far as speeds can be."""


@dataclass(frozen=True, slots=True, eq=False)
class Ensemble:
    """What it needs of its `members` (version by model name) to make one forecast of theirs.

    `weights` (HORIZONS, knots, members in alphabetical order) hold at the `knots_mph` (knots,), ascending, of the mean
    of the members; between two knots they are interpolated.
    """

    version: str
    members: Mapping[str, str]
    knots_mph: Floats
    weights: Floats
    name: str = ENSEMBLE

    def combine(self, predicted: Mapping[str, Floats]) -> Floats:
        """The weighted mean of what the members say, (B, N, HORIZONS) mph; NaN where none can tell.

        The weights of those that cannot tell go to the others.
        """
        stacked, known, mean = self._stacked(predicted)
        weights = known * self._weights(mean)
        total = weights.sum(axis=0)
        weighted = (weights * stacked).sum(axis=0)
        combined: Floats = np.divide(weighted, total, out=mean, where=total > LEAST_WEIGHT)
        return combined

    def disagreement(self, predicted: Mapping[str, Floats]) -> Floats:
        """The standard deviation of what the members say, (B, N, HORIZONS) mph; 0 where none can tell."""
        stacked, known, mean = self._stacked(predicted)
        count = known.sum(axis=0)
        squares = (known * (stacked - mean) ** 2).sum(axis=0)
        apart = np.sqrt(np.divide(squares, count, out=np.zeros_like(mean), where=count > 0))
        return np.where((count == 1) & (len(self.members) > 1), ALONE_MPH, np.nan_to_num(apart))

    @classmethod
    def of_artefact(cls, opened: Opened) -> "Ensemble":
        """From the artefact; raises `ModelError` where it names no members or does not fit this release."""
        members = dict(opened.members)
        if not members:
            raise ModelError(f"{opened}: an ensemble without members")
        knots = opened.tensors["knots_mph"].astype(np.float64)
        weights = opened.tensor("weights", HORIZONS, len(knots), len(members)).astype(np.float64)
        if not (np.all(weights >= 0) and np.all(weights.sum(axis=-1) > 0) and np.all(np.diff(knots) > 0)):
            raise ModelError(f"{opened}: weights must not be negative nor all zero, and knots must ascend")
        return cls(opened.version, members, knots, weights)

    def _stacked(self, predicted: Mapping[str, Floats]) -> tuple[Floats, NDArray[np.bool_], Floats]:
        stacked = np.stack([predicted[name] for name in sorted(self.members)])
        known = ~np.isnan(stacked)
        stacked = np.where(known, stacked, 0.0)
        count = known.sum(axis=0)
        mean = np.divide(stacked.sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
        return stacked, known, mean

    def _weights(self, mean: Floats) -> Floats:
        """By member: (members, B, N, HORIZONS)."""
        horizon = np.arange(HORIZONS)
        if len(self.knots_mph) == 1:
            return np.broadcast_to(self.weights[:, 0].T[:, None, None, :], (len(self.members), *mean.shape))
        low, part = between(self.knots_mph, mean)
        by_member = self.weights.transpose(2, 0, 1)
        return by_member[:, horizon, low] * (1 - part) + by_member[:, horizon, low + 1] * part


def between(knots_mph: Floats, speed_mph: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The knot below each speed, and how far it is from there to the next one, 0 to 1; of two knots or more."""
    speed = np.nan_to_num(speed_mph)
    low = np.clip(np.searchsorted(knots_mph, speed, side="right") - 1, 0, len(knots_mph) - 2)
    part = np.clip((speed - knots_mph[low]) / (knots_mph[low + 1] - knots_mph[low]), 0.0, 1.0)
    return low, part


def importance(members: Sequence[str], weights: NDArray[Any]) -> dict[str, float]:
    """The mean weight of each member, (HORIZONS, knots, members); they sum to 1."""
    mean = weights.mean(axis=(0, 1))
    shares = mean / mean.sum()
    return {name: float(share) for name, share in zip(members, shares, strict=True)}
