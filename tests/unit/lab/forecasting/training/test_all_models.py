"""What must hold of all models together; they are small, and learn from a week of a few simulated sensors."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.run.work import FITTED, Work
from metrla.lab.forecasting.training.train import Trained
from shared.forecasting.models.forecaster import PREFERRED
from tests.kit.places import ROOT
from tests.kit.until import until_blocking
from tests.unit.lab.forecasting.training.small import hashes, recording, train_small

PATIENCE_S = 100.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def short() -> Recording:
    return recording()


@pytest.fixture(scope="module")
def everything(short: Recording) -> Trained:
    return train_small(short)


def test_every_model_is_there_and_has_its_figures(everything: Trained) -> None:
    assert set(everything.artefacts) == set(PREFERRED)
    assert list(everything.figures["test"]) == [*PREFERRED, "last_value"]
    assert everything.figures["serving"] == PREFERRED[0]


def test_nothing_of_the_test_part_gets_into_any_artefact(short: Recording, everything: Trained) -> None:
    speeds = short.speed_mph.copy()
    first_tested = everything.split.train + everything.split.validation + 23
    speeds[first_tested:] = np.random.default_rng(0).permuted(speeds[first_tested:], axis=0)
    again = train_small(replace(short, speed_mph=speeds))
    assert again.figures["test"] != everything.figures["test"]
    assert hashes(again.artefacts) == hashes(everything.artefacts)


def test_training_twice_gives_the_same_models(short: Recording, everything: Trained) -> None:
    assert hashes(train_small(short).artefacts) == hashes(everything.artefacts)


def test_a_killed_training_ends_with_the_same_models(short: Recording, everything: Trained, tmp_path: Path) -> None:
    script = [sys.executable, "-m", "tests.unit.lab.forecasting.training.small", str(tmp_path)]
    trainer = subprocess.Popen(script, cwd=ROOT)

    def under_way() -> bool:
        assert trainer.poll() is None, "it was done before it could be killed"
        return bool(list(tmp_path.glob("neural_network-*/member-0")))

    try:
        until_blocking(under_way, "the first member is trained", PATIENCE_S)
        trainer.send_signal(signal.SIGKILL)
    finally:
        trainer.kill()
        trainer.wait()
    assert not list(tmp_path.glob(f"neural_network-*/{FITTED}"))
    assert list(tmp_path.glob(f"xgboost-*/{FITTED}"))
    assert hashes(train_small(short, Work(tmp_path)).artefacts) == hashes(everything.artefacts)
