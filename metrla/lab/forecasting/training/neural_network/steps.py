"""One step of the optimiser, compiled by JAX."""

from collections.abc import Callable
from math import cos, pi
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from metrla.lab.forecasting.training.neural_network.examples import BYTE, Example
from metrla.lab.forecasting.training.neural_network.settings import NeuralNetworkSettings
from metrla.lab.forecasting.training.neural_network.surroundings import means_of
from shared.forecasting.models.neural_network import EDGE_LOGS, Scale
from shared.forecasting.models.perceptron import PerceptronSize, forward
from shared.forecasting.models.surroundings import Edges

LAST_RATE = 0.005
"""What the learning rate ends at, as a share of its highest."""


class State(NamedTuple):
    """Weights, what the optimiser remembers of them, their average over the steps, and of how many steps it is."""

    weights: Any
    optimiser: Any
    average: Any
    averaged: Any


TrainingStep = Callable[[State, Example, float, float], tuple[State, Any]]
"""Makes the next state, and tells the error in mph, of an example, a learning rate, and which share of the whole
training the step is."""


def optimiser(settings: NeuralNetworkSettings) -> optax.GradientTransformation:
    """AdamW (Loshchilov & Hutter, ICLR 2019) with clipped gradients; its changes are yet to be multiplied by a rate."""
    return optax.chain(
        optax.clip_by_global_norm(settings.clip),
        optax.scale_by_adam(),
        optax.add_decayed_weights(settings.weight_decay),
    )


def learning_rate(settings: NeuralNetworkSettings, done: float, steps: int) -> float:
    """When the share `done` of about so many steps is done: a warm-up, then a cosine."""
    warm_up = min(settings.warm_up / steps, 0.25)
    if done < warm_up:
        return settings.learning_rate * done / warm_up
    falling = (1 + cos(pi * min(1.0, (done - warm_up) / (1 - warm_up)))) / 2
    return settings.learning_rate * (LAST_RATE + (1 - LAST_RATE) * falling)


def step_of(
    settings: NeuralNetworkSettings, size: PerceptronSize, edges: tuple[Edges, Edges], scale: Scale, sensors: int
) -> TrainingStep:
    """The compiled step: it lowers the masked mean absolute error in mph, which the field measures.

    The average reaches back over a share of the training, exponentially, and has nothing of the weights before the
    first step: its bias is corrected as in Adam (Kingma & Ba, ICLR 2015), else a short training would serve noise.
    """
    optimise = optimiser(settings)
    dropped = round(settings.dropout * BYTE)
    means = [means_of(side, sensors) for side in edges]

    def loss(weights: Any, example: Example) -> Any:  # noqa: ANN401 - JAX's arrays and trees
        around = tuple(mean(weights[log]) for mean, log in zip(means, EDGE_LOGS, strict=True))
        kept = (example.kept >= dropped) * np.float32(BYTE / (BYTE - dropped))
        said = forward(jnp, size, weights, example.inputs, (around[0], around[1]), kept)
        known = example.actual > 0
        off = jnp.abs(said * scale.spread_mph + scale.mean_mph - example.actual) * known
        return off.sum() / jnp.maximum(known.sum(), 1)

    @jax.jit
    def step(state: State, example: Example, rate: float, share: float) -> tuple[State, Any]:
        error, slope = jax.value_and_grad(loss)(state.weights, example)
        change, memory = optimise.update(slope, state.optimiser, state.weights)
        weights = jax.tree.map(lambda old, each: old - rate * each, state.weights, change)
        keep = jnp.maximum(0.0, 1 - share / settings.averaged)
        averaged = keep * state.averaged + 1
        average = jax.tree.map(lambda old, new: old + (new - old) / averaged, state.average, weights)
        return State(weights, memory, average, averaged), error

    return step
