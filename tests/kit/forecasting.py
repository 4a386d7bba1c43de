from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fit_linear import fit_linear
from metrla.lab.forecasting.training.fitted import Task
from shared.forecasting.calibration.spread import Context, Uncertainty
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.artefact import PROFILE, Artefact, pack
from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE, LINEAR_REGRESSION
from shared.traffic.arrays import Floats
from shared.traffic.network import Edge, Network
from shared.traffic.steps import Step
from tests.kit.networks import along, network_of

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)  # a Monday, midnight in Los Angeles
SENSORS = 4


@dataclass(frozen=True)
class History:
    start: datetime
    speed_mph: NDArray[np.float64]


@pytest.fixture(scope="session")
def network() -> Network:
    sensors = along("I-405 N", [f"S{place}" for place in range(SENSORS)], degrees_per_mile=0.01)
    edges = (Edge(one.sensor_id, other.sensor_id, 0.8) for one, other in pairwise(sensors))
    return network_of(*sensors, edges=edges)


@pytest.fixture(scope="session")
def history() -> History:
    """Eight days with a morning peak and slow noise that moves upstream; the last sensor is always missing."""
    rng = np.random.default_rng(7)
    windows = 8 * 288
    hours = np.arange(windows) / 12 % 24
    noise = np.zeros(windows)
    for row in range(1, windows):
        noise[row] = 0.9 * noise[row - 1] + rng.normal(0, 2.0)
    peak = 30 * np.exp(-(((hours - 8) / 1.5) ** 2))
    speed = np.stack([62 - peak + np.roll(noise, lag) + rng.normal(0, 0.7, windows) for lag in (2, 1, 0, 0)], axis=1)
    speed = np.clip(speed, 3, 75)
    speed[rng.random(speed.shape) < 0.05] = np.nan
    speed[:, -1] = np.nan
    return History(START, speed)


@pytest.fixture(scope="session")
def split(history: History) -> Split:
    return Split.of(len(history.speed_mph))


@pytest.fixture(scope="session")
def recorded(network: Network, history: History, split: Split) -> Recorded:
    return Recorded(network, history.start, history.speed_mph, split.train_windows, split.train_windows)


class Nothing:
    """No checkpoints, and nobody who watches."""

    def read(self, name: str) -> None:
        pass

    def write(self, name: str, content: bytes) -> None:
        pass

    def __call__(self, done: float, total: float, note: str = "") -> None:
        pass


@pytest.fixture(scope="session")
def artefacts(network: Network, recorded: Recorded, split: Split) -> Mapping[str, Artefact]:
    """Of version 20260302, calibrated on invented residuals."""
    fitted = fit_linear(Task(recorded, split, 1, None, Nothing(), Nothing()))
    rng = np.random.default_rng(5)
    predicted: Floats = rng.uniform(20, 70, (400, SENSORS, HORIZONS))
    context = Context(predicted, np.zeros_like(predicted), np.full((400, SENSORS), 12))
    spread = Uncertainty.fit(context, predicted + rng.normal(0, 3, predicted.shape)).tensors()
    tensors = {PROFILE: recorded.profile_mph.astype(np.float16), **spread}
    own = {HISTORICAL_AVERAGE: {}, LINEAR_REGRESSION: fitted.tensors}
    return {name: pack(name, "20260302", network, {**tensors, **mine}) for name, mine in own.items()}


MakeStep = Callable[..., Step]


@pytest.fixture(scope="session")
def step_of(network: Network, history: History) -> MakeStep:
    """The step whose newest window is row `row` of the history, with `speed_mph` instead where given."""

    def make(row: int, speed_mph: NDArray[np.float64] | None = None) -> Step:
        speeds = history.speed_mph[row - 11 : row + 1] if speed_mph is None else speed_mph
        return Step(
            network=network,
            window_start=history.start + row * timedelta(minutes=5),
            speed_mph=speeds,
            share_observed=np.ones_like(speeds),
            volume_vehicles=np.full_like(speeds, np.nan),
            occupancy=np.full_like(speeds, np.nan),
            revisions=np.ones(speeds.shape, dtype=np.int64),
            again=False,
        )

    return make
