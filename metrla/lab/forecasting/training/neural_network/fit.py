"""Fit `neural_network` with JAX and Optax. Resumable: each part of each member's training ends with a checkpoint."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from typing import Any

import jax
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from safetensors.numpy import save

from metrla.lab.forecasting.training.fitted import Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.neural_network.examples import Examples
from metrla.lab.forecasting.training.neural_network.importance import importance
from metrla.lab.forecasting.training.neural_network.settings import MemberSettings, NeuralNetworkSettings
from metrla.lab.forecasting.training.neural_network.start import starting_weights
from metrla.lab.forecasting.training.neural_network.steps import State, TrainingStep, learning_rate, optimiser, step_of
from metrla.lab.forecasting.training.neural_network.validation import Validation
from metrla.lab.forecasting.training.pacing import Pacing
from shared.events.tensors import read_tensors
from shared.forecasting.inputs.links import links
from shared.forecasting.models.neural_network import EDGE_LOGS, EDGES, SCALE, SIZE, Perceptron, Scale, size_tensor
from shared.forecasting.models.perceptron import PerceptronSize
from shared.forecasting.models.surroundings import Edges, mean_of
from shared.traffic.arrays import Integers
from shared.traffic.calendar import slots_per_day

DEFAULT = NeuralNetworkSettings()
TIMED_STEPS, TIMED_SHARE = 8, 0.04
"""So many steps tell how long one takes, or as many as this share of the time has."""
HURRIED_SHARE, LARGER = 0.3, 4.0
"""Of all steps: where there is time for fewer, the network is a small one; and how many times as long a step of a large
one takes."""
PARTS = 8
"""Of a training with a limit: after each, the time that is left decides the steps of the next one."""
FITTING_SHARE, ASKED = 0.9, 6
"""Of the time: the rest chooses what serves and tells what it relies on; or, where that takes longer, as long as it
takes to ask each network about so many times what there is to choose on."""
ALMOST = 0.25
"""What may lack of the time of a further network: all then have fewer steps."""
JUDGED_PAIRS = 53_000
"""Of origins of the validation part and sensors, on which the weights that serve are chosen."""
A_STEP = "microseconds of a step"
AVERAGED, LAST = "averaged", "last"
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is done at most.

    Members to train, in how many parts each, steps of a part by member, origins of a step; and how many seconds it
    takes to choose what serves of a member.
    """

    members: tuple[MemberSettings, ...]
    parts: int
    steps: tuple[int, ...]
    batch: int
    choosing: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class _Member:
    number: int
    size: PerceptronSize
    examples: Examples
    step: TrainingStep
    random: Generator


MemberOf = Callable[[int, MemberSettings], _Member]


def fit_neural_network(task: Task, settings: NeuralNetworkSettings = DEFAULT) -> Fitted:
    """Train the members one after the other.

    Each is the average of its weights over the last steps, or its last weights where they do better on the validation
    part. A step of a large network has fewer origins. With a limit, some steps tell how many there is time for, and
    each part of the training how many the next one has. As many networks are trained as there is time for, or, where a
    refit is to follow, for twice.

    Raises:
        TooLittleError: fewer origins to fit to than a batch has.
    """
    if task.split.train < settings.batch:
        raise TooLittleError(f"neural_network needs {settings.batch} origins to fit to, there are {task.split.train}")
    pace, scale = Pacing.of(task), _scale(task)
    edges, sensors = Edges.of(task.recorded.network), len(task.recorded.network.sensors)
    # Compiled once for all networks of a size, and for the steps that are timed first.
    compiled = cache(lambda size: step_of(settings, size, edges, scale, sensors))
    member_of = partial(_member, task, settings, scale, compiled)
    held_out = np.arange(task.split.train, task.split.train + task.split.validation)
    if task.again is None:
        validation = Validation.of(scale, task.recorded, held_out, JUDGED_PAIRS)
        plan = _plan(task, pace, settings, member_of, validation)
    else:
        validation, plan = None, _as_before(task.again)
    begins, ends, _ = links(task.recorded.network)
    tensors: Arrays = {
        SCALE: np.array([scale.mean_mph, scale.spread_mph, scale.ceiling_mph], dtype=np.float32),
        EDGES: np.stack([begins, ends], axis=1).astype(np.int32),
    }
    served, choices, steps = [], [], []
    for number, of in enumerate(plan.members):
        member = member_of(number, of)
        state, count = _trained(task, pace, settings, member, plan)
        name, weights = _better(member, state, validation, None if task.again is None else task.again["weights"])
        served.append(_served(member, weights))
        choices.append(name)
        steps.append(count)
        tensors |= {f"{number}/{name}": np.asarray(values, dtype=np.float16) for name, values in weights.items()}
        tensors[f"{number}/{SIZE}"] = size_tensor(member.size)
    chosen = asdict(replace(settings, members=plan.members, batch=plan.batch))
    relied_on: Mapping[str, float] = {}
    if task.again is None:
        relied_on = importance(served, scale, task.recorded, held_out, np.random.default_rng(task.seed))
    return Fitted(tensors=tensors, importance=relied_on, settings={**chosen, "weights": choices, "steps": steps})


def _scale(task: Task) -> Scale:
    train = task.recorded.speed_mph[: task.recorded.train_windows]
    return Scale(float(np.nanmean(train)), float(np.nanstd(train)), float(np.nanmax(train)))


def _plan(
    task: Task, pace: Pacing, settings: NeuralNetworkSettings, member_of: MemberOf, validation: Validation
) -> Plan:
    sensors = len(task.recorded.network.sensors)
    batch, few = (max(1, min(settings.batch, pairs // sensors)) for pairs in (settings.pairs, settings.hurried_pairs))
    an_epoch = task.split.train // batch
    # An epoch is a unit of work for those networks that a batch holds whole; of a large one it has too many steps.
    steps = max(settings.least_steps, settings.epochs * (task.split.train // settings.batch))
    parts = -(-steps // an_epoch) if batch == settings.batch else PARTS
    if task.seconds is not None:
        parts = PARTS
    choosing = {settings.hurried: 0.0}

    def seconds(chosen: MemberSettings) -> float:
        member = member_of(0, chosen)
        a_step = _step_seconds(member, settings, few if chosen == settings.hurried else batch, pace)
        # Kept for the first part of the training.
        pace.decide(f"{A_STEP} of width {chosen.size.width}", 0, lambda _left: int(1e6 * a_step))
        weights = _begin(member, settings)[0].weights
        choosing[chosen] = ASKED * pace.timed(lambda: validation.error_mph([_served(member, weights)]))
        return a_step

    def affordable(left: float) -> int:
        # A small one is compiled quickly; a large one that will not be trained need not be.
        larger = LARGER * batch / few
        if FITTING_SHARE * left < HURRIED_SHARE * steps * larger * seconds(settings.hurried):
            return 0
        large = settings.members[0]
        a_member = seconds(large) * steps / FITTING_SHARE + choosing[large]
        twice_in = 0.0 if task.twice_in is None else task.twice_in - pace.spent
        return networks_in(pace.left, twice_in, a_member, len(settings.members))

    count = pace.decide("networks, 0 for a small one", settings.enough, affordable)
    members = settings.members[:count] or (settings.hurried,)
    if not count:
        # As many origins in all, at most.
        steps, batch = steps * batch // few, few
    found = pace.decide("microseconds of choosing", 0, lambda _left: int(1e6 * choosing.get(members[0], 0.0)))
    return Plan(members, parts, (-(-steps // parts),) * len(members), batch, found / 1e6)


def networks_in(seconds: float, twice_in: float, a_network: float, most: int) -> int:
    """How many networks to train in the seconds that are left, where one of all its steps takes `a_network`.

    A refit is worth more than a further network: where there is time for one in `twice_in`, the seconds that leave as
    much again, no more are trained than there is time for in these.
    """
    twice = twice_in / a_network
    many = twice if twice >= 1 else seconds / a_network + ALMOST
    return int(np.clip(many, 1, most))


def _as_before(again: Mapping[str, Any]) -> Plan:
    """As many networks, of as many steps, as a fit had that told these settings."""
    members = [MemberSettings(PerceptronSize(**each["size"]), int(each["usual_blocks"])) for each in again["members"]]
    steps = tuple(-(-int(each) // PARTS) for each in again["steps"])
    return Plan(tuple(members), PARTS, steps, int(again["batch"]))


def _step_seconds(member: _Member, settings: NeuralNetworkSettings, batch: int, pace: Pacing) -> float:
    state, _ = _begin(member, settings)
    origins = np.arange(batch)

    def steps(count: int) -> None:
        nonlocal state
        for _ in range(count):
            state, error = member.step(state, member.examples.draw(origins, member.random), 0.0, 1.0)
            float(error)

    steps(1)  # it compiles
    a_step = pace.timed(lambda: steps(1))
    more = TIMED_STEPS if pace.seconds is None else min(TIMED_STEPS, int(TIMED_SHARE * pace.seconds / a_step))
    return pace.timed(lambda: steps(more)) / more if more else a_step


def _member(
    task: Task,
    settings: NeuralNetworkSettings,
    scale: Scale,
    compiled: Callable[[PerceptronSize], TrainingStep],
    number: int,
    chosen: MemberSettings,
) -> _Member:
    size, blocks = chosen.size, chosen.usual_blocks
    recorded = task.recorded.learned_apart(blocks) if blocks else task.recorded
    examples = Examples(recorded, scale, settings, size.layers, size.width)
    return _Member(number, size, examples, compiled(size), np.random.default_rng([task.seed, number]))


def _begin(member: _Member, settings: NeuralNetworkSettings) -> tuple[State, Any]:
    network = member.examples.recorded.network
    weights = starting_weights(
        member.size, len(network.sensors), slots_per_day(network), len(links(network)[0]), member.random
    )
    state = State(weights, optimiser(settings).init(weights), weights, np.float32(0))
    return state, jax.tree.structure(state)


def _trained(
    task: Task, pace: Pacing, settings: NeuralNetworkSettings, member: _Member, plan: Plan
) -> tuple[State, int]:
    """The state after all parts, and how many steps they had."""
    state, structure = _begin(member, settings)
    done, taken, checkpoint = 0, 0, f"member-{member.number}"
    if (kept := task.checkpoints.read(checkpoint)) is not None:
        done, taken, state = _restored(kept, member.random, structure)
    a_step: float | None = None
    most = plan.steps[member.number]
    if task.seconds is not None:
        # Compiled before anything is timed; the result is thrown away.
        example = member.examples.draw(np.arange(plan.batch), np.random.default_rng(0))
        member.step(state, example, 0.0, 1.0)
    for part in range(done, plan.parts):

        def affordable(left: float, known: float | None = a_step, of: int = part) -> int:
            seconds = known or pace.decide(f"{A_STEP} of width {member.size.width}", 0, lambda _left: 0) / 1e6
            to_come = len(plan.members) - member.number
            # What those before still have to be asked for comes on top: what serves of all is explained at the end.
            fitting = min(FITTING_SHARE * left, left - len(plan.members) * plan.choosing)
            return int(np.clip(fitting / to_come / (plan.parts - of) / max(seconds, 1e-6), 1, most))

        steps = pace.decide(f"steps of network {member.number + 1}, part {part + 1}", most, affordable)
        note = f"network {member.number + 1} of {len(plan.members)}, part {part + 1} of {plan.parts}"
        before, told = pace.spent, partial(_tell, task, plan, member.number * plan.parts + part)
        state, error = _part(task, settings, member, plan, state, (part, steps), told)
        a_step = (pace.spent - before) / steps
        taken += steps
        told(1.0, f"{note}, {error:.3f} mph")
        task.checkpoints.write(checkpoint, _kept(part + 1, taken, state, member.random))
    return state, taken


def _part(
    task: Task,
    settings: NeuralNetworkSettings,
    member: _Member,
    plan: Plan,
    state: State,
    which: tuple[int, int],
    told: Callable[[float], None],
) -> tuple[State, float]:
    """The state after so many steps of one part, and their mean error in mph."""
    (part, steps), errors = which, []
    share, origins = 1 / (plan.parts * steps), _drawn(member.random, task.split.train, steps * plan.batch)
    for count in range(steps):
        example = member.examples.draw(origins[count * plan.batch : (count + 1) * plan.batch], member.random)
        rate = learning_rate(settings, part / plan.parts + count * share, plan.parts * steps)
        state, error = member.step(state, example, rate, share)
        errors.append(error)
        told((count + 1) / steps)
    return state, float(np.mean([float(error) for error in errors]))


def _drawn(random: Generator, origins: int, count: int) -> Integers:
    """So many origins, each as often as the others or once more."""
    return np.concatenate([random.permutation(origins) for _ in range(-(-count // origins))])[:count]


def _tell(task: Task, plan: Plan, before: int, done: float, note: str = "") -> None:
    task.progress(before + done, len(plan.members) * plan.parts, note)


def _better(
    member: _Member, state: State, validation: Validation | None, again: Sequence[str] | None
) -> tuple[str, Arrays]:
    """The average or the last weights: after few steps, or where the rate fell to nothing, the average lags."""
    candidates = {
        name: {one: np.asarray(values) for one, values in weights.items()}
        for name, weights in ((AVERAGED, state.average), (LAST, state.weights))
    }
    if validation is None:
        name = AVERAGED if again is None else again[member.number]
        return name, candidates[name]
    return min(candidates.items(), key=lambda one: validation.error_mph([_served(member, one[1])]))


def _served(member: _Member, weights: Arrays) -> Perceptron:
    network = member.examples.recorded.network
    down, up = (
        mean_of(edges.weighted(np.exp(weights[log])), len(network.sensors))
        for edges, log in zip(Edges.of(network), EDGE_LOGS, strict=True)
    )
    return Perceptron(member.size, weights, (down, up))


def _kept(parts: int, steps: int, state: State, random: Generator) -> bytes:
    leaves = {f"{place:04d}": np.asarray(leaf) for place, leaf in enumerate(jax.tree.leaves(state))}
    about = {"parts": str(parts), "steps": str(steps), "random": json.dumps(random.bit_generator.state)}
    return save(leaves, about)


def _restored(kept: bytes, random: Generator, structure: Any) -> tuple[int, int, State]:  # noqa: ANN401 - JAX's own
    about, arrays = read_tensors(kept)
    random.bit_generator.state = json.loads(about["random"])
    leaves = [values for _, values in sorted(arrays.items())]
    state: State = jax.tree.unflatten(structure, leaves)
    return int(about["parts"]), int(about["steps"]), state
