from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.train import Trained, train
from shared.forecasting.models.forecaster import LINEAR_REGRESSION
from shared.traffic.network import Network

LINEAR = Choice((LINEAR_REGRESSION,))


class Recorded(Protocol):
    start: object
    speed_mph: NDArray[np.float64]


@pytest.fixture(scope="session")
def recording(network: Network, history: Recorded) -> Recording:
    return Recording(network, history.start, history.speed_mph, "a test")  # type: ignore[arg-type]  # of the other conftest


@pytest.fixture(scope="session")
def trained(recording: Recording) -> Trained:
    return train(recording, LINEAR, now=recording.start)
