from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fit_ensemble import CHOICES, design, fit_ensemble, least_absolute
from metrla.lab.forecasting.training.fitted import Fitted, Task
from shared.events.errors import ConfigurationError
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.artefact import open_artefact, pack
from shared.forecasting.models.ensemble import Ensemble
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE
from shared.traffic.arrays import Compact
from shared.traffic.network import Network

ORIGINS, SENSORS = 300, 4
FIRST, SECOND, NOISE = "linear_regression", "xgboost", "random_forest"
BY_HORIZON = next(iter(CHOICES))


class Nothing:
    def read(self, name: str) -> None:
        pass

    def write(self, name: str, content: bytes) -> None:
        pass

    def __call__(self, done: float, total: float, note: str = "") -> None:
        pass


class Happened(Recorded):
    """A recording whose actual speeds are given."""

    given: np.ndarray

    def actual(self, origins: np.ndarray, sensors: np.ndarray | None = None) -> np.ndarray:
        assert len(origins) == ORIGINS
        assert sensors is None
        return self.given


@pytest.fixture
def task(recorded: Recorded) -> Task:
    """Errors of two members are independent; the third one's come on top of those of the first."""
    rng = np.random.default_rng(3)
    shape = (ORIGINS, SENSORS, HORIZONS)
    actual = rng.uniform(10, 70, shape)
    errors = {FIRST: rng.laplace(0, 2, shape), SECOND: rng.laplace(0, 4, shape)}
    errors[NOISE] = errors[FIRST] + rng.laplace(0, 6, shape)
    happened = Happened(recorded.network, recorded.start, recorded.speed_mph, recorded.train_windows)
    object.__setattr__(happened, "given", np.where(rng.random(shape) < 0.1, np.nan, actual))
    predicted = {name: (actual + error).astype(np.float32) for name, error in errors.items()}
    usual = (actual + rng.laplace(0, 12, shape)).astype(np.float32)
    predicted |= {HISTORICAL_AVERAGE: usual, ENSEMBLE: actual.astype(np.float32)}
    versions = {name: f"v-{name}" for name in predicted}
    return Task(happened, Split(100, ORIGINS, 10), 1, None, Nothing(), Nothing(), predicted, versions)


def model_of(network: Network, fitted: Fitted) -> Ensemble:
    artefact = pack(ENSEMBLE, "1", network, fitted.tensors, members=fitted.members)
    return Ensemble.of_artefact(open_artefact(artefact, ENSEMBLE, "1", network))


def error_of(task: Task, predicted: np.ndarray) -> float:
    return float(np.nanmean(np.abs(predicted - task.recorded.actual(np.arange(ORIGINS)))))


def wide(predicted: Mapping[str, Compact]) -> dict[str, np.ndarray]:
    return {name: values.astype(np.float64) for name, values in predicted.items()}


def test_it_is_better_than_its_members_and_than_their_mean(task: Task, network: Network) -> None:
    fitted = fit_ensemble(task)
    mine = error_of(task, model_of(network, fitted).combine(wide(task.predicted)))
    members = [task.predicted[name] for name in (FIRST, SECOND, NOISE)]
    assert mine < 0.99 * min(error_of(task, one) for one in members)
    assert mine < 0.95 * error_of(task, np.mean(members, axis=0))


def test_it_names_its_members_and_what_they_are_worth(task: Task) -> None:
    fitted = fit_ensemble(task)
    assert fitted.members == {name: f"v-{name}" for name in (FIRST, NOISE, SECOND)}
    assert sum(fitted.importance.values()) == pytest.approx(1)
    assert fitted.importance[FIRST] > fitted.importance[SECOND] > fitted.importance[NOISE]
    assert fitted.tensors["weights"].sum(axis=-1) == pytest.approx(1)
    assert set(fitted.settings["cross_validated_mae_mph"]) == set(CHOICES)


def test_weights_by_speed_are_chosen_only_where_they_pay(task: Task, network: Network) -> None:
    assert fit_ensemble(task).settings["weights"] == BY_HORIZON
    rng = np.random.default_rng(4)
    actual = task.recorded.actual(np.arange(ORIGINS))
    slow = np.nan_to_num(actual) < 40
    good, bad = rng.laplace(0, 1, actual.shape), rng.laplace(0, 8, actual.shape)
    divided = {
        FIRST: (actual + np.where(slow, good, bad)).astype(np.float32),
        SECOND: (actual + np.where(slow, bad, good)).astype(np.float32),
    }
    fitted = fit_ensemble(replace(task, predicted=divided))
    assert fitted.settings["weights"] != BY_HORIZON
    best = min(error_of(task, one) for one in divided.values())
    assert error_of(task, model_of(network, fitted).combine(wide(divided))) < 0.7 * best


def test_the_historical_average_is_a_member_where_others_do_not_know_it(task: Task, network: Network) -> None:
    assert HISTORICAL_AVERAGE not in fit_ensemble(task).members
    actual = task.recorded.actual(np.arange(ORIGINS))
    usual = (actual + np.random.default_rng(5).laplace(0, 2, actual.shape)).astype(np.float32)
    knows = replace(task, predicted={**task.predicted, HISTORICAL_AVERAGE: usual})
    fitted = fit_ensemble(knows)
    assert fitted.members[HISTORICAL_AVERAGE] == f"v-{HISTORICAL_AVERAGE}"
    said = model_of(network, fitted).combine(wide(knows.predicted))
    assert error_of(task, said) < 0.95 * min(error_of(task, usual), error_of(task, task.predicted[FIRST]))
    # One that was trained is enough with it.
    alone = {FIRST: task.predicted[FIRST], HISTORICAL_AVERAGE: usual}
    assert set(fit_ensemble(replace(task, predicted=alone)).members) == set(alone)


def test_it_is_the_same_every_time(task: Task) -> None:
    one, other = fit_ensemble(task), fit_ensemble(task)
    for name, tensor in one.tensors.items():
        np.testing.assert_array_equal(tensor, other.tensors[name])


def test_only_what_all_can_tell_is_fitted_to(task: Task) -> None:
    silent = task.predicted[FIRST].copy()
    silent[: ORIGINS // 2] = np.nan
    fitted = fit_ensemble(replace(task, predicted={**task.predicted, FIRST: silent}))
    assert np.isfinite(fitted.tensors["weights"]).all()


def test_a_limit_makes_it_use_fewer_rows(task: Task) -> None:
    now = 0.0

    def slow() -> float:
        nonlocal now
        now += 100.0
        return now

    limited = fit_ensemble(replace(task, seconds=10.0, clock=slow))
    assert limited.tensors["weights"].sum(axis=-1) == pytest.approx(1)
    assert now < 1000.0


def test_too_few_members_are_an_error(task: Task) -> None:
    with pytest.raises(ConfigurationError, match="needs 2 models"):
        fit_ensemble(replace(task, predicted={FIRST: task.predicted[FIRST]}))
    silent = np.full_like(task.predicted[FIRST], np.nan)
    with pytest.raises(ConfigurationError, match="never all forecast"):
        fit_ensemble(replace(task, predicted={FIRST: silent, SECOND: task.predicted[SECOND]}))


def test_weights_make_the_least_absolute_error() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(10, 70, 4000)
    rows = np.stack([truth + rng.laplace(0, scale, 4000) for scale in (1.0, 2.0)], axis=1)
    weights = least_absolute(rows, truth, 2).ravel()
    losses = {share: np.abs(rows @ [share, 1 - share] - truth).mean() for share in np.linspace(0, 1, 101)}
    assert np.abs(rows @ weights - truth).mean() < 1.003 * min(losses.values())


def test_the_design_says_what_the_model_does() -> None:
    rng = np.random.default_rng(2)
    knots, weights = np.array([20.0, 50.0, 60.0]), rng.dirichlet(np.ones(3), 3)
    told = rng.uniform(0, 80, (500, 3))
    names = ("a", "b", "c")
    model = Ensemble("1", dict.fromkeys(names, "1"), knots, np.broadcast_to(weights, (HORIZONS, 3, 3)))
    said = {name: np.repeat(told[None, :, place, None], HORIZONS, axis=2) for place, name in enumerate(names)}
    np.testing.assert_allclose(design(told, knots) @ weights.ravel(), model.combine(said)[0, :, 0])
