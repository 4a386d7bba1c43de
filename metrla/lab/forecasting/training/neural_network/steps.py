"""One step of the optimiser, compiled by JAX."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from metrla.lab.forecasting.training.neural_network.examples import BYTE, Example
from metrla.lab.forecasting.training.neural_network.settings import NeuralNetworkSettings
from shared.forecasting.models.neural_network import EDGE_LOGS, Scale
from shared.forecasting.models.perceptron import Mean, PerceptronSize, forward
from shared.forecasting.models.surroundings import LEAST_TOTAL, Edges


class State(NamedTuple):
    """Weights, what the optimiser remembers of them, their average over the steps, and how many steps there were."""

    weights: Any
    optimiser: Any
    average: Any
    steps: Any


TrainingStep = Callable[[State, Example], tuple[State, Any]]


def optimiser(settings: NeuralNetworkSettings, steps: int) -> optax.GradientTransformation:
    """AdamW (Loshchilov & Hutter, ICLR 2019) with a warm-up, a cosine and clipped gradients."""
    rate = optax.warmup_cosine_decay_schedule(
        0.0, settings.learning_rate, min(settings.warm_up, steps // 4), steps, 0.005 * settings.learning_rate
    )
    return optax.chain(optax.clip_by_global_norm(settings.clip), optax.adamw(rate, weight_decay=settings.weight_decay))


def step_of(
    settings: NeuralNetworkSettings,
    size: PerceptronSize,
    edges: tuple[Edges, Edges],
    scale: Scale,
    steps: int,
    sensors: int,
) -> TrainingStep:
    """The compiled step: it lowers the masked mean absolute error in mph, which the field measures.

    The average reaches back over a share of the steps, exponentially, and has nothing of the weights before the first
    step: its bias is corrected as in Adam (Kingma & Ba, ICLR 2015), else a short training would serve noise.
    """
    optimise = optimiser(settings, steps)
    keep = 1 - 1 / max(1.0, settings.averaged * steps)
    dropped = round(settings.dropout * BYTE)

    def loss(weights: Any, example: Example) -> Any:  # noqa: ANN401 - JAX's arrays and trees
        around = tuple(_dense(side, weights[log], sensors) for side, log in zip(edges, EDGE_LOGS, strict=True))
        kept = (example.kept >= dropped) * np.float32(BYTE / (BYTE - dropped))
        said = forward(jnp, size, weights, example.inputs, (around[0], around[1]), kept)
        known = example.actual > 0
        off = jnp.abs(said * scale.spread_mph + scale.mean_mph - example.actual) * known
        return off.sum() / jnp.maximum(known.sum(), 1)

    @jax.jit
    def step(state: State, example: Example) -> tuple[State, Any]:
        error, slope = jax.value_and_grad(loss)(state.weights, example)
        change, memory = optimise.update(slope, state.optimiser, state.weights)
        weights = optax.apply_updates(state.weights, change)
        done = state.steps + 1
        fresh = (1 - keep) / (1 - keep**done)
        average = jax.tree.map(lambda old, new: old + fresh * (new - old), state.average, weights)
        return State(weights, memory, average, done), error

    return step


def _dense(edges: Edges, logs: Any, sensors: int) -> Mean:  # noqa: ANN401 - JAX's arrays
    weights = jnp.asarray(edges.weights) * jnp.exp(logs)
    matrix = jnp.zeros((sensors, sensors)).at[edges.rows, edges.columns].add(weights)
    shares = matrix / jnp.maximum(matrix.sum(1, keepdims=True), LEAST_TOTAL)
    return lambda values: (shares @ values.reshape(sensors, -1)).reshape(values.shape)
