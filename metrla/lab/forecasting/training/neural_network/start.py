"""Networks before training."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.perceptron import DAY_SIZE, DAYS, FEATURES, SENSOR_SIZE, SIDES, TIME_SIZE, PerceptronSize

StartWeights = dict[str, NDArray[np.float32]]

GATE_AT_START = -3.0
"""The usual speed counts for a twentieth at first."""


def starting_weights(
    size: PerceptronSize, sensors: int, slots_per_day: int, edges: int, random: Generator
) -> StartWeights:
    """Random weights after Glorot & Bengio (AISTATS 2010); what adds to the hidden state begins small."""
    width, heard = size.width, size.heard

    def normal(spread: float, *shape: int) -> NDArray[np.float32]:
        return (spread * random.standard_normal(shape)).astype(np.float32)

    def linear(inputs: int, outputs: int, scale: float = 1.0) -> NDArray[np.float32]:
        return normal(scale * np.sqrt(2.0 / (inputs + outputs)), inputs, outputs)

    def constant(value: float, *shape: int) -> NDArray[np.float32]:
        return np.full(shape, value, dtype=np.float32)

    weights = {
        "sensors": normal(0.3, sensors + 1, SENSOR_SIZE),
        "times": normal(0.1, slots_per_day, TIME_SIZE),
        "days": normal(0.1, DAYS, DAY_SIZE),
        "feeds": normal(0.5, sensors + 1, size.hubs),
        "hears": normal(0.5, sensors + 1, size.hubs),
        "enter": linear(FEATURES, width),
        "enter_bias": constant(0.0, width),
        "leave": linear(width, HORIZONS, 0.1),
        "leave_bias": constant(0.0, HORIZONS),
        "gate": linear(width, HORIZONS, 0.1),
        "gate_bias": constant(GATE_AT_START, HORIZONS),
    }
    for layer in range(size.hearing_layers):
        weights |= {f"hear_{layer}_{name}": linear(width, heard) for name in (*SIDES, "hub")}
        weights |= {f"hear_{layer}_bias": constant(0.0, heard), f"hear_{layer}_out": linear(heard, width, 0.5)}
    for layer in range(size.layers):
        weights |= {
            f"layer_{layer}_gain": constant(1.0, width),
            f"layer_{layer}_shift": constant(0.0, width),
            f"layer_{layer}_rise": linear(width, width),
            f"layer_{layer}_rise_bias": constant(0.0, width),
            f"layer_{layer}_fall": linear(width, width, 0.5),
            f"layer_{layer}_fall_bias": constant(0.0, width),
        }
    return weights | {f"{side}_log": constant(0.0, edges) for side in SIDES}
