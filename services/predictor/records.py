"""Forecasts as the records that go out. Pure."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import numpy as np

from services.predictor.forecasting import BASES, ModelForecast
from services.predictor.inputs.history import HORIZONS, LAGS, Floats
from shared.events.records import HorizonForecast, TrafficPrediction
from shared.windows.steps import Step


def records_of(step: Step, forecasts: Sequence[ModelForecast]) -> list[TrafficPrediction]:
    """One record for each model and sensor that it can tell, of forecasts made at the origin of `step` alone."""
    return [record for forecast in forecasts for record in _of_model(step, forecast)]


def _of_model(step: Step, forecast: ModelForecast) -> Iterator[TrafficPrediction]:
    origin, window, network = step.window_end, step.network.window, step.network
    revision = int(step.revisions[-LAGS:].sum())
    minutes = [round(ahead * window / timedelta(minutes=1)) for ahead in range(1, HORIZONS + 1)]
    targets = [origin + ahead * window for ahead in range(1, HORIZONS + 1)]
    told = np.flatnonzero(~np.isnan(forecast.predicted_mph[0]).any(axis=-1))
    current = [None if speed != speed else speed for speed in step.speed_mph[-1, told].round(2).tolist()]  # noqa: PLR0124 - NaN
    columns = (values[told].round(2).tolist() for values in _consistent(forecast))
    basis, serving = forecast.basis[0, told].tolist(), forecast.serving[0, told].tolist()
    for row, speed, on, serves, *values in zip(told.tolist(), current, basis, serving, *columns, strict=True):
        yield TrafficPrediction(
            network.network_id,
            network.sensors[row].sensor_id,
            origin,
            forecast.name,
            forecast.version,
            revision,
            speed,
            tuple(map(HorizonForecast, minutes, targets, *values)),
            serves,
            BASES[on],
        )


def _consistent(forecast: ModelForecast) -> Iterator[Floats]:
    predicted, bounds = forecast.predicted_mph[0], forecast.bounds
    yield predicted
    yield np.minimum(bounds.lower_mph[0], predicted)
    yield np.maximum(bounds.upper_mph[0], predicted)
    yield bounds.confidence[0]
