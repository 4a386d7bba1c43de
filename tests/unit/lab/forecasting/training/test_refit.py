"""What serves after a refit: the same work on all of a recording, judged and calibrated by what came before it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load

from metrla.lab.forecasting.evaluation.evaluate import evaluate
from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.serving import serving_of
from metrla.lab.forecasting.training.fitted import Task, TooLittleError
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.run.catalogue import ORDER
from metrla.lab.forecasting.training.run.work import Work
from metrla.lab.forecasting.training.train import Trained, train
from shared.archive.layout import MODEL_FILE, ONNX_FILE
from shared.archive.local import LocalArchive
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.card import PROTOCOL, REFIT
from shared.forecasting.models.forecaster import (
    ENSEMBLE,
    LINEAR_REGRESSION,
    NEURAL_NETWORK,
    PREFERRED,
    RANDOM_FOREST,
    XGBOOST,
)
from shared.forecasting.registry.loading import open_model
from shared.forecasting.registry.registry import save
from shared.forecasting.registry.serving import Serving
from shared.forecasting.scoring.scoreboard import Scoreboard, Spans
from shared.traffic.steps import Step
from tests.unit.lab.forecasting.training.small import DAYS, SMALL, START, hashes, recording

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
AGAIN = Choice(ORDER, refit=True)


@pytest.fixture(scope="module")
def short() -> Recording:
    return recording()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Work:
    return Work(tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def judged(short: Recording, work: Work) -> Trained:
    return train(short, replace(AGAIN, refit=False), now=START, work=work, fits=SMALL)


@pytest.fixture(scope="module")
def again(short: Recording, work: Work, judged: Trained) -> Trained:
    assert judged.serves == PROTOCOL
    return train(short, AGAIN, now=START, work=work, fits=SMALL)


def tensors(trained: Trained, name: str) -> Mapping[str, NDArray[Any]]:
    found: Mapping[str, NDArray[Any]] = load(trained.artefacts[name].files[MODEL_FILE])
    return found


def card(trained: Trained, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(trained.artefacts[name].card)
    return found


@pytest.mark.parametrize("name", PREFERRED)
def test_the_weights_are_of_all_days_the_intervals_of_days_that_were_not_seen(
    judged: Trained, again: Trained, name: str
) -> None:
    before, after = tensors(judged, name), tensors(again, name)
    assert not np.array_equal(before["profile_mph"], after["profile_mph"])
    calibration = [one for one in before if one.startswith("calibration.")]
    assert calibration
    assert all(np.array_equal(before[one], after[one]) for one in calibration)
    own = {LINEAR_REGRESSION: "weights", NEURAL_NETWORK: "0/enter"}.get(name)
    if own is not None:
        assert not np.array_equal(before[own], after[own])
    if name in (XGBOOST, RANDOM_FOREST):
        assert judged.artefacts[name].files[ONNX_FILE] != again.artefacts[name].files[ONNX_FILE]
    if name == ENSEMBLE:
        assert np.array_equal(before["weights"], after["weights"])


@pytest.mark.parametrize("name", PREFERRED)
def test_the_card_keeps_the_figures_of_what_was_judged_and_says_what_serves(
    judged: Trained, again: Trained, name: str
) -> None:
    before, after = card(judged, name), card(again, name)
    assert after["results"] == before["results"]
    assert after["calibration"] == before["calibration"]
    assert after["settings"] == before["settings"]
    assert (before["serves"], after["serves"]) == (PROTOCOL, REFIT)
    assert after["days"] == DAYS
    assert before["days"] == pytest.approx(0.7 * DAYS, abs=0.2)


def test_it_is_done_once_and_comes_out_the_same(short: Recording, again: Trained, work: Work) -> None:
    def never(task: Task) -> Any:  # noqa: ANN401 - what the fit returns
        assert task.again is None
        return SMALL[XGBOOST](task)

    kept = train(short, AGAIN, now=START, work=work, fits={**SMALL, XGBOOST: partial(never)})
    assert hashes(kept.artefacts) == hashes(again.artefacts)
    fresh = train(short, replace(AGAIN, models=(XGBOOST,)), now=START, fits=SMALL)
    assert hashes(fresh.artefacts)[f"{XGBOOST}/{ONNX_FILE}"] == hashes(again.artefacts)[f"{XGBOOST}/{ONNX_FILE}"]


def test_it_is_all_models_or_none(short: Recording, judged: Trained) -> None:
    def once(task: Task) -> Any:  # noqa: ANN401 - what the fit returns
        if task.again is not None:
            raise TooLittleError("not twice")
        return SMALL[XGBOOST](task)

    trained = train(short, AGAIN, now=START, fits={**SMALL, XGBOOST: once})
    assert trained.serves == PROTOCOL
    assert hashes(trained.artefacts) == hashes(judged.artefacts)


class Clock:
    """Stands still but for what is worked."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("seconds", "slower", "serves"), [(20.0, 1.0, REFIT), (20.0, 3.0, PROTOCOL), (59.0, 1.0, PROTOCOL)]
)
def test_it_is_made_where_there_is_time_and_given_up_where_that_was_wrong(
    short: Recording, seconds: float, slower: float, serves: str
) -> None:
    clock = Clock()

    def slow(task: Task) -> Any:  # noqa: ANN401 - what the fit returns
        parts = 100
        for part in range(parts):
            clock.now += seconds / parts * (1.0 if task.again is None else slower)
            task.progress(part + 1, parts)
        return SMALL[LINEAR_REGRESSION](replace(task, seconds=None))

    choice = Choice((LINEAR_REGRESSION,), budget_seconds=60.0, refit=True)
    trained = train(short, choice, now=START, fits={LINEAR_REGRESSION: slow}, clock=clock)
    assert trained.serves == serves
    assert clock.now <= 60.0


def test_it_is_not_judged_on_days_that_it_has_seen(
    short: Recording, judged: Trained, again: Trained, tmp_path: Path
) -> None:
    archive, network = LocalArchive(tmp_path), short.network
    assert again.judged_version is not None
    assert again.judged_version < again.version
    assert hashes(again.judged) == hashes(judged.artefacts)
    for version, artefacts in ((again.judged_version, again.judged), (again.version, again.artefacts)):
        for name, artefact in artefacts.items():
            save(archive, network.network_id, name, version, artefact)
    serving = serving_of(archive, network, None)
    assert {one.model.version for one in serving.ranked} == {again.version}

    def found(recording: Recording, models: list[str] | None = None) -> Mapping[str, Any]:
        return evaluate(
            recording,
            serving_of(archive, network, models),
            lambda of, *, judged=False: serving_of(archive, of, models, judged=judged),
            robustness=False,
            watch=lambda _stage, _done, _total, _note="": None,
        )

    before = found(short)
    assert {each["version"] for each in before["models"].values()} == {again.judged_version}
    assert before["test"] == judged.figures["test"]
    assert found(short, [ENSEMBLE])["test"][ENSEMBLE] == judged.figures["test"][ENSEMBLE]
    longer = replace(short, speed_mph=np.concatenate([short.speed_mph, short.speed_mph[-400:]]))
    after = found(longer)
    assert {each["version"] for each in after["models"].values()} == {again.version}
    assert after["first_origin"] >= (short.start + DAYS * 288 * network.window).isoformat()
    assert after["origins"] < after["data"]["origins"]["test"]


def test_it_is_not_scored_live_on_days_that_it_has_seen(short: Recording, again: Trained) -> None:
    network, rows = short.network, LAGS + HORIZONS
    speed_mph = np.concatenate([short.speed_mph[-3 * rows :], short.speed_mph[:rows]])
    first, end = len(short.speed_mph) - 3 * rows, short.start + len(short.speed_mph) * network.window

    def scored(version: str, artefacts: Mapping[str, Artefact]) -> list[datetime]:
        ranked = tuple(open_model(artefacts[name], name, version, network) for name in PREFERRED)
        serving = Serving(ranked, {one.key: one for one in ranked})
        board, forecasting = Scoreboard(network, 4, Spans(timedelta(days=1), timedelta(days=1))), Forecasting(network)
        board.admit(serving)
        found = []
        for last in range(rows, len(speed_mph)):
            shown = speed_mph[last - rows + 1 : last + 1]
            unknown, came = np.full(shown.shape, np.nan), np.ones(shown.shape, dtype=np.int64)
            start = short.start + (first + last) * network.window
            step = Step(network, start, shown, unknown, unknown, unknown, came, again=False)
            found += board.observe(step)
            found += board.remember(step, forecasting.forecast(step, serving))
        return sorted({one.timestamp for one in found})

    assert again.judged_version is not None
    assert min(scored(again.judged_version, again.judged)) < end
    after = scored(again.version, again.artefacts)
    assert after[0] == end + network.window
    assert after[-1] == end + rows * network.window
