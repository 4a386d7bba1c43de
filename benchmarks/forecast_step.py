"""How long one network step takes, from its windows to predictions in the store, and how that grows with the network.

    python -m benchmarks.forecast_step [--sensors N,N,...]

The yardstick is what the naive forecast would take in the same run: the last speed, made into the same records. Times
are of this process's CPU, best of five, so that other load on the machine weighs little.
"""

import argparse
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from zoneinfo import ZoneInfo

import numpy as np

from services.predictor.calibration import TENSORS
from services.predictor.forecasting import Forecasting
from services.predictor.history import DAY_TYPES, HORIZONS, LAGS, slots_per_day
from services.predictor.models.forecaster import Forecaster
from services.predictor.models.linear_features import COUNT
from services.predictor.models.linear_regression import NAME, LinearRegression
from shared.events.avro import codec
from shared.events.records import (
    HorizonForecast,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficPrediction,
)
from shared.networks.network import Network, Sensor
from shared.store.opening import open_store
from shared.windows import NetworkSteps, Step

ROUNDS = 5
START = datetime(2012, 5, 2, 7, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
STATIONS_PER_ROAD = 100
STAGES = ("assemble", "forecast", "encode", "store")
BUDGET_MS = 100.0
BUDGET_SENSORS = 207


def network_of(count: int) -> Network:
    """A network of so many stations, half a mile apart."""
    sensors = tuple(
        Sensor(
            SensorId(str(700000 + number)),
            f"Station {number}",
            f"I-{number // STATIONS_PER_ROAD}",
            "N",
            number % STATIONS_PER_ROAD / 2,
            34.0,
            -118.0,
        )
        for number in range(count)
    )
    return Network(NetworkId(f"of-{count}"), "Benchmark", ZoneInfo("America/Los_Angeles"), sensors)


def windows_of(network: Network, number: int, random: np.random.Generator) -> list[ProcessedTrafficAggregate]:
    """The windows of one step."""
    start = START + number * WINDOW
    speeds = random.uniform(5, 70, len(network.sensors)).tolist()
    return [
        ProcessedTrafficAggregate(
            network.network_id,
            one.sensor_id,
            start,
            start + WINDOW,
            1,
            1,
            speed,
            speed,
            speed,
            0.0,
            None,
            None,
            1.0,
            "e",
        )
        for one, speed in zip(network.sensors, speeds, strict=True)
    ]


def model_of(network: Network, random: np.random.Generator) -> Forecaster:
    """A model of the right size."""
    sensors, regimes = len(network.sensors), (HORIZONS, 4)
    tensors = {
        "profile_mph": random.uniform(30, 70, (DAY_TYPES * slots_per_day(network), sensors)),
        "weights": random.normal(0, 0.02, (sensors, COUNT, HORIZONS)),
        "intercepts": np.zeros((sensors, HORIZONS)),
        "ceiling_mph": np.full(sensors, 75.0),
        **dict(zip(TENSORS, (np.full(regimes, -5.0), np.full(regimes, 5.0), np.full(regimes, 0.8)), strict=True)),
    }
    return LinearRegression.of_tensors(network, "benchmark", tensors)


def last_speed(step: Step) -> list[TrafficPrediction]:
    """The naive forecast."""
    targets = [step.window_end + ahead * WINDOW for ahead in range(1, HORIZONS + 1)]
    return [
        TrafficPrediction(
            step.network.network_id,
            sensor.sensor_id,
            step.window_end,
            "last_value",
            "1",
            1,
            speed,
            tuple(HorizonForecast(5 * (k + 1), at, speed, speed - 5, speed + 5, 0.5) for k, at in enumerate(targets)),
        )
        for sensor, speed in zip(step.network.sensors, step.speed_mph[-1].tolist(), strict=True)
    ]


def milliseconds(work: Callable[[], object]) -> float:
    """CPU time of the best of `ROUNDS` rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        began = process_time()
        work()
        best = min(best, process_time() - began)
    return 1000 * best


def measure(sensors: int, folder: Path) -> Mapping[str, float]:
    """CPU milliseconds of each stage of one step."""
    random = np.random.default_rng(7)
    network = network_of(sensors)
    model = {NAME: model_of(network, random)}
    steps = NetworkSteps(network)
    for number in range(LAGS):
        for one in windows_of(network, number, random):
            steps.add(one, 0.0)
    numbers = iter(range(LAGS, LAGS + ROUNDS))
    due: list[Step] = []

    def assemble() -> None:
        for one in fresh[next(numbers)]:
            due.extend(steps.add(one, 0.0))

    fresh = {number: windows_of(network, number, random) for number in range(LAGS, LAGS + ROUNDS)}
    assembling = milliseconds(assemble)
    step = due[-1]
    forecasting = Forecasting(network)
    predictions = forecasting.forecast(step, model)
    assert len(predictions) == sensors
    assert {one.model_name for one in predictions} == {NAME}
    encode = codec(TrafficPrediction).encode
    store = open_store(f"sqlite:///{folder / f'{sensors}.sqlite'}")
    try:
        return {
            "assemble": assembling,
            "forecast": milliseconds(lambda: forecasting.forecast(step, model)),
            "encode": milliseconds(lambda: [encode(one) for one in predictions]),
            "store": milliseconds(lambda: store.put_predictions(predictions)),
            "naive": milliseconds(lambda: last_speed(step)),
        }
    finally:
        store.close()


def main() -> None:
    """Print the table and check the budget of one step of METR-LA's size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sensors", default="207,2000,20000", help="network sizes, comma-separated")
    sizes = [int(size) for size in parser.parse_args().sensors.split(",")]
    stages = " ".join(f"{name:>10}" for name in STAGES)
    print(f"{'sensors':>8} {stages} {'ms a sensor':>12} {'x naive':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            taken = measure(size, Path(folder))
            whole = sum(taken[name] for name in STAGES)
            cells = " ".join(f"{taken[name]:>7.1f} ms" for name in STAGES)
            print(f"{size:>8} {cells} {whole / size:>12.3f} {taken['forecast'] / taken['naive']:>8.1f}")
            if size == BUDGET_SENSORS:
                assert whole < BUDGET_MS, f"a step of {size} sensors takes {whole:.0f} ms"


if __name__ == "__main__":
    main()
