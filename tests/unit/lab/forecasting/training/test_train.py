import json
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.fit_ensemble import fit_ensemble
from metrla.lab.forecasting.training.fit_linear import fit_linear
from metrla.lab.forecasting.training.fitted import Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.run.catalogue import ORDER, SCORING_SHARE, SHARES, seconds_of
from metrla.lab.forecasting.training.run.work import Work
from metrla.lab.forecasting.training.train import Trained, train
from shared.events.errors import ConfigurationError
from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.forecaster import (
    ENSEMBLE,
    HISTORICAL_AVERAGE,
    LINEAR_REGRESSION,
    NEURAL_NETWORK,
    XGBOOST,
)

LINEAR = Choice((LINEAR_REGRESSION,))


def files(artefact: Artefact) -> dict[str, bytes]:
    return dict(artefact.files)


def test_the_model_beats_what_needs_no_model(trained: Trained) -> None:
    mine, usual, last = (
        trained.figures["test"][name] for name in (LINEAR_REGRESSION, "historical_average", "last_value")
    )
    for minutes in ("15", "30", "60"):
        assert mine[minutes]["rmse"] < usual[minutes]["rmse"]
    for minutes in ("30", "60"):
        assert mine[minutes]["rmse"] < last[minutes]["rmse"]


def test_the_card_tells_where_the_model_comes_from_and_how_good_it_is(trained: Trained, recording: Recording) -> None:
    card = json.loads(trained.artefacts[LINEAR_REGRESSION].card)
    assert card["training_data"]["source"] == "a test"
    assert card["training_data"]["origins"] == {
        "train": trained.split.train,
        "validation": trained.split.validation,
        "test": trained.split.test,
    }
    assert len(card["training_data"]["sha256"]) == 64
    assert card["results"]["test"]["15"] == trained.figures["test"][LINEAR_REGRESSION]["15"]
    assert list(card["results"]["validation"]) == [str(5 * step) for step in range(1, 13)]
    assert 0.8 < card["calibration"]["coverage_90"]["60"] < 1.0
    assert card["seed"] == 1
    assert {"metrla", "numpy", "scikit-learn"} <= set(card["software"])
    assert sum(card["importance"].values()) == pytest.approx(1.0)
    assert card["sensors"] == [sensor.sensor_id for sensor in recording.network.sensors]


def test_nothing_of_the_test_part_gets_into_an_artefact(recording: Recording, trained: Trained) -> None:
    speeds = recording.speed_mph.copy()
    first_tested = trained.split.train + trained.split.validation + 23
    speeds[first_tested:] = np.random.default_rng(0).permuted(speeds[first_tested:], axis=0)
    again = train(replace(recording, speed_mph=speeds), LINEAR, now=recording.start)
    assert again.figures["test"] != trained.figures["test"]
    assert {name: files(one) for name, one in again.artefacts.items()} == {
        name: files(one) for name, one in trained.artefacts.items()
    }


def test_what_is_finished_is_not_done_again(recording: Recording, trained: Trained, tmp_path: Path) -> None:
    begun: list[str] = []

    def linear(task: Task) -> Fitted:
        begun.append("linear")
        return fit_linear(task)

    fits = {LINEAR_REGRESSION: linear}
    told: list[str] = []

    def watch(stage: str, done: float, total: float, note: str = "") -> None:
        del stage, done, total
        told.append(note)

    for _ in range(2):
        again = train(
            recording,
            LINEAR,
            now=recording.start,
            work=Work(tmp_path),
            fits=fits,
            watch=watch,
        )
        assert files(again.artefacts[LINEAR_REGRESSION]) == files(trained.artefacts[LINEAR_REGRESSION])
    assert begun == ["linear"]
    assert "kept from an earlier run" in told


@pytest.mark.parametrize(
    "changed",
    [
        lambda recording, choice: (recording, replace(choice, seed=2)),
        lambda recording, choice: (recording, replace(choice, budget_seconds=60.0)),
        lambda recording, choice: (replace(recording, speed_mph=recording.speed_mph + 1.0), choice),
    ],
)
def test_what_was_fitted_to_something_else_is_not_taken(
    recording: Recording, tmp_path: Path, changed: Callable[[Recording, Choice], tuple[Recording, Choice]]
) -> None:
    begun = 0

    def linear(task: Task) -> Fitted:
        nonlocal begun
        begun += 1
        return fit_linear(task)

    for of in ((recording, LINEAR), changed(recording, LINEAR)):
        train(*of, now=recording.start, work=Work(tmp_path), fits={LINEAR_REGRESSION: linear})
    assert begun == 2


def test_what_was_fitted_with_other_settings_is_not_taken(recording: Recording, tmp_path: Path) -> None:
    begun: list[int] = []

    def linear(task: Task, settings: int) -> Fitted:
        begun.append(settings)
        return fit_linear(task)

    for settings in (1, 1, 2):
        fits = {LINEAR_REGRESSION: partial(linear, settings=settings)}
        train(recording, LINEAR, now=recording.start, work=Work(tmp_path), fits=fits)
    assert begun == [1, 2]


def test_an_interrupted_fit_goes_on_from_its_checkpoint(recording: Recording, trained: Trained, tmp_path: Path) -> None:
    reached: list[int] = []

    def linear(task: Task) -> Fitted:
        before = int(task.checkpoints.read("place") or b"0")
        for place in range(before, 4):
            reached.append(place)
            task.checkpoints.write("place", str(place + 1).encode())
            if place == 2 and before == 0:
                raise KeyboardInterrupt
        return fit_linear(task)

    fits = {LINEAR_REGRESSION: linear}
    with pytest.raises(KeyboardInterrupt):
        train(recording, LINEAR, now=recording.start, work=Work(tmp_path), fits=fits)
    again = train(recording, LINEAR, now=recording.start, work=Work(tmp_path), fits=fits)
    assert reached == [0, 1, 2, 3]
    assert files(again.artefacts[LINEAR_REGRESSION]) == files(trained.artefacts[LINEAR_REGRESSION])


@pytest.mark.parametrize("spent", [0.0, 50.0, 300.0])
def test_the_network_gets_what_others_leave_of_a_budget(spent: float) -> None:
    chosen = (LINEAR_REGRESSION, XGBOOST, NEURAL_NETWORK, ENSEMBLE)
    whole = SCORING_SHARE + sum(SHARES[name] for name in chosen)
    budget = 1000.0 * whole
    assert set(SHARES) == set(ORDER)
    assert sum(SHARES.values()) + SCORING_SHARE == pytest.approx(1.0)
    # The quick ones have their own shares, and what is reserved is not theirs, however late it is.
    assert seconds_of(LINEAR_REGRESSION, chosen, budget, budget) == pytest.approx(1000.0 * SHARES[LINEAR_REGRESSION])
    assert seconds_of(XGBOOST, chosen, budget, budget - spent) == pytest.approx(max(1.0, 190.0 - spent))
    reserved = 1000.0 * (SCORING_SHARE + SHARES[ENSEMBLE])
    assert seconds_of(NEURAL_NETWORK, chosen, budget, budget - spent) == pytest.approx(budget - spent - reserved)
    assert seconds_of(ENSEMBLE, chosen, budget, -5.0) == 1.0


class Clock:
    """That of a machine on which all work takes so many times as long."""

    def __init__(self, factor: float) -> None:
        self.factor, self.began = factor, time.process_time()

    def __call__(self) -> float:
        return self.factor * (time.process_time() - self.began)


@pytest.mark.parametrize("slower", [1.0, 30.0])
def test_a_budget_is_kept_on_a_machine_that_is_much_slower(recording: Recording, slower: float) -> None:
    clock, budget = Clock(slower), 30.0
    trained = train(recording, Choice(LINEAR.models, budget_seconds=budget), now=recording.start, clock=clock)
    assert clock() < 1.5 * budget
    assert trained.tested <= trained.split.test
    assert (trained.tested < trained.split.test) == (slower > 1.0)


def test_what_cannot_be_fitted_is_left_out_where_that_is_allowed(recording: Recording, tmp_path: Path) -> None:
    tries = 0

    def never(_task: Task) -> Fitted:
        nonlocal tries
        tries += 1
        raise TooLittleError("never enough")

    fits = {LINEAR_REGRESSION: fit_linear, XGBOOST: never, ENSEMBLE: fit_ensemble}
    choice = Choice((LINEAR_REGRESSION, XGBOOST, ENSEMBLE), where_possible=True)
    for _ in range(2):
        trained = train(recording, choice, now=recording.start, fits=fits, work=Work(tmp_path))
        assert set(trained.artefacts) == {HISTORICAL_AVERAGE, LINEAR_REGRESSION, ENSEMBLE}
        assert trained.left_out == {XGBOOST: "never enough"}
    assert tries == 1
    with pytest.raises(ConfigurationError, match="never enough"):
        train(recording, replace(choice, where_possible=False), now=recording.start, fits=fits)
    with pytest.raises(ConfigurationError, match="never enough"):
        train(recording, Choice((XGBOOST,), where_possible=True), now=recording.start, fits=fits)


@pytest.mark.parametrize(
    ("rows", "models", "said"),
    [
        (100, (LINEAR_REGRESSION,), "days"),
        (800, (LINEAR_REGRESSION,), "needs"),
        (800, ("oracle",), "cannot train 'oracle'"),
        (800, (ENSEMBLE,), "needs a model to combine"),
    ],
)
def test_what_cannot_be_trained_is_said(recording: Recording, rows: int, models: tuple[str, ...], said: str) -> None:
    short = replace(recording, speed_mph=recording.speed_mph[:rows])
    with pytest.raises(ConfigurationError, match=said):
        train(short, Choice(models), now=recording.start)


def test_a_history_without_readings_is_refused(recording: Recording) -> None:
    empty = replace(recording, speed_mph=np.full((1000, 4), np.nan))
    with pytest.raises(ConfigurationError, match="no readings"):
        train(empty, LINEAR, now=recording.start)
