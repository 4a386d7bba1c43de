"""Windows of 1 to 60 minutes: models are trained on them, and horizons follow."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.train import train
from shared.forecasting.inputs.history import minutes_ahead
from shared.forecasting.models.forecaster import LINEAR_REGRESSION
from tests.kit.networks import along, network_of

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WINDOWS = 3000


@pytest.mark.parametrize("minutes", [1, 15, 60])
def test_models_are_trained_on_any_length_of_windows(minutes: int) -> None:
    window = timedelta(minutes=minutes)
    network = network_of(
        *along("I-5 N", ("1", "2"), degrees_per_mile=0.01), window=window, reading_interval=window, holidays="US-CA"
    )
    of_day = (np.arange(WINDOWS) * minutes % 1440) / 1440
    swing = np.random.default_rng(1).normal(scale=2.0, size=(WINDOWS, 2))
    recording = Recording(network, START, 60 - 15 * np.sin(np.pi * of_day)[:, None] + swing, "a test")
    trained = train(recording, Choice((LINEAR_REGRESSION,), 1, None), now=START)
    assert set(trained.artefacts) == {LINEAR_REGRESSION, "historical_average"}
    assert trained.split.test > 500
    assert minutes_ahead(window) == [minutes * ahead for ahead in range(1, 13)]
