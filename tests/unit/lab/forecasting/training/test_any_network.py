"""Networks that nobody tuned anything for: what is trained quickly beats what needs no training, at every horizon."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from metrla.lab.forecasting.recording import simulate_recording
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.train import train
from metrla.local.launcher.request import PLAIN_MODEL, QUICK_MINUTES, QUICK_MODELS, SIMULATED_TRAINING_DAYS
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

NOW = datetime(2026, 11, 30, 14, tzinfo=UTC)
SLOWER = 3.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


def processor_clock() -> float:
    """Of a machine with a third of the power of this one, whatever else runs on it."""
    return SLOWER * time.process_time()


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=3)])
def test_what_a_demo_serves_of_simulated_traffic_beats_the_last_value_at_every_horizon(ago: timedelta) -> None:
    recording = simulate_recording(load_network(EXAMPLE_NETWORK), SIMULATED_TRAINING_DAYS, 7, NOW - ago, NOW)
    choice = Choice(tuple(QUICK_MODELS.split(",")), 7, 60 * QUICK_MINUTES)
    found = train(recording, choice, now=NOW, clock=processor_clock).figures
    assert found["serving"] == ENSEMBLE
    mine, last, usual = (found["horizons"][name] for name in (ENSEMBLE, "last_value", HISTORICAL_AVERAGE))
    for minutes, each in mine.items():
        assert each["mae"] < last[minutes]["mae"], minutes
        # It joins the ensemble only where that gains a hundredth, so that as much may be left to chance.
        assert each["mae"] < 1.01 * usual[minutes]["mae"], minutes


@pytest.mark.parametrize("seed", [7, 3])
def test_a_linear_model_beats_the_last_value_at_every_horizon_too(seed: int) -> None:
    """It is what a demo serves where the libraries of the train extra are missing."""
    recording = simulate_recording(load_network(EXAMPLE_NETWORK), SIMULATED_TRAINING_DAYS, seed, NOW, NOW)
    found = train(recording, Choice((PLAIN_MODEL,)), now=NOW).figures
    assert found["serving"] == PLAIN_MODEL
    mine = found["horizons"][PLAIN_MODEL]
    for other in ("last_value", HISTORICAL_AVERAGE):
        assert all(each["mae"] < found["horizons"][other][minutes]["mae"] for minutes, each in mine.items()), other
