"""How long one network step takes, part by part, from its windows to predictions in the store and on the log.

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 taskset -c 0 python -m benchmarks.forecast_step [--sensors N,N,...]

`all` is the champion with its challengers, `alone` the champion and what it needs. Models are those that come with
metrla for METR-LA, on its network or on as many copies of it as are asked for. The yardstick is the naive forecast in
the same run: the last speed, made into the same records. Times are of this process's CPU, all threads together, best of
three, so that other load on the machine weighs little.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, process_time
from typing import TypeVar

import numpy as np

from benchmarks.tiling import models_of, network_of, serving
from shared.events.records import HorizonForecast, ProcessedTrafficAggregate, TrafficPrediction
from shared.forecasting.calibration.spread import Context
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS, batch_of
from shared.forecasting.inputs.signs import Lookout
from shared.forecasting.models.forecaster import Combiner
from shared.forecasting.predictions import records_of
from shared.forecasting.registry.loading import Served
from shared.forecasting.registry.pretrained import SHIPPED
from shared.forecasting.registry.serving import Serving
from shared.forecasting.stencil import PredictionMessages
from shared.runtime.process import collect_rarely
from shared.store.url import open_store
from shared.traffic.network import Network
from shared.traffic.steps import NetworkSteps, Step

ROUNDS = 3
START = datetime(2012, 5, 2, 7, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
BUDGET_SENSORS, BUDGET_MS = 207, 150.0
"""Of a whole step with all models, the store included."""
ALONE_SENSORS, ALONE_MS = 40_000, 5_000.0
"""Of a whole step by the champion alone, the store included."""
DEFAULT_SIZES = "207,2070,40000"
WHOLE = ("windows", "forecast", "records", "messages", "store")

Result = TypeVar("Result")


@dataclass
class Clock:
    """Milliseconds of CPU and of the wall by what they were spent on."""

    cpu: dict[str, float]
    wall: dict[str, float]

    def best(self, name: str, work: Callable[[], Result]) -> Result:
        """Do something `ROUNDS` times and keep the least; returns what the last one did."""
        results: list[Result] = []
        for _ in range(ROUNDS):
            results.clear()
            began, began_wall = process_time(), perf_counter()
            results.append(work())
            self.cpu[name] = min(1000 * (process_time() - began), self.cpu.get(name, float("inf")))
            self.wall[name] = min(1000 * (perf_counter() - began_wall), self.wall.get(name, float("inf")))
        return results[0]


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


def step_of(network: Network, clock: Clock) -> Step:
    """A step of random speeds, and what it takes to put one together from its windows."""
    random = np.random.default_rng(7)
    steps = NetworkSteps(network, context=HORIZONS)
    due: list[Step] = []
    for number in range(LAGS):
        for one in windows_of(network, number, random):
            steps.add(one, 0.0)
    fresh = iter([windows_of(network, number, random) for number in range(LAGS, LAGS + ROUNDS)])

    def assemble() -> None:
        for one in next(fresh):
            due.extend(steps.add(one, 0.0))

    clock.best("windows", assemble)
    return due[-1]


def parts(step: Step, models: Sequence[Served], clock: Clock) -> None:
    """What the forecasts of some models are made of, one after the other."""
    batch = clock.best("inputs", lambda: batch_of(step))
    lookout = Lookout(step.network)
    signs = clock.best("signs", lambda: lookout.signs(batch))
    predicted = {}
    for one in models:
        model = one.model
        if not isinstance(model, Combiner):
            predicted[model.name] = clock.best(model.name, lambda model=model: model.predict(batch))  # type: ignore[misc] # a default binds the loop's value
    for one in models:
        model = one.model
        apart = np.zeros((1, len(step.network.sensors), HORIZONS))
        if isinstance(model, Combiner):
            mine = {name: predicted[name] for name in model.members}
            predicted[model.name] = clock.best(
                model.name,
                lambda model=model, mine=mine: (model.combine(mine), model.disagreement(mine))[0],  # type: ignore[misc] # as above
            )
            apart = model.disagreement(mine)
        context = Context(predicted[model.name], apart, batch.observed, signs)
        clock.best(f"intervals of {model.name}", lambda one=one, context=context: one.uncertainty.bounds(context))  # type: ignore[misc] # as above


def whole(step: Step, models: Serving, folder: Path, clock: Clock, *, challengers: bool) -> None:
    """From a step to the store."""
    forecasting, messages = Forecasting(step.network), PredictionMessages(step.network)
    store = open_store(f"sqlite:///{folder / f'{len(step.network.sensors)}-{challengers}.sqlite'}")
    try:
        forecasts = clock.best("forecast", lambda: forecasting.forecast(step, models, challengers=challengers))
        predictions = clock.best("records", lambda: records_of(step, forecasts))
        assert sum(one.serving for one in predictions) == len(step.network.sensors)
        clock.best("messages", lambda: messages.of(step, forecasts))
        clock.best("store", lambda: store.put_predictions(predictions))
    finally:
        store.close()


def show(title: str, clock: Clock, names: Sequence[str]) -> None:
    """Print milliseconds of CPU and wall."""
    print(f"  {title}")
    for name in names:
        print(f"    {name:32}{clock.cpu[name]:>10.1f}{clock.wall[name]:>10.1f}")
    cpu, wall = (sum(each[name] for name in names) for each in (clock.cpu, clock.wall))
    print(f"    {'together':32}{cpu:>10.1f}{wall:>10.1f}")


def main() -> None:
    """Print what each size takes and check the budgets."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sensors", default=DEFAULT_SIZES, help="network sizes, comma-separated")
    parser.add_argument("--models", type=Path, default=SHIPPED / "metr-la", help="folder of <model>/<version>")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    collect_rarely()
    artefacts = models_of(options.models)
    figures: dict[str, Mapping[str, Mapping[str, float]]] = {}
    print("milliseconds of CPU, and of the wall")
    with tempfile.TemporaryDirectory() as folder:
        for size in (int(each) for each in options.sensors.split(",")):
            network = network_of(artefacts, size)
            models = serving(artefacts, network)
            figures[str(size)] = measure(network, models, Path(folder))
            check(size, figures[str(size)])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


def measure(network: Network, models: Serving, folder: Path) -> Mapping[str, Mapping[str, float]]:
    """CPU milliseconds of each part: of the whole with all models and with the champion alone, and of the models."""
    print(f"{len(network.sensors)} sensors, champion {models.ranked[0].model.name}")
    together, alone, each = Clock({}, {}), Clock({}, {}), Clock({}, {})
    step = step_of(network, together)
    alone.cpu["windows"], alone.wall["windows"] = together.cpu["windows"], together.wall["windows"]
    parts(step, models.ranked, each)
    show("parts of a forecast with all models", each, list(each.cpu))
    whole(step, models, folder, alone, challengers=False)
    show("champion alone", alone, WHOLE)
    whole(step, models, folder, together, challengers=True)
    show(f"all {len(models.ranked)} models", together, WHOLE)
    naive = Clock({}, {})
    naive.best("records", lambda: last_speed(step))
    print(f"  forecasts and records of all, times the naive forecast: {_made(together.cpu) / naive.cpu['records']:.0f}")
    return {"all": together.cpu, "alone": alone.cpu, "parts": each.cpu}


def check(size: int, taken: Mapping[str, Mapping[str, float]]) -> None:
    """Whether the budgets are kept."""
    made = sum(taken["all"].values())
    assert size != BUDGET_SENSORS or made < BUDGET_MS, f"a step of {size} sensors takes all models {made:.0f} ms"
    alone = sum(taken["alone"].values())
    assert size != ALONE_SENSORS or alone < ALONE_MS, f"a step of {size} sensors takes the champion {alone:.0f} ms"


def _made(taken: Mapping[str, float]) -> float:
    return taken["forecast"] + taken["records"]


if __name__ == "__main__":
    main()
