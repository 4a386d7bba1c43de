"""How long one network step takes, from its windows to predictions in the store, and how that grows with the network.

    python -m benchmarks.forecast_step [--sensors N,N,...] [--models FOLDER]

`all` is the champion with its challengers, `alone` the champion without them. Models are those that come with metrla,
on a network that has their sensors first and as many more as are asked for; without any, linear regression with weights
of chance. The yardstick is what the naive forecast would take in the same run: the last speed, made into the same
records. Times are of this process's CPU, all threads together, best of three, so that other load on the machine weighs
little.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from services.predictor.calibration.spread import Context, Uncertainty
from services.predictor.forecasting import Forecasting
from services.predictor.inputs.history import HORIZONS, LAGS
from services.predictor.inputs.profile import DAY_TYPES, slots_per_day
from services.predictor.models.forecaster import HISTORICAL_AVERAGE, LINEAR_REGRESSION
from services.predictor.models.linear_features import COUNT
from services.predictor.records import records_of
from services.predictor.registry.artefact import PROFILE, pack
from services.predictor.registry.loading import open_model
from services.predictor.registry.pretrained import SHIPPED, PretrainedModels
from services.predictor.registry.registry import Registry
from services.predictor.registry.serving import Serving
from shared.events.avro import codec
from shared.events.records import (
    HorizonForecast,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficPrediction,
)
from shared.networks.network import Edge, Network, Sensor
from shared.store.opening import open_store
from shared.windows import NetworkSteps, Step

ROUNDS = 3
START = datetime(2012, 5, 2, 7, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
STATIONS_PER_ROAD = 100
EDGES_PER_SENSOR = 7
FITTED_SENSORS = 101
WITH_ALL = ("assemble", "forecast", "records", "encode", "store")
BUDGET_SENSORS, BUDGET_MS = 207, 150.0
"""Of forecasts and records, with five models."""
ALONE_SENSORS, ALONE_MS = 40_000, 5_000.0
"""Of the whole step, by the champion alone."""
DEFAULT_SIZES = "207,2000,40000"


def network_of(network_id: str, known: Sequence[str], count: int) -> Network:
    """A network of so many stations, half a mile apart, those that are known first."""
    names = [*known[:count], *(f"new-{number}" for number in range(count - len(known)))]
    sensors = tuple(
        Sensor(
            SensorId(name),
            name,
            f"I-{number // STATIONS_PER_ROAD}",
            "N",
            number % STATIONS_PER_ROAD / 2,
            34.0,
            -118.0,
        )
        for number, name in enumerate(names)
    )
    edges = tuple(
        Edge(sensors[number].sensor_id, sensors[number + ahead].sensor_id, 1 / ahead)
        for number in range(count)
        for ahead in range(1, EDGES_PER_SENSOR + 1)
        if number + ahead < count
    )
    return Network(NetworkId(network_id), "Benchmark", ZoneInfo("America/Los_Angeles"), sensors, edges)


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


def of_chance(network: Network, random: np.random.Generator) -> Serving:
    """Two models of the right size."""
    sensors = len(network.sensors)
    predicted = random.uniform(20, 70, (100, FITTED_SENSORS, HORIZONS))
    context = Context(predicted, np.zeros_like(predicted), np.full((100, FITTED_SENSORS), LAGS))
    spread = Uncertainty.fit(context, predicted + random.normal(0, 3, predicted.shape)).tensors()
    by_sensor = {
        name: np.resize(each, (sensors, *each.shape[1:]))
        for name, each in spread.items()
        if each.shape[:1] == (FITTED_SENSORS,)
    }
    tensors: dict[str, NDArray[Any]] = {
        PROFILE: random.uniform(30, 70, (DAY_TYPES * slots_per_day(network), sensors)).astype(np.float16),
        "weights": random.normal(0, 0.02, (sensors, COUNT, HORIZONS)).astype(np.float32),
        "intercepts": np.zeros((sensors, HORIZONS), dtype=np.float32),
        "ceiling_mph": np.full(sensors, 75.0, dtype=np.float32),
        **spread,
        **by_sensor,
    }
    ranked = tuple(
        open_model(pack(name, "benchmark", network, tensors, {}), name, "benchmark", network)
        for name in (LINEAR_REGRESSION, HISTORICAL_AVERAGE)
    )
    return Serving(ranked, {one.key: one for one in ranked})


def of_folder(root: Path) -> tuple[str, Sequence[str]]:
    """Id and sensors of the network whose models lie there."""
    card = json.loads(next(root.rglob("card.json")).read_bytes())
    return card["network_id"], card["sensors"]


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


def measure(network: Network, models: Serving, folder: Path) -> Mapping[str, Mapping[str, float]]:
    """CPU milliseconds of each stage of one step, with all models, with the champion alone and with the last value."""
    random = np.random.default_rng(7)
    steps = NetworkSteps(network, context=HORIZONS)
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
    forecasting, encode = Forecasting(network), codec(TrafficPrediction).encode
    store = open_store(f"sqlite:///{folder / f'{len(network.sensors)}.sqlite'}")

    def with_models(*, challengers: bool) -> Mapping[str, float]:
        forecasts = forecasting.forecast(step, models, challengers=challengers)
        predictions = records_of(step, forecasts)
        assert sum(one.serving for one in predictions) == len(network.sensors)
        return {
            "assemble": assembling,
            "forecast": milliseconds(lambda: forecasting.forecast(step, models, challengers=challengers)),
            "records": milliseconds(lambda: records_of(step, forecasts)),
            "encode": milliseconds(lambda: [encode(one) for one in predictions]),
            "store": milliseconds(lambda: store.put_predictions(predictions)),
        }

    try:
        return {
            "all": with_models(challengers=True),
            "alone": with_models(challengers=False),
            "naive": {"records": milliseconds(lambda: last_speed(step))},
        }
    finally:
        store.close()


def main() -> None:
    """Print the table and check the budgets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sensors", default=DEFAULT_SIZES, help="network sizes, comma-separated")
    parser.add_argument("--models", type=Path, default=SHIPPED, help="folder of <network>/<model>/<version>")
    options = parser.parse_args()
    trained = any(options.models.rglob("card.json"))
    network_id, known = of_folder(options.models) if trained else ("chance", [])
    print(f"models of {network_id}")
    print(f"{'sensors':>8} {'':>6} {' '.join(f'{name:>11}' for name in WITH_ALL)} {'ms a sensor':>12} {'x naive':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for size in (int(each) for each in options.sensors.split(",")):
            network = network_of(network_id, known, size)
            if trained:
                registry = Registry(PretrainedModels(options.models), {network.network_id: network})
                registry.refresh()
                models = registry.serving(network.network_id)
            else:
                models = of_chance(network, np.random.default_rng(3))
            print(f"{size:>8} {', '.join(' '.join(one.key) for one in models.ranked)}")
            taken = measure(network, models, Path(folder))
            for which in ("all", "alone"):
                cells = " ".join(f"{taken[which][name]:>8.1f} ms" for name in WITH_ALL)
                whole = sum(taken[which].values())
                ratio = (taken[which]["forecast"] + taken[which]["records"]) / taken["naive"]["records"]
                print(f"{'':>8} {which:>6} {cells} {whole / size:>12.3f} {ratio:>8.1f}")
            check(size, taken)


def check(size: int, taken: Mapping[str, Mapping[str, float]]) -> None:
    """Whether the budgets are kept."""
    made = taken["all"]["forecast"] + taken["all"]["records"]
    assert size != BUDGET_SENSORS or made < BUDGET_MS, f"forecasts of {size} sensors take {made:.0f} ms"
    alone = sum(taken["alone"].values())
    assert size != ALONE_SENSORS or alone < ALONE_MS, f"a step of {size} sensors takes the champion {alone:.0f} ms"


if __name__ == "__main__":
    main()
