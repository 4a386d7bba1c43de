"""`neural_network`: the mean of some networks that were trained alike from different beginnings. Pure.

Trained by `metrla.lab.forecasting.training.neural_network`; `perceptron` says what one of them is.
Averaging a few of them forecasts better than the best of them (deep ensembles, Lakshminarayanan et al., NeurIPS 2017).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.events.errors import ModelError
from shared.forecasting.inputs.history import HORIZONS, Batch, View, view_of
from shared.forecasting.models.artefact import Opened
from shared.forecasting.models.forecaster import NEURAL_NETWORK
from shared.forecasting.models.perceptron import FEATURES, Inputs, Mean, PerceptronSize, forward
from shared.forecasting.models.surroundings import Edges, learned_factors, mean_of
from shared.traffic.arrays import Compact, Floats, Integers
from shared.traffic.usual.recent import RecentMeans

SIZE, SCALE, EDGES = "size", "scale_mph", "edges"
EDGE_LOGS = ("down_log", "up_log")
ORIGINS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Scale:
    """Between mph and the standardised speeds of the networks."""

    mean_mph: float
    spread_mph: float
    ceiling_mph: float

    def inputs(self, view: View, sensor: Integers) -> Inputs:
        """What the networks see of a view's origins; `sensor` (N,) are their rows of the embedding."""
        seen, usual = view.seen, self._standard(view.usual_mph)
        speed = np.where(seen, self._standard(view.speed_mph), usual)
        return Inputs(
            speed=_sensors_first(speed),
            seen=_sensors_first(seen),
            usual=_sensors_first(usual),
            ahead=_sensors_first(self._standard(view.ahead_mph)),
            recent=_sensors_first(view.recent_mph / self.spread_mph),
            sensor=np.broadcast_to(sensor[:, None], (len(sensor), len(speed))),
            time=view.times,
            day=view.days,
        )

    def mph(self, standard: Compact) -> Floats:
        """Speeds, (B, N, HORIZONS), of what a network says, (N, B, HORIZONS)."""
        speeds = standard.transpose(1, 0, 2).astype(np.float64) * self.spread_mph + self.mean_mph
        clipped: Floats = np.clip(speeds, 0.0, self.ceiling_mph)
        return clipped

    def _standard(self, speed_mph: Floats) -> Floats:
        return (speed_mph - self.mean_mph) / self.spread_mph


@dataclass(frozen=True, slots=True, eq=False)
class Perceptron:
    """One network: its size, its weights by name, and how it hears the sensors downstream and upstream."""

    size: PerceptronSize
    weights: Mapping[str, NDArray[np.float32]]
    around: tuple[Mean, Mean]


@dataclass(frozen=True, slots=True, eq=False)
class NeuralNetwork:
    """The networks, for a network of N sensors whose rows of the embedding are `sensor` (N,)."""

    version: str
    scale: Scale
    profile_mph: Floats
    sensor: Integers
    members: Sequence[Perceptron]
    name: str = NEURAL_NETWORK

    def predict(self, batch: Batch) -> Floats:
        """The mean of what the networks say; a sensor of which nothing is known gets what they say of the usual."""
        predicted = np.empty((len(batch.days), len(self.sensor), HORIZONS))
        for first in range(0, len(predicted), ORIGINS_AT_ONCE):
            part = slice(first, first + ORIGINS_AT_ONCE)
            inputs = self.scale.inputs(view_of(_some(batch, part), self.profile_mph), self.sensor)
            said = [forward(np, member.size, member.weights, inputs, member.around) for member in self.members]
            predicted[part] = self.scale.mph(np.mean(said, axis=0))
        return predicted

    @classmethod
    def of_artefact(cls, opened: Opened) -> "NeuralNetwork":
        """From the artefact; raises `ModelError` where it does not fit."""
        sensors = len(opened.sensors)
        pairs = opened.tensors[EDGES].astype(np.intp)
        mean, spread, ceiling = opened.tensor(SCALE, 3).astype(float).tolist()
        links = Edges.of(opened.network)
        members = []
        for number in range(_count(opened)):
            mine = f"{number}/"
            weights = {
                name.removeprefix(mine): values.astype(np.float32)
                for name, values in opened.tensors.items()
                if name.startswith(mine)
            }
            size = PerceptronSize(*weights.pop(SIZE).astype(int).tolist())
            if len(weights["sensors"]) != sensors + 1:
                raise ModelError(f"{opened}: embeds {len(weights['sensors']) - 1} sensors, its card names {sensors}")
            if len(weights["enter"]) != FEATURES:
                raise ModelError(f"{opened}: takes {len(weights['enter'])} features, this release has {FEATURES}")
            logs = [weights.pop(name) for name in EDGE_LOGS]
            factors = [learned_factors(opened.network, opened.sensors, pairs, each) for each in logs]
            down, up = (
                mean_of(edges.weighted(factor), len(opened.rows)) for edges, factor in zip(links, factors, strict=True)
            )
            members.append(Perceptron(size, weights, (down, up)))
        # A sensor that the training did not have, or had no speed of, is the stranger of the embedding.
        sensor = np.where(opened.known, opened.rows, sensors)
        return cls(opened.version, Scale(mean, spread, ceiling), opened.profile_mph, sensor, members)


def size_tensor(size: PerceptronSize) -> NDArray[np.int32]:
    """For the artefact."""
    return np.array(list(asdict(size).values()), dtype=np.int32)


def _count(opened: Opened) -> int:
    return sum(name.endswith(f"/{SIZE}") for name in opened.tensors)


def _some(batch: Batch, part: slice) -> Batch:
    recent, weeks = (
        None if means is None else RecentMeans(*(each[part] for each in means)) for means in (batch.recent, batch.weeks)
    )
    return replace(
        batch,
        speed_mph=batch.speed_mph[part],
        lag_slots=batch.lag_slots[part],
        ahead_slots=batch.ahead_slots[part],
        days=batch.days[part],
        recent=recent,
        weeks=weeks,
    )


def _sensors_first(values: NDArray[np.generic]) -> Compact:
    return np.ascontiguousarray(values.transpose(2, 0, 1), dtype=np.float32)
