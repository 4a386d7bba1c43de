"""One of the networks behind `neural_network`: a residual perceptron for every sensor, mixed along the roads. Pure.

One perceptron with shared weights sees the last hour of a sensor, of its neighbours, and what is usual then and next,
with learned embeddings of sensor, time of day and day (the ingredients of STID, Shao et al., CIKM 2022). Before its
first layers it hears the hidden states of the sensors down- and upstream (diffusion over the road graph in both
directions, DCRNN, Li et al., ICLR 2018; how much each edge counts is learned) and a summary of the whole network: a
few hubs that every sensor feeds and hears (a low-rank form of the adaptive adjacency of Graph WaveNet, Wu et al.,
IJCAI 2019, whose cost grows linearly with the sensors). Its output is added to a mix of the last speed and the usual.

`forward` is written for any array library: it is differentiated with JAX in training and serves with NumPy, so there
is no second definition, no conversion, and no training library where it serves. Arrays have sensors first and features
last; what lies between them (origins in training, nothing in serving) is carried along.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from shared.forecasting.inputs.history import HORIZONS, LAGS, QUARTERS

Array: TypeAlias = Any  # of NumPy or of JAX
Namespace: TypeAlias = Any  # numpy or jax.numpy
Parameters: TypeAlias = Mapping[str, Array]
Mean = Callable[[Array], Array]
"""Weighted mean over the neighbours of each sensor on one side, 0 where there are none: (N, …) of (N, …)."""

DAYS = 7
SENSOR_SIZE, TIME_SIZE, DAY_SIZE = 24, 16, 6
FEATURES = 5 * LAGS + HORIZONS + 1 + QUARTERS + SENSOR_SIZE + TIME_SIZE + DAY_SIZE
SIDES = ("down", "up")
LEAST_WEIGHT = 1e-2
VARIANCE_FLOOR = 1e-5


@dataclass(frozen=True, slots=True)
class PerceptronSize:
    """How large a network is: units of a layer, of what it hears, hubs, residual layers, those that hear others."""

    width: int
    heard: int
    hubs: int
    layers: int
    hearing_layers: int


class Inputs(NamedTuple):
    """What the network sees of one or more origins. Speeds are standardised.

    `speed`, `seen` (1 or 0) and `usual` are (N, …, LAGS), `ahead` (the usual) is (N, …, HORIZONS). A missing speed is
    the usual one. `recent` (N, …, QUARTERS) is how far recent speeds were from the usual ahead. `sensor` (N, …) is the
    row of the embedding, the last of which stands for a sensor never seen. `time` (…) is the slot of the day of the
    last window and `day` (…) its day.
    """

    speed: Array
    seen: Array
    usual: Array
    ahead: Array
    recent: Array
    sensor: Array
    time: Array
    day: Array


def forward(
    xp: Namespace,
    size: PerceptronSize,
    weights: Parameters,
    inputs: Inputs,
    around: tuple[Mean, Mean],
    kept: Array | None = None,
) -> Array:
    """Standardised speeds to come, (N, …, HORIZONS).

    Args:
        xp: the array library.
        size: of the network.
        weights: by name, see `training.neural_network.start`.
        inputs: of the origins.
        around: means over the sensors downstream and upstream.
        kept: factors of the hidden units of each residual layer, (layers, N, …, width): dropout in training.
    """
    whose = inputs.sensor.reshape(len(inputs.sensor), -1)[:, 0]
    feeds, hears = _softmax(xp, weights["feeds"][whose], 0), _softmax(xp, weights["hears"][whose], 1)
    hidden = _relu(xp, _features(xp, weights, inputs, around) @ weights["enter"] + weights["enter_bias"])
    for layer in range(size.layers):
        if layer < size.hearing_layers:
            named = {name: weights[f"hear_{layer}_{name}"] for name in (*SIDES, "hub", "bias", "out")}
            heard = _across(hears, _across(feeds.T, hidden @ named["hub"]))
            for mean, side in zip(around, SIDES, strict=True):
                heard = heard + mean(hidden @ named[side])
            hidden = hidden + _relu(xp, heard + named["bias"]) @ named["out"]
        named = {
            name: weights[f"layer_{layer}_{name}"]
            for name in ("gain", "shift", "rise", "rise_bias", "fall", "fall_bias")
        }
        inner = _normalised(xp, hidden) * named["gain"] + named["shift"]
        inner = _relu(xp, inner @ named["rise"] + named["rise_bias"])
        inner = inner if kept is None else inner * kept[layer]
        hidden = hidden + inner @ named["fall"] + named["fall_bias"]
    last = inputs.speed[..., -1:]
    to_usual = 1.0 / (1.0 + xp.exp(-(hidden @ weights["gate"] + weights["gate_bias"])))
    return last + to_usual * (inputs.ahead - last) + hidden @ weights["leave"] + weights["leave_bias"]


def _features(xp: Namespace, weights: Parameters, inputs: Inputs, around: tuple[Mean, Mean]) -> Array:
    deviation = (inputs.speed - inputs.usual) * inputs.seen
    near = [mean(deviation) / xp.maximum(mean(inputs.seen), LEAST_WEIGHT) for mean in around]
    when = [
        xp.broadcast_to(weights[name][at], (*inputs.speed.shape[:-1], size))
        for name, at, size in (("times", inputs.time, TIME_SIZE), ("days", inputs.day, DAY_SIZE))
    ]
    own = [inputs.speed, inputs.seen, *near, deviation, inputs.ahead, inputs.usual[..., -1:], inputs.recent]
    return xp.concatenate([*own, weights["sensors"][inputs.sensor], *when], -1)


def _across(mix: Array, values: Array) -> Array:
    return (mix @ values.reshape(len(values), -1)).reshape(len(mix), *values.shape[1:])


def _relu(xp: Namespace, values: Array) -> Array:
    return xp.maximum(values, 0)


def _normalised(xp: Namespace, values: Array) -> Array:
    centred = values - values.mean(-1, keepdims=True)
    return centred / xp.sqrt((centred * centred).mean(-1, keepdims=True) + VARIANCE_FLOOR)


def _softmax(xp: Namespace, values: Array, axis: int) -> Array:
    powers = xp.exp(values - values.max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)
