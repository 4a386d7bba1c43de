"""Fit `neural_network` with JAX and Optax. Resumable: after each epoch of each member a checkpoint is kept."""

import json
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

import jax
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from safetensors.numpy import save

from metrla.lab.forecasting.training.fitted import Fitted, Task
from metrla.lab.forecasting.training.neural_network.examples import Examples
from metrla.lab.forecasting.training.neural_network.importance import importance
from metrla.lab.forecasting.training.neural_network.settings import NeuralNetworkSettings
from metrla.lab.forecasting.training.neural_network.start import starting_weights
from metrla.lab.forecasting.training.neural_network.steps import State, TrainingStep, optimiser, step_of
from metrla.lab.forecasting.training.neural_network.validation import Validation
from shared.events.errors import ConfigurationError
from shared.events.tensors import read_tensors
from shared.forecasting.inputs.links import links
from shared.forecasting.models.neural_network import EDGE_LOGS, EDGES, SCALE, SIZE, Perceptron, Scale, size_tensor
from shared.forecasting.models.perceptron import PerceptronSize
from shared.forecasting.models.surroundings import Edges, mean_of
from shared.traffic.calendar import slots_per_day

DEFAULT = NeuralNetworkSettings()
TIMED_STEPS = 12
JUDGED_ORIGINS = 256
"""Of the validation part, on which the weights that serve are chosen."""
PLAN = "plan"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done: members to train and epochs of each; kept, so that who goes on does the same."""

    members: int
    epochs: int


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    number: int
    size: PerceptronSize
    examples: Examples
    step: TrainingStep
    steps_per_epoch: int
    random: Generator


def fit_neural_network(task: Task, settings: NeuralNetworkSettings = DEFAULT) -> Fitted:
    """Train the members one after the other.

    Each is the average of its weights over the last steps, or its last weights where they do better on the validation
    part.

    Raises:
        ConfigurationError: fewer origins to fit to than a batch has.
    """
    if task.split.train < settings.batch:
        raise ConfigurationError(
            f"neural_network needs {settings.batch} origins to fit to, there are {task.split.train}"
        )
    scale = _scale(task)
    plan = _plan(task, settings, scale)
    begins, ends, _ = links(task.recorded.network)
    tensors: Arrays = {
        SCALE: np.array([scale.mean_mph, scale.spread_mph, scale.ceiling_mph], dtype=np.float32),
        EDGES: np.stack([begins, ends], axis=1).astype(np.int32),
    }
    held_out = np.arange(task.split.train, task.split.train + task.split.validation)
    validation = Validation.of(scale, task.recorded, held_out, JUDGED_ORIGINS)
    served, choices = [], []
    for number in range(plan.members):
        member = _member(task, settings, scale, number, plan.epochs)
        name, weights = _better(member, _trained(task, settings, member, plan), validation)
        served.append(_served(member, weights))
        choices.append(name)
        tensors |= {f"{number}/{name}": np.asarray(values, dtype=np.float16) for name, values in weights.items()}
        tensors[f"{number}/{SIZE}"] = size_tensor(member.size)
    chosen = asdict(replace(settings, members=settings.members[: plan.members], epochs=plan.epochs))
    relied_on = importance(served, scale, task.recorded, held_out, np.random.default_rng(task.seed))
    return Fitted(tensors=tensors, importance=relied_on, settings={**chosen, "weights": choices})


def _scale(task: Task) -> Scale:
    train = task.recorded.speed_mph[: task.recorded.train_windows]
    return Scale(float(np.nanmean(train)), float(np.nanstd(train)), float(np.nanmax(train)))


def _plan(task: Task, settings: NeuralNetworkSettings, scale: Scale) -> Plan:
    kept = task.checkpoints.read(PLAN)
    if kept is not None:
        return Plan(**json.loads(kept))
    epochs = max(settings.epochs, -(-settings.least_steps // (task.split.train // settings.batch)))
    plan = Plan(len(settings.members), epochs)
    if task.seconds is not None:
        a_step = _step_seconds(_member(task, settings, scale, 0, epochs), settings)
        affordable = task.seconds / (a_step * (task.split.train // settings.batch))
        members = max(1, min(plan.members, int(affordable // epochs)))
        plan = Plan(members, max(1, min(epochs, int(affordable // members))))
    task.checkpoints.write(PLAN, json.dumps(asdict(plan)).encode())
    return plan


def _step_seconds(member: _Member, settings: NeuralNetworkSettings) -> float:
    state, _ = _begin(member, settings, 1)
    origins, began = np.arange(settings.batch), 0.0
    for count in range(TIMED_STEPS):
        state, error = member.step(state, member.examples.draw(origins, member.random))
        float(error)
        if count == 1:  # the first compiles
            began = time.perf_counter()
    return (time.perf_counter() - began) / (TIMED_STEPS - 2)


def _member(task: Task, settings: NeuralNetworkSettings, scale: Scale, number: int, epochs: int) -> _Member:
    chosen = settings.members[number]
    size, blocks = chosen.size, chosen.usual_blocks
    recorded = task.recorded.learned_apart(blocks) if blocks else task.recorded
    steps_per_epoch = task.split.train // settings.batch
    edges, sensors = Edges.of(recorded.network), len(recorded.network.sensors)
    return _Member(
        number=number,
        size=size,
        examples=Examples(recorded, scale, settings, size.layers, size.width),
        step=step_of(settings, size, edges, scale, epochs * steps_per_epoch, sensors),
        steps_per_epoch=steps_per_epoch,
        random=np.random.default_rng([task.seed, number]),
    )


def _begin(member: _Member, settings: NeuralNetworkSettings, epochs: int) -> tuple[State, Any]:
    network = member.examples.recorded.network
    weights = starting_weights(
        member.size, len(network.sensors), slots_per_day(network), len(links(network)[0]), member.random
    )
    memory = optimiser(settings, epochs * member.steps_per_epoch).init(weights)
    state = State(weights, memory, weights, np.int32(0))
    return state, jax.tree.structure(state)


def _trained(task: Task, settings: NeuralNetworkSettings, member: _Member, plan: Plan) -> State:
    state, structure = _begin(member, settings, plan.epochs)
    done, checkpoint = 0, f"member-{member.number}"
    if (kept := task.checkpoints.read(checkpoint)) is not None:
        done, state = _restored(kept, member.random, structure)
    parts, steps = plan.members * plan.epochs * member.steps_per_epoch, member.steps_per_epoch
    before = (member.number * plan.epochs) * steps
    for epoch in range(done, plan.epochs):
        order, errors = member.random.permutation(task.split.train), []
        note = f"network {member.number + 1} of {plan.members}, epoch {epoch + 1} of {plan.epochs}"
        for count in range(steps):
            origins = order[count * settings.batch : (count + 1) * settings.batch]
            state, error = member.step(state, member.examples.draw(origins, member.random))
            errors.append(error)
            task.progress(before + epoch * steps + count + 1, parts, note)
        mean = float(np.mean([float(error) for error in errors]))
        task.progress(before + (epoch + 1) * steps, parts, f"{note}, {mean:.3f} mph")
        task.checkpoints.write(checkpoint, _kept(epoch + 1, state, member.random))
    return state


def _better(member: _Member, state: State, validation: Validation) -> tuple[str, Arrays]:
    """The average or the last weights: after few steps, or where the rate fell to nothing, the average lags."""
    candidates = {
        name: {one: np.asarray(values) for one, values in weights.items()}
        for name, weights in (("averaged", state.average), ("last", state.weights))
    }
    return min(candidates.items(), key=lambda one: validation.error_mph([_served(member, one[1])]))


def _served(member: _Member, weights: Arrays) -> Perceptron:
    network = member.examples.recorded.network
    down, up = (
        mean_of(edges.weighted(np.exp(weights[log])), len(network.sensors))
        for edges, log in zip(Edges.of(network), EDGE_LOGS, strict=True)
    )
    return Perceptron(member.size, weights, (down, up))


def _kept(epochs: int, state: State, random: Generator) -> bytes:
    leaves = {f"{place:04d}": np.asarray(leaf) for place, leaf in enumerate(jax.tree.leaves(state))}
    return save(leaves, {"epochs": str(epochs), "random": json.dumps(random.bit_generator.state)})


def _restored(kept: bytes, random: Generator, structure: Any) -> tuple[int, State]:  # noqa: ANN401 - JAX's own
    about, arrays = read_tensors(kept)
    random.bit_generator.state = json.loads(about["random"])
    leaves = [values for _, values in sorted(arrays.items())]
    state: State = jax.tree.unflatten(structure, leaves)
    return int(about["epochs"]), state
