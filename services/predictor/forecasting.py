"""From a network step to predictions: which model speaks for which sensor, with what certainty. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from services.predictor.calibration import Bounds
from services.predictor.history import HORIZONS, LAGS, Booleans, Floats, batch_of, week_slots
from services.predictor.models.forecaster import Forecaster
from services.predictor.models.historical_average import NAME as HISTORICAL_AVERAGE
from services.predictor.models.historical_average import StreamAverage
from services.predictor.models.linear_regression import NAME as LINEAR_REGRESSION
from shared.events.records import HorizonForecast, TrafficPrediction
from shared.networks.network import Network
from shared.windows.steps import Step

PREFERRED = (LINEAR_REGRESSION,)
"""Models that speak for a sensor with enough history, the best one first."""

LEAST_OBSERVED = LAGS // 2
"""Fewer of the last windows than this are too little history: then only the historical average speaks."""


@dataclass
class Forecasting:
    """Forecasts the steps of one network."""

    network: Network
    least_observed: int = LEAST_OBSERVED
    _stream: StreamAverage = field(init=False)
    _learned: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Begin without knowledge of the stream."""
        self._stream = StreamAverage(self.network)

    def forecast(self, step: Step, models: Mapping[str, Forecaster]) -> list[TrafficPrediction]:
        """Predictions of every sensor that anything is known of.

        Each sensor gets those of the first preferred model that can tell, where at least `least_observed` of its last
        windows have a speed, and of `historical_average` otherwise: the trained one, else what the stream has shown.
        """
        self._learn(step)
        batch = batch_of(step)
        waiting: Booleans = np.ones(len(self.network.sensors), dtype=np.bool_)
        enough = batch.observed >= self.least_observed
        predictions: list[TrafficPrediction] = []
        for model, allowed in self._in_order(models, enough):
            if (waiting & allowed).any():
                predicted = model.predict(batch)
                mine = waiting & allowed & ~np.isnan(predicted).any(axis=1)
                waiting &= ~mine
                predictions += _records(step, model, predicted, mine)
        return predictions

    def _in_order(self, models: Mapping[str, Forecaster], enough: Booleans) -> Sequence[tuple[Forecaster, Booleans]]:
        anyone = np.ones_like(enough)
        preferred = [(models[name], enough) for name in PREFERRED if name in models]
        trained = [(models[HISTORICAL_AVERAGE], anyone)] if HISTORICAL_AVERAGE in models else []
        return [*preferred, *trained, (self._stream, anyone)]

    def _learn(self, step: Step) -> None:
        starts = [step.window_start - age * self.network.window for age in range(LAGS - 1, -1, -1)]
        new = [row for row, start in enumerate(starts) if self._learned is None or start > self._learned]
        if new:
            self._stream.learn(step.speed_mph[new], week_slots(self.network, [starts[row] for row in new]))
            self._learned = step.window_start


def _records(step: Step, model: Forecaster, predicted: Floats, mine: Booleans) -> list[TrafficPrediction]:
    bounds = model.bounds(predicted)
    origin, window, revision = step.window_end, step.network.window, step.revision
    targets = [(round(h * window / timedelta(minutes=1)), origin + h * window) for h in range(1, HORIZONS + 1)]
    current = step.speed_mph[-1].round(2).tolist()
    rows = zip(*(values.round(2).tolist() for values in _consistent(predicted, bounds)), strict=True)
    return [
        TrafficPrediction(
            network_id=step.network.network_id,
            sensor_id=sensor.sensor_id,
            timestamp=origin,
            model_name=model.name,
            model_version=model.version,
            revision=revision,
            current_speed_mph=None if speed != speed else speed,  # noqa: PLR0124 - NaN, without a call per sensor
            horizons=tuple(
                HorizonForecast(minutes, target, *values)
                for (minutes, target), values in zip(targets, zip(*row, strict=True), strict=True)
            ),
        )
        for sensor, speed, row, chosen in zip(step.network.sensors, current, rows, mine.tolist(), strict=True)
        if chosen
    ]


def _consistent(predicted: Floats, bounds: Bounds) -> tuple[Floats, Floats, Floats, Floats]:
    return (
        predicted,
        np.minimum(bounds.lower_mph, predicted),
        np.maximum(bounds.upper_mph, predicted),
        bounds.confidence,
    )
