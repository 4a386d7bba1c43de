"""Training examples: origins with parts of their input hidden, as it is when detectors fail. No JAX here."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.training.neural_network.settings import NeuralNetworkSettings
from shared.forecasting.models.neural_network import Scale
from shared.forecasting.models.perceptron import Inputs
from shared.traffic.arrays import Compact, Integers

BYTE = 256


class Example(NamedTuple):
    """One step's worth: inputs, what happened in mph (N, B, HORIZONS) with 0 where missing, factors for dropout."""

    inputs: Inputs
    actual: Compact
    kept: NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Draws examples from a recording."""

    recorded: Recorded
    scale: Scale
    settings: NeuralNetworkSettings
    layers: int
    width: int

    def draw(self, origins: Integers, random: Generator) -> Example:
        """Those origins, with random parts hidden."""
        sensors, count = len(self.recorded.network.sensors), len(origins)
        settings = self.settings
        whole = self.scale.inputs(self.recorded.view(origins), np.arange(sensors))
        damage = random.random(count) * settings.most_damaged * (random.random(count) < settings.damaged)
        hidden = random.random(whole.seen.shape, dtype=np.float32) < (settings.hidden_windows + damage)[:, None]
        hidden |= (random.random((sensors, count)) < settings.hidden_sensors)[..., None]
        stranger = random.random((sensors, count)) < settings.strangers
        forgotten = random.random(count) < settings.forgotten
        actual = self.recorded.actual(origins).transpose(1, 0, 2)
        return Example(
            whole._replace(
                speed=np.where(hidden, whole.usual, whole.speed),
                seen=np.where(hidden, np.float32(0.0), whole.seen),
                recent=np.where(forgotten[:, None], np.float32(0.0), whole.recent),
                sensor=np.where(stranger, sensors, whole.sensor).astype(np.int32),
            ),
            np.nan_to_num(actual).astype(np.float32),
            # Bytes from the host cost a tenth of what the accelerator library's generator costs on a CPU.
            np.frombuffer(random.bytes(self.layers * sensors * count * self.width), dtype=np.uint8).reshape(
                self.layers, sensors, count, self.width
            ),
        )
