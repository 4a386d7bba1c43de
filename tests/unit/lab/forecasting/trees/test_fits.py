import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor

from metrla.lab.forecasting.recorded import Recorded, last_values
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fitted import Fitted, Task
from metrla.lab.forecasting.training.trees.export import to_onnx
from metrla.lab.forecasting.training.trees.fit_random_forest import RandomForestSettings, fit_random_forest
from metrla.lab.forecasting.training.trees.fit_random_forest import trees_of as trees_of_forest
from metrla.lab.forecasting.training.trees.fit_xgboost import XgboostSettings, fit_xgboost, trees_of
from metrla.lab.forecasting.training.trees.rows import Source, partly_hidden
from shared.events.errors import ConfigurationError, ModelError
from shared.events.records import SensorId
from shared.forecasting.inputs.history import HORIZONS, Batch
from shared.forecasting.models.artefact import PROFILE, open_artefact, pack
from shared.forecasting.models.card import TrainingReport
from shared.forecasting.models.forecaster import RANDOM_FOREST, XGBOOST
from shared.forecasting.models.onnx import OnnxModel
from shared.forecasting.models.tabular import COUNT, NAMES
from shared.forecasting.models.trees import Trees
from shared.forecasting.registry.loading import MODELS
from shared.traffic.network import Network

Fit = Callable[[Task], Fitted]

FITS: dict[str, Fit] = {
    XGBOOST: partial(fit_xgboost, settings=XgboostSettings(stages=4, trees=15, rows=4_000, depth=4)),
    RANDOM_FOREST: partial(fit_random_forest, settings=RandomForestSettings(trees=6, rows=4_000, leaves=60)),
}
both = pytest.mark.parametrize("name", FITS)


def served(name: str, fitted: Fitted, recorded: Recorded, network: Network | None = None) -> Trees:
    tensors = {PROFILE: recorded.profile_mph.astype(np.float16), **fitted.tensors}
    artefact = pack(name, "1", recorded.network, tensors, TrainingReport(fitted.settings), onnx=fitted.onnx)
    model = MODELS[name](open_artefact(artefact, name, "1", network or recorded.network))
    assert isinstance(model, Trees)
    return model


@pytest.fixture(scope="session")
def models(recorded: Recorded, split: Split) -> dict[str, Trees]:
    class Nothing:
        def read(self, name: str) -> None: ...
        def write(self, name: str, content: bytes) -> None: ...
        def __call__(self, done: float, total: float, note: str = "") -> None: ...

    task = Task(recorded, split, 3, None, Nothing(), Nothing())
    return {name: served(name, fit(task), recorded) for name, fit in FITS.items()}


def validation(recorded: Recorded, split: Split) -> tuple[Batch, np.ndarray]:
    origins = np.arange(split.train, split.train + split.validation)
    return recorded.batch(origins), recorded.actual(origins)


def error(predicted: np.ndarray, actual: np.ndarray) -> float:
    return float(np.nanmean(np.abs(predicted - actual)))


@both
def test_it_beats_the_last_value_and_the_profile(
    name: str, models: dict[str, Trees], recorded: Recorded, split: Split
) -> None:
    batch, actual = validation(recorded, split)
    usual = models[name].profile_mph[batch.ahead_slots].transpose(0, 2, 1)
    mine = error(models[name].predict(batch), actual)
    assert mine < error(last_values(batch, usual[..., :1]), actual)
    assert mine < error(usual, actual)


@both
def test_a_fit_is_the_same_every_time(name: str, task: Task) -> None:
    one, other = FITS[name](replace(task, checkpoints=type(task.checkpoints)())), FITS[name](task)
    assert one.onnx == other.onnx
    assert one.settings == other.settings
    assert one.importance == other.importance
    assert FITS[name](replace(task, seed=4, checkpoints=type(task.checkpoints)())).onnx != one.onnx


@both
def test_a_fit_tells_what_matters_and_how_far_it_is(name: str, task: Task) -> None:
    fitted = FITS[name](task)
    assert list(fitted.importance) == list(NAMES)
    assert sum(fitted.importance.values()) == pytest.approx(1, abs=1e-6)
    told = task.progress.told  # type: ignore[attr-defined]  # of our fake
    assert told == sorted(told)
    assert told[-1][0] <= told[-1][1] == told[0][1]


def test_an_interrupted_boosting_goes_on_to_the_same_bytes(task: Task) -> None:
    whole = FITS[XGBOOST](task)
    content = task.checkpoints.content  # type: ignore[attr-defined]  # of our fake
    assert len(content) > 1
    del content[max(content)]
    assert FITS[XGBOOST](task).onnx == whole.onnx


@both
def test_the_test_part_changes_nothing(name: str, task: Task, recorded: Recorded, split: Split) -> None:
    scrambled = recorded.speed_mph.copy()
    seen = split.train + split.validation + 12 + HORIZONS - 1
    scrambled[seen:] = np.random.default_rng(0).permutation(scrambled[seen:])
    other = Recorded(recorded.network, recorded.start, scrambled, recorded.train_windows)
    again = FITS[name](replace(task, recorded=other, checkpoints=type(task.checkpoints)()))
    fitted = FITS[name](task)
    assert fitted.onnx == again.onnx
    for tensor, values in fitted.tensors.items():
        np.testing.assert_array_equal(values, again.tensors[tensor])


@both
def test_a_budget_makes_a_fit_smaller(name: str, task: Task) -> None:
    fitted = FITS[name](replace(task, seconds=0.2))
    assert fitted.settings["rows"] < 4_000


@both
def test_a_slower_machine_does_less_of_it_in_the_same_time(name: str, task: Task) -> None:
    def rows(slower: float) -> int:
        began = time.process_time()
        clock: Callable[[], float] = lambda: slower * (time.process_time() - began)  # noqa: E731 - typed
        fitted = FITS[name](replace(task, seconds=2.0, clock=clock, checkpoints=type(task.checkpoints)()))
        assert clock() < 20.0
        return int(fitted.settings["rows"])

    assert rows(1.0) > 2 * rows(30.0)


@both
def test_a_fit_with_a_limit_goes_on_to_the_same_bytes(name: str, task: Task) -> None:
    limited = replace(task, seconds=1.0)
    whole = FITS[name](limited)
    slow = replace(limited, clock=lambda: 1e6 * time.process_time())
    assert FITS[name](slow).onnx == whole.onnx


@both
def test_too_little_history_is_said_plainly(name: str, network: Network, recorded: Recorded, task: Task) -> None:
    speed = recorded.speed_mph[:120]
    split = Split.of(len(speed))
    short = Recorded(network, recorded.start, speed, split.train_windows)
    with pytest.raises(ConfigurationError, match="longer history"):
        FITS[name](replace(task, recorded=short, split=split))


@both
def test_a_validation_part_without_readings_is_said_plainly(name: str, task: Task, split: Split) -> None:
    speed = task.recorded.speed_mph.copy()
    speed[split.train + 12 :] = np.nan
    silent = Recorded(task.recorded.network, task.recorded.start, speed, split.train_windows)
    with pytest.raises(ConfigurationError, match="no readings"):
        FITS[name](replace(task, recorded=silent))


@both
def test_onnx_gives_the_boosters_and_the_forests_own_predictions(name: str, source: Source) -> None:
    sample = source.sample(2_000, np.random.default_rng(1))
    target = np.where(sample.told, sample.target, 0)
    if name == XGBOOST:
        parameters = {"multi_strategy": "multi_output_tree", "max_depth": 5, "base_score": 0, "nthread": 1}
        booster = xgboost.train(parameters, xgboost.QuantileDMatrix(sample.features, target), 20)
        own, onnx = booster.inplace_predict(sample.features), to_onnx(list(trees_of(booster)), "BRANCH_LT", COUNT)
    else:
        forest = RandomForestRegressor(10, max_leaf_nodes=100, random_state=1).fit(sample.features, target)
        own, onnx = forest.predict(sample.features), to_onnx(list(trees_of_forest(forest)), "BRANCH_LEQ", COUNT)
    (found,) = OnnxModel.open(onnx)(features=sample.features)
    assert np.isnan(sample.features).any()
    np.testing.assert_allclose(found, own, atol=0.02)


@both
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_whatever_is_missing_every_sensor_gets_a_forecast(
    name: str, seed: int, share: float, models: dict[str, Trees], recorded: Recorded
) -> None:
    rng = np.random.default_rng(seed)
    batch = recorded.batch(rng.integers(0, recorded.origins, 3))
    speed = np.where(rng.random(batch.speed_mph.shape) < share, np.nan, batch.speed_mph)
    predicted = models[name].predict(replace(batch, speed_mph=speed))
    assert predicted.shape == (3, len(recorded.network.sensors), HORIZONS)
    assert np.isfinite(predicted).all()
    assert (predicted >= 0).all()
    assert (predicted <= models[name].ceiling_mph).all()


@both
def test_origins_do_not_see_each_other(name: str, models: dict[str, Trees], recorded: Recorded) -> None:
    origins = np.array([3, 400, 1200])
    alone = np.concatenate([models[name].predict(recorded.batch(origins[[row]])) for row in range(3)])
    np.testing.assert_allclose(models[name].predict(recorded.batch(origins)), alone, atol=1e-3)


@both
def test_a_sensor_that_the_training_did_not_have_gets_a_forecast(name: str, task: Task, recorded: Recorded) -> None:
    fitted = FITS[name](task)
    network = recorded.network
    added = replace(network.sensors[0], sensor_id=SensorId("new"), postmile=0.5)
    grown = replace(network, sensors=(added, *network.sensors))
    model = served(name, fitted, recorded, grown)
    batch = recorded.batch(np.array([50]))
    speed = np.concatenate([batch.speed_mph[..., :1], batch.speed_mph], axis=-1)
    predicted = model.predict(replace(batch, network=grown, speed_mph=speed, recent=None, weeks=None))
    assert predicted.shape == (1, 5, HORIZONS)
    assert np.isfinite(predicted).all()


def test_an_artefact_that_does_not_fit_is_refused(task: Task, recorded: Recorded) -> None:
    fitted = FITS[RANDOM_FOREST](task)
    for broken, reason in (
        (replace(fitted, onnx=None), "model.onnx is missing"),
        (replace(fitted, onnx=b"nonsense"), "cannot open"),
        (replace(fitted, settings={**fitted.settings, "features": ["speed"]}), "other features"),
        (replace(fitted, tensors={}), "ceiling_mph is missing"),
    ):
        with pytest.raises(ModelError, match=reason):
            served(RANDOM_FOREST, broken, recorded)


def test_hidden_input_is_hidden_and_nothing_else_changes(recorded: Recorded) -> None:
    view = recorded.view(np.arange(600))
    hidden = partly_hidden(view, np.random.default_rng(1))
    gone = np.isnan(hidden.speed_mph) & ~np.isnan(view.speed_mph)
    assert 0.08 < gone.mean() < 0.25
    kept = ~np.isnan(hidden.speed_mph)
    assert (hidden.speed_mph[kept] == view.speed_mph[kept]).all()
    assert (hidden.ahead_mph == view.ahead_mph).all()


def test_rows_are_of_readings_that_exist(source: Source) -> None:
    sample = source.sample(1_000, np.random.default_rng(1))
    assert sample.told.any(axis=1).all()
    assert 500 < len(sample.features) <= 1_000
    assert (sample.target[~sample.told] == 0).all()
    assert len(source.sample(10**9, np.random.default_rng(1)).features) <= source.available
