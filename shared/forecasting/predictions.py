"""Forecasts as the records that go out. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from shared.events.quantities import MAX_SPEED_MPH, MIN_SPEED_MPH
from shared.events.records import HorizonForecast, TrafficPrediction
from shared.forecasting.forecasting import BASES, ModelForecast
from shared.forecasting.inputs.history import HORIZONS, LAGS, minutes_ahead
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.steps import Step


@dataclass(frozen=True, slots=True, eq=False)
class PublishedForecast:
    """What goes out of a model's forecasts at the origin of a step, of the n sensors that it can tell.

    Attributes:
        rows: which of the network's sensors they are, (n,).
        current_mph: their speeds in the newest window, (n,), NaN where missing.
        values: predicted, lower and upper speed in mph, within the speeds that there can be, and confidence,
            (4, n, HORIZONS), rounded to hundredths.
        congested: the chance of congestion, (n, HORIZONS), rounded to thousandths, NaN throughout where it is not
            known.
        basis: (n,), places in `BASES`.
        serving: (n,), whether this is the network's answer for the sensor.
    """

    rows: Integers
    current_mph: Floats
    values: Floats
    congested: Floats
    basis: Integers
    serving: Flags

    @classmethod
    def of(cls, step: Step, forecast: ModelForecast) -> "PublishedForecast":
        """Of a forecast that was made at the origin of `step` alone."""
        predicted, bounds = forecast.predicted_mph[0], forecast.bounds
        told = np.flatnonzero(~np.isnan(predicted).any(axis=-1))
        lower, upper = np.minimum(bounds.lower_mph[0], predicted), np.maximum(bounds.upper_mph[0], predicted)
        # A model, and a band around it, may reach beyond what a detector can measure.
        speeds = [each[told].clip(MIN_SPEED_MPH, MAX_SPEED_MPH) for each in (predicted, lower, upper)]
        return cls(
            told,
            step.speed_mph[-1, told].round(2),
            np.stack([*speeds, bounds.confidence[0, told]]).round(2),
            bounds.congested[0, told].round(3),
            forecast.basis[0, told],
            forecast.serving[0, told],
        )


def records_of(step: Step, forecasts: Sequence[ModelForecast]) -> list[TrafficPrediction]:
    """One record for each model and sensor that it can tell, of forecasts made at the origin of `step` alone."""
    return [record for forecast in forecasts for record in _of_model(step, forecast)]


@dataclass(frozen=True, slots=True)
class StepHorizons:
    """What the predictions of a step have in common: revision, and of each horizon its minutes and its target."""

    revision: int
    minutes: Sequence[int]
    targets: Sequence[datetime]

    @classmethod
    def of(cls, step: Step) -> "StepHorizons":
        """Of the predictions that are made at the origin of `step`."""
        window, aheads = step.network.window, range(1, HORIZONS + 1)
        return cls(
            int(step.revisions[-LAGS:].sum()),
            minutes_ahead(window),
            [step.window_end + ahead * window for ahead in aheads],
        )

    def horizons(self, *values: Sequence[float | None]) -> tuple[HorizonForecast, ...]:
        """From predicted, lower and upper speed in mph, confidence and the chance of congestion, HORIZONS each."""
        return tuple(map(HorizonForecast, self.minutes, self.targets, *values))


def _of_model(step: Step, forecast: ModelForecast) -> Iterator[TrafficPrediction]:
    network, common, published = step.network, StepHorizons.of(step), PublishedForecast.of(step, forecast)
    current = [None if speed != speed else speed for speed in published.current_mph.tolist()]  # noqa: PLR0124 - NaN
    basis, serving = published.basis.tolist(), published.serving.tolist()
    columns = [*published.values.tolist(), map(_known, published.congested.tolist())]
    for row, speed, on, serves, *values in zip(published.rows.tolist(), current, basis, serving, *columns, strict=True):
        yield TrafficPrediction(
            network.network_id,
            network.sensors[row].sensor_id,
            step.window_end,
            forecast.name,
            forecast.version,
            common.revision,
            speed,
            common.horizons(*values),
            serves,
            BASES[on],
        )


def _known(chances: Sequence[float]) -> Sequence[float | None]:
    return [None if chance != chance else chance for chance in chances]  # noqa: PLR0124 - NaN
