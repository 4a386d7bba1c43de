"""How much a network relies on each group of its inputs: what its error grows by without them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.training.neural_network.validation import Validation
from shared.forecasting.models.neural_network import Perceptron, Scale
from shared.forecasting.models.perceptron import Inputs
from shared.traffic.arrays import Integers

PAIRS = 20_000
Alteration = Callable[[Inputs, Perceptron], tuple[Inputs, Perceptron]]


def importance(
    members: Sequence[Perceptron], scale: Scale, recorded: Recorded, origins: Integers, random: Generator
) -> dict[str, float]:
    """Share of each group in the growth of the mean absolute error; together 1, or 0 where nothing grows it.

    A group is shuffled among origins (permutation importance, Breiman, Machine Learning 45, 2001), or, where it is
    heard from other sensors, left out. Some of `origins` are used, evenly spaced: about `PAIRS` with sensors.
    """
    validation = Validation.of(scale, recorded, origins, PAIRS)

    def error(change: Alteration) -> float:
        changed = [change(validation.inputs, member) for member in members]
        return validation.error_mph([member for _, member in changed], changed[0][0])

    whole = error(lambda same, member: (same, member))
    changes = _changes(random, len(validation.inputs.time), len(validation.inputs.speed))
    grown = {name: max(0.0, error(change) - whole) for name, change in changes.items()}
    total = sum(grown.values())
    return {name: more / total if total else 0.0 for name, more in grown.items()}


def _changes(random: Generator, origins: int, sensors: int) -> Mapping[str, Alteration]:
    turn, whose = random.permutation(origins), random.permutation(sensors)

    def own(inputs: Inputs, member: Perceptron) -> tuple[Inputs, Perceptron]:
        return inputs._replace(speed=inputs.speed[:, turn], seen=inputs.seen[:, turn]), member

    def usual(inputs: Inputs, member: Perceptron) -> tuple[Inputs, Perceptron]:
        return inputs._replace(usual=inputs.usual[:, turn], ahead=inputs.ahead[:, turn]), member

    def recent(inputs: Inputs, member: Perceptron) -> tuple[Inputs, Perceptron]:
        return inputs._replace(recent=inputs.recent[:, turn]), member

    def calendar(inputs: Inputs, member: Perceptron) -> tuple[Inputs, Perceptron]:
        return inputs._replace(time=inputs.time[turn], day=inputs.day[turn]), member

    def sensor(inputs: Inputs, member: Perceptron) -> tuple[Inputs, Perceptron]:
        return inputs, _with(
            member, {"sensors": np.concatenate([member.weights["sensors"][whose], member.weights["sensors"][-1:]])}
        )

    def neighbours(inputs: Inputs, member: Perceptron) -> tuple[Inputs, Perceptron]:
        return inputs, Perceptron(member.size, member.weights, (np.zeros_like, np.zeros_like))

    def network(inputs: Inputs, member: Perceptron) -> tuple[Inputs, Perceptron]:
        silent = {name: np.zeros_like(each) for name, each in member.weights.items() if name.endswith("_hub")}
        return inputs, _with(member, silent)

    return {
        "own last hour": own,
        "neighbours down- and upstream": neighbours,
        "the whole network": network,
        "usual speeds": usual,
        "the days before": recent,
        "time and day": calendar,
        "which sensor": sensor,
    }


def _with(member: Perceptron, weights: Mapping[str, NDArray[np.float32]]) -> Perceptron:
    return Perceptron(member.size, {**member.weights, **weights}, member.around)
