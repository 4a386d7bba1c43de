from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fitted import Fitted, Task
from metrla.lab.forecasting.training.neural_network.examples import Example
from metrla.lab.forecasting.training.neural_network.fit import fit_neural_network, networks_in
from metrla.lab.forecasting.training.neural_network.settings import MemberSettings, NeuralNetworkSettings
from metrla.lab.forecasting.training.neural_network.start import starting_weights
from metrla.lab.forecasting.training.neural_network.steps import State, learning_rate, optimiser, step_of
from metrla.lab.forecasting.training.neural_network.surroundings import LearnedMean, means_of
from shared.events.errors import ConfigurationError, ModelError
from shared.events.records import SensorId
from shared.events.tensors import read_tensors
from shared.forecasting.inputs.history import HORIZONS, LAGS, QUARTERS
from shared.forecasting.models.artefact import PROFILE, open_artefact, pack
from shared.forecasting.models.forecaster import NEURAL_NETWORK
from shared.forecasting.models.neural_network import NeuralNetwork, Scale
from shared.forecasting.models.perceptron import Inputs, PerceptronSize, forward
from shared.forecasting.models.surroundings import DENSE_UP_TO, Edges, mean_of
from shared.traffic.arrays import Integers
from shared.traffic.network import Edge, Network
from shared.traffic.usual.recent import RecentMeans

SMALL = NeuralNetworkSettings(
    members=(
        MemberSettings(PerceptronSize(24, 12, 3, 2, 1)),
        MemberSettings(PerceptronSize(16, 8, 3, 1, 1), usual_blocks=3),
    ),
    epochs=2,
    least_steps=500,
    batch=32,
    averaged=0.1,
    learning_rate=5e-3,
    warm_up=50,
)


class Kept:
    """Checkpoints in memory; may interrupt the fit after some of them."""

    def __init__(self, interrupt_after: int | None = None) -> None:
        self.content: dict[str, bytes] = {}
        self.left = interrupt_after

    def read(self, name: str) -> bytes | None:
        return self.content.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.content[name] = content
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


def silent(done: float, total: float, note: str = "") -> None:
    assert 0 <= done <= total
    assert isinstance(note, str)


def task_of(recorded: Recorded, split: Split, kept: Kept, seconds: float | None = None) -> Task:
    return Task(recorded, split, 3, seconds, silent, kept)


@pytest.fixture(scope="module")
def fitted(recorded: Recorded, split: Split) -> Fitted:
    return fit_neural_network(task_of(recorded, split, Kept()), SMALL)


def served(
    fitted: Fitted, recorded: Recorded, network: Network, tensors: dict[str, NDArray[Any]] | None = None
) -> NeuralNetwork:
    profile = {PROFILE: recorded.profile_mph.astype(np.float16)}
    made = pack(NEURAL_NETWORK, "1", recorded.network, {**fitted.tensors, **profile, **(tensors or {})})
    return NeuralNetwork.of_artefact(open_artefact(made, NEURAL_NETWORK, "1", network))


def test_learns_what_the_last_value_does_not_know(fitted: Fitted, recorded: Recorded, network: Network) -> None:
    # On what it was fitted to: eight days are too few to learn a week from.
    origins = np.arange(0, 1000, 4)
    batch, actual = recorded.batch(origins), recorded.actual(origins)
    predicted = served(fitted, recorded, network).predict(batch)
    assert predicted.shape == (len(origins), 4, HORIZONS)
    last = np.broadcast_to(batch.speed_mph[:, -1, :, None], actual.shape)
    assert np.nanmean(np.abs(predicted - actual)) < 0.8 * np.nanmean(np.abs(last - actual))


def test_says_what_it_relies_on(fitted: Fitted) -> None:
    assert sum(fitted.importance.values()) == pytest.approx(1.0)
    # The history is a peak that comes every day, with noise that lasts.
    assert fitted.importance["own last hour"] + fitted.importance["usual speeds"] > 0.5


def test_interrupted_goes_on_to_the_same_weights(fitted: Fitted, recorded: Recorded, split: Split) -> None:
    kept = Kept(interrupt_after=3)
    with pytest.raises(KeyboardInterrupt):
        fit_neural_network(task_of(recorded, split, kept), SMALL)
    kept.left = None
    again = fit_neural_network(task_of(recorded, split, kept), SMALL)
    assert again.tensors.keys() == fitted.tensors.keys()
    for name, values in fitted.tensors.items():
        assert np.array_equal(again.tensors[name], values), name


def test_a_budget_is_settled_once_and_kept(recorded: Recorded, split: Split) -> None:
    kept = Kept()
    small = replace(SMALL, members=SMALL.members[:1], least_steps=1)
    hurried = fit_neural_network(task_of(recorded, split, kept, seconds=1e-6), small)
    assert hurried.settings["steps"] == [8]
    again = fit_neural_network(task_of(recorded, split, kept, seconds=1e9), small)
    assert again.settings == hurried.settings


def error_mph(fitted: Fitted, recorded: Recorded, network: Network, origins: Integers) -> float:
    predicted = served(fitted, recorded, network).predict(recorded.batch(origins))
    return float(np.nanmean(np.abs(predicted - recorded.actual(origins))))


def test_one_epoch_serves_what_it_learned_and_nothing_of_the_beginning(
    recorded: Recorded, split: Split, network: Network
) -> None:
    one = replace(SMALL, members=SMALL.members[:1], epochs=1, least_steps=1)
    kept, origins = Kept(), np.arange(split.train, split.train + split.validation)
    fitted = fit_neural_network(task_of(recorded, split, kept), one)
    # A network of the last weights alone, from the checkpoint, whose first leaves they are.
    _, leaves = read_tensors(kept.content["member-0"])
    names = sorted(name.removeprefix("0/") for name in fitted.tensors if name.startswith("0/") and name != "0/size")
    last = {f"0/{name}": leaves[f"{place:04d}"].astype(np.float16) for place, name in enumerate(names)}
    raw = Fitted({**fitted.tensors, **last})
    assert error_mph(fitted, recorded, network, origins) <= error_mph(raw, recorded, network, origins) + 0.02
    assert fitted.settings["weights"] in (["averaged"], ["last"])


def nothing_of(sensors: int, layers: int, width: int) -> Example:
    """One origin at which nothing is known to have happened: its gradient is 0, and weights stay."""
    shape = (sensors, 1)
    inputs = Inputs(
        speed=np.zeros((*shape, LAGS), dtype=np.float32),
        seen=np.ones((*shape, LAGS), dtype=np.float32),
        usual=np.zeros((*shape, LAGS), dtype=np.float32),
        ahead=np.zeros((*shape, HORIZONS), dtype=np.float32),
        recent=np.zeros((*shape, QUARTERS), dtype=np.float32),
        sensor=np.arange(sensors, dtype=np.int32)[:, None],
        time=np.array([0]),
        day=np.array([0]),
    )
    kept = np.full((layers, *shape, width), 255, np.uint8)
    return Example(inputs, np.zeros((*shape, HORIZONS), dtype=np.float32), kept)


@pytest.mark.parametrize("steps", [1, 2, 10, 1000])
def test_the_average_has_nothing_of_the_weights_before_the_first_step(steps: int) -> None:
    size, random = PerceptronSize(8, 4, 2, 1, 1), np.random.default_rng(1)
    edges = (Edges(np.array([0]), np.array([1]), np.ones(1, dtype=np.float32)),) * 2
    still = replace(SMALL, weight_decay=0.0)
    step = step_of(still, size, edges, Scale(50.0, 10.0, 70.0), 2)
    weights = starting_weights(size, 2, 288, 1, random)
    noise = {name: np.full_like(values, 1e3) for name, values in weights.items()}
    state = State(weights, optimiser(still).init(weights), noise, np.float32(0))
    for _ in range(min(steps, 3)):
        state, _ = step(state, nothing_of(2, 1, 8), 1e-3, 1 / steps)
    for name, values in weights.items():
        assert np.allclose(np.asarray(state.average[name]), values, atol=1e-3), name


def test_the_learning_rate_rises_and_then_falls_to_almost_nothing() -> None:
    rates = [learning_rate(SMALL, done, 1000) for done in np.linspace(0, 1, 201)]
    assert rates[0] == 0.0
    assert max(rates) == pytest.approx(SMALL.learning_rate) == rates[10]
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.005 * SMALL.learning_rate)


def test_too_short_a_history(recorded: Recorded) -> None:
    with pytest.raises(ConfigurationError, match="needs 32 origins"):
        fit_neural_network(task_of(recorded, Split(31, 5, 5), Kept()), SMALL)


def test_missing_input_is_answered(fitted: Fitted, recorded: Recorded, network: Network) -> None:
    batch = recorded.batch(np.arange(3))
    empty = replace(batch, speed_mph=np.full_like(batch.speed_mph, np.nan))
    assert np.isfinite(served(fitted, recorded, network).predict(empty)).all()


def test_the_order_of_sensors_is_nothing(fitted: Fitted, recorded: Recorded, network: Network) -> None:
    batch, turned = recorded.batch(np.arange(20, 25)), [2, 0, 3, 1]
    other = replace(network, sensors=tuple(network.sensors[place] for place in turned))
    assert batch.recent is not None
    assert batch.weeks is not None
    late, weeks = (RecentMeans(*(each[..., turned] for each in means)) for means in (batch.recent, batch.weeks))
    moved = replace(batch, network=other, speed_mph=batch.speed_mph[:, :, turned], recent=late, weeks=weeks)
    expected = served(fitted, recorded, network).predict(batch)[:, turned]
    assert np.allclose(served(fitted, recorded, other).predict(moved), expected, atol=1e-3)


def test_a_sensor_never_seen_is_answered(fitted: Fitted, recorded: Recorded, network: Network) -> None:
    new = replace(network.sensors[1], sensor_id=SensorId("new"), postmile=1.5)
    edges = (*network.edges, Edge(network.sensors[1].sensor_id, new.sensor_id, 0.5))
    grown = replace(network, sensors=(*network.sensors, new), edges=edges)
    batch = recorded.batch(np.arange(20, 25))
    speeds = np.concatenate([batch.speed_mph, batch.speed_mph[:, :, 1:2]], axis=2)
    seen = replace(batch, network=grown, speed_mph=speeds, recent=None, weeks=None)
    predicted = served(fitted, recorded, grown).predict(seen)
    assert np.isfinite(predicted).all()
    assert np.abs(predicted[:, 4] - np.nan_to_num(speeds[:, -1, 4:], nan=60.0)).mean() < 20


def test_origins_do_not_influence_each_other(fitted: Fitted, recorded: Recorded, network: Network) -> None:
    model = served(fitted, recorded, network)
    together = model.predict(recorded.batch(np.arange(40)))
    alone = model.predict(recorded.batch(np.array([33])))
    assert np.allclose(together[33], alone[0], atol=1e-3)


def test_an_artefact_for_other_sensors_than_it_embeds(fitted: Fitted, recorded: Recorded, network: Network) -> None:
    with pytest.raises(ModelError, match="embeds 2 sensors"):
        served(fitted, recorded, network, {"0/sensors": fitted.tensors["0/sensors"][:3]})


@settings(max_examples=25)
@given(data=st.data(), sensors=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_walking_the_edges_is_multiplying_the_matrix(data: st.DataObject, sensors: int, seed: int) -> None:
    places = st.integers(0, sensors - 1)
    pairs = data.draw(st.lists(st.tuples(places, places), unique=True, max_size=20))
    random = np.random.default_rng(seed)
    rows, columns = (np.array([pair[side] for pair in pairs], dtype=np.intp) for side in (0, 1))
    weights = random.uniform(0.1, 1.0, len(pairs)).astype(np.float32)
    # As part of a network that is too large for a matrix.
    values = random.standard_normal((DENSE_UP_TO + 1, 2, 3)).astype(np.float32)
    walked = mean_of(Edges(rows, columns, weights), DENSE_UP_TO + 1)(values)
    dense = mean_of(Edges(rows, columns, weights), sensors)(values[:sensors])
    assert np.allclose(walked[:sensors], dense, atol=1e-5)
    assert not walked[sensors:].any()
    heard = np.isin(np.arange(sensors), rows)
    assert np.allclose(dense[~heard], 0.0)


def test_a_large_network_learns_as_a_small_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    random, sensors, edges = np.random.default_rng(1), 40, 90
    pairs = Edges(random.integers(0, 30, edges), random.integers(5, 40, edges), random.random(edges, dtype=np.float32))
    logs, values = random.standard_normal(edges), random.standard_normal((sensors, 2, 3))

    def loss(mean: LearnedMean) -> Callable[[Any, Any], Any]:
        return lambda some, of: (mean(some)(of) ** 3).sum()

    matrix = jax.value_and_grad(loss(means_of(pairs, sensors)), (0, 1))(logs, values)
    monkeypatch.setattr("metrla.lab.forecasting.training.neural_network.surroundings.DENSE_UP_TO", 0)
    gathered = jax.value_and_grad(loss(means_of(pairs, sensors)), (0, 1))(logs, values)
    for one, other in zip(jax.tree.leaves(matrix), jax.tree.leaves(gathered), strict=True):
        assert np.allclose(one, other, atol=1e-4)


def test_numpy_and_jax_say_the_same() -> None:
    random, size, sensors, origins = np.random.default_rng(1), PerceptronSize(16, 8, 3, 2, 1), 5, 3
    weights = starting_weights(size, sensors, 288, 4, random)

    def drawn(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return random.standard_normal(shape).astype(np.float32)

    inputs = Inputs(
        speed=drawn(sensors, origins, LAGS),
        seen=np.ones((sensors, origins, LAGS), dtype=np.float32),
        usual=drawn(sensors, origins, LAGS),
        ahead=drawn(sensors, origins, HORIZONS),
        recent=drawn(sensors, origins, QUARTERS),
        sensor=np.broadcast_to(np.arange(sensors)[:, None], (sensors, origins)),
        time=np.array([0, 100, 287]),
        day=np.array([0, 5, 6]),
    )
    mean = mean_of(Edges(np.array([0, 1, 2, 3]), np.array([1, 2, 3, 4]), np.ones(4, dtype=np.float32)), sensors)
    with_numpy = forward(np, size, weights, inputs, (mean, mean))
    arrays = {name: jnp.asarray(values) for name, values in weights.items()}
    with_jax = forward(jnp, size, arrays, Inputs(*map(jnp.asarray, inputs)), (mean, mean))
    assert with_numpy.shape == (sensors, origins, HORIZONS)
    assert np.allclose(with_numpy, np.asarray(with_jax), atol=1e-5)


@pytest.mark.parametrize(
    ("seconds", "twice_in", "networks"),
    [
        (50.0, 0.0, 1),  # part of the steps of one
        (170.0, 0.0, 1),
        (180.0, 0.0, 2),  # nearly all of two
        (450.0, 0.0, 4),
        (5000.0, 0.0, 8),
        (180.0, 90.0, 2),  # not all of one twice: no refit is to be had
        (250.0, 120.0, 1),  # one, and as long again for its refit
        (450.0, 220.0, 2),
        (5000.0, 2400.0, 8),
    ],
)
def test_there_are_as_many_networks_as_there_is_time_for(seconds: float, twice_in: float, networks: int) -> None:
    assert networks_in(seconds, twice_in, a_network=100.0, most=8) == networks
