import os
import time
from pathlib import Path

import numpy as np
import pytest

from metrla.lab.forecasting.training.fitted import Checkpoints, Fitted
from metrla.lab.forecasting.training.run.work import Folder, Memory, Timed, Work, keep, kept
from shared.events.errors import ConfigurationError

FITTED = Fitted(
    tensors={"weights": np.arange(6, dtype=np.float16).reshape(2, 3)},
    onnx=b"a graph",
    importance={"own": 1.0},
    settings={"trees": 5},
    members={"xgboost": "1"},
)


@pytest.fixture(params=["folder", "memory"])
def checkpoints(request: pytest.FixtureRequest, tmp_path: Path) -> Checkpoints:
    return Folder(tmp_path / "deep" / "folder") if request.param == "folder" else Memory()


def test_checkpoints_hold_what_was_written_last(checkpoints: Checkpoints) -> None:
    assert checkpoints.read("epoch") is None
    checkpoints.write("epoch", b"1")
    checkpoints.write("epoch", b"2")
    assert checkpoints.read("epoch") == b"2"


def test_a_finished_fit_comes_back_as_it_was(checkpoints: Checkpoints) -> None:
    assert kept(checkpoints) is None
    keep(checkpoints, FITTED, 12.5)
    found = kept(checkpoints)
    assert found is not None
    fitted, seconds = found
    assert seconds == 12.5
    assert fitted.tensors["weights"].dtype == np.float16
    np.testing.assert_array_equal(fitted.tensors["weights"], FITTED.tensors["weights"])
    assert (fitted.onnx, fitted.importance, fitted.settings, fitted.members) == (
        FITTED.onnx,
        FITTED.importance,
        FITTED.settings,
        FITTED.members,
    )


def test_the_time_of_interrupted_runs_counts_up_to_their_last_write(checkpoints: Checkpoints) -> None:
    now = 100.0
    first = Timed(checkpoints, lambda: now)
    assert first.seconds == 0
    now = 130.0
    first.write("epoch", b"1")
    now = 135.0  # lost: nothing was written after it
    assert first.seconds == 35
    now = 5.0  # another process has another clock
    second = Timed(checkpoints, lambda: now)
    assert second.read("epoch") == b"1"
    now = 15.0
    assert second.seconds == 40
    second.write("epoch", b"2")
    assert Timed(checkpoints, lambda: now).seconds == 40


def test_half_a_fit_is_none() -> None:
    checkpoints = Memory()
    keep(checkpoints, FITTED, 1.0)
    del checkpoints.kept["fitted.json"]
    assert kept(checkpoints) is None


def test_a_folder_leaves_nothing_partial(tmp_path: Path) -> None:
    Folder(tmp_path).write("a", b"content")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigurationError, match="cannot keep what was trained"):
        Folder(tmp_path / "file").write("a", b"")


def test_each_model_recording_and_choice_has_a_folder_of_its_own(tmp_path: Path) -> None:
    work = Work(tmp_path)
    work.of("xgboost", {"seed": 1, "data": "x"}).write("a", b"1")
    assert work.of("xgboost", {"data": "x", "seed": 1}).read("a") == b"1"
    assert work.of("xgboost", {"data": "x", "seed": 2}).read("a") is None
    assert work.of("random_forest", {"data": "x", "seed": 1}).read("a") is None
    work.clear()
    assert work.of("xgboost", {"data": "x", "seed": 1}).read("a") is None


def test_what_nobody_has_touched_for_long_is_forgotten(tmp_path: Path) -> None:
    work = Work(tmp_path)
    for seed in (1, 2):
        work.of("xgboost", {"seed": seed}).write("a", b"1")
    old = next(iter(tmp_path.iterdir()))
    for path in (*old.iterdir(), old):
        os.utime(path, (time.time() - 31 * 86_400,) * 2)
    work.tidy()
    assert len(list(tmp_path.iterdir())) == 1
    assert not old.exists()


def test_without_a_folder_nothing_is_kept_and_that_is_said() -> None:
    work = Work()
    work.of("xgboost", {}).write("a", b"1")
    assert work.of("xgboost", {}).read("a") is None
    assert "--work" in work.way_on()
    work.clear()
    work.tidy()
