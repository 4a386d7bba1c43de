"""Forecasts that wait for the windows they are of, and their scores as these come. Pure.

Scores follow the protocol of the offline results: a sensor whose actual speed is missing, zero or doubted counts in
no sum. Forecasts are scored as they were published, rounded to hundredths, which is also how they are kept while they
wait: as 16-bit integers, 96 bytes per sensor, model and origin.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.events.quantities import EPOCH
from shared.forecasting.forecasting import ModelForecast
from shared.forecasting.inputs.history import HORIZONS, LAGS, minutes_ahead
from shared.forecasting.registry.loading import Key
from shared.forecasting.scoring.sums import WindowForecasts, horizon_scores
from shared.store.model_records import SPEED_BIN_MPH, SPEED_BINS, HorizonScore, ModelScore
from shared.traffic.arrays import Flags, Floats
from shared.traffic.health.rules import Doubt, Reasons
from shared.traffic.network import Network
from shared.traffic.steps import Step

Hundredths: TypeAlias = NDArray[np.int16]

NONE = -1
"""In the place of a hundredth where there is no forecast."""
GREATEST = np.iinfo(np.int16).max


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """What one model said at one origin: `hundredths` (4, HORIZONS, N) and the scale of its intervals (HORIZONS,)."""

    revision: int
    hundredths: Hundredths
    scale: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Actual:
    """What happened in one window: (N,) mph, NaN where it cannot be compared."""

    revision: int
    speed_mph: Floats


@dataclass
class LiveScoring:
    """The forecasts of one network that wait, and what it takes to score them again when a late reading comes.

    Everything here follows from the windows of the last `HORIZONS + correctable` steps: after a restart, forecasting
    again what is `forgotten` leads to the same scores.
    """

    network: Network
    correctable: int
    _forecasts: dict[int, dict[Key, _Waiting]] = field(default_factory=dict)
    _actuals: dict[int, _Actual] = field(default_factory=dict)
    _newest: int | None = None

    def observe(self, step: Step, doubts: Reasons | None = None) -> list[ModelScore]:
        """Take in the newest window of a step; returns the scores of the forecasts that were of it.

        `doubts` (history, N) is what is wrong with each reading, see `shared.traffic.health`; `None`: nothing.
        """
        number = self._number(step)
        self._advance(number)
        speed_mph = step.speed_mph[-1]
        usable: Flags = np.nan_to_num(speed_mph) > 0
        if doubts is not None:
            usable = usable & (doubts[-1] == Doubt.NONE)
        actual = np.where(usable, speed_mph, np.nan)
        self._actuals[number] = _Actual(int(step.revisions[-1].sum()), actual)
        return self._scored(number)

    def remember(self, step: Step, forecasts: Sequence[ModelForecast], ages: Sequence[int] = (0,)) -> list[ModelScore]:
        """Keep forecasts until their windows come; returns the scores of those whose windows are there already.

        Args:
            step: the newest one.
            forecasts: what models said at B origins, in place of what the same versions said there before.
            ages: how many windows before the step's own each of these origins is.
        """
        number = self._number(step)
        self._advance(number)
        changed: set[int] = set()
        for place, age in enumerate(ages):
            last = len(step.revisions) - age
            revision = int(step.revisions[last - LAGS : last].sum())
            kept = {(one.name, one.version): _kept(one, place, revision) for one in forecasts}
            self._forecasts.setdefault(number - age, {}).update(kept)
            changed |= set(range(number - age + 1, number - age + HORIZONS + 1)) & self._actuals.keys()
        return [score for target in sorted(changed) for score in self._scored(target)]

    def forgotten(self, step: Step) -> list[int]:
        """How many windows before a step's own the origins are whose forecasts should wait, and do not.

        There was a step for each window of which anything came, so this is so after a restart only.
        """
        number, last = self._number(step), len(step.revisions) - 1
        ages = range(1, min(HORIZONS, last - LAGS + 1) + 1)
        return [age for age in ages if number - age not in self._forecasts and step.revisions[last - age].any()]

    def _number(self, step: Step) -> int:
        return (step.window_start - EPOCH) // self.network.window

    def _advance(self, number: int) -> None:
        self._newest = number if self._newest is None else max(number, self._newest)
        oldest = self._newest - self.correctable
        self._actuals = {target: one for target, one in self._actuals.items() if target >= oldest}
        self._forecasts = {origin: one for origin, one in self._forecasts.items() if origin >= oldest - HORIZONS}

    def _scored(self, target: int) -> list[ModelScore]:
        waiting: dict[Key, dict[int, _Waiting]] = defaultdict(dict)
        for ahead in range(1, HORIZONS + 1):
            for key, one in self._forecasts.get(target - ahead, {}).items():
                waiting[key][ahead] = one
        actual = self._actuals[target]
        known = actual.speed_mph[~np.isnan(actual.speed_mph)]
        places = np.minimum(known // SPEED_BIN_MPH, SPEED_BINS - 1).astype(np.intp)
        speed_counts = tuple(np.bincount(places, minlength=SPEED_BINS).tolist())
        return [
            ModelScore(
                network_id=self.network.network_id,
                model_name=name,
                model_version=version,
                timestamp=EPOCH + (target + 1) * self.network.window,
                revision=actual.revision + sum(one.revision for one in mine.values()),
                speed_counts=speed_counts,
                missing=len(actual.speed_mph) - len(known),
                horizons=self._horizons(mine, actual.speed_mph),
            )
            for (name, version), mine in sorted(waiting.items())
        ]

    def _horizons(self, waiting: Mapping[int, _Waiting], actual_mph: Floats) -> tuple[HorizonScore, ...]:
        hundredths = np.full((4, HORIZONS, len(actual_mph)), NONE, dtype=np.int16)
        scale = np.ones(HORIZONS)
        for ahead, one in waiting.items():
            hundredths[:, ahead - 1] = one.hundredths[:, ahead - 1]
            scale[ahead - 1] = one.scale[ahead - 1]
        predicted, lower, upper, confidence = np.where(hundredths == NONE, np.nan, hundredths / 100)
        minutes = minutes_ahead(self.network.window)
        return horizon_scores(minutes, WindowForecasts(predicted, lower, upper, confidence, scale), actual_mph)


def _kept(forecast: ModelForecast, place: int, revision: int) -> _Waiting:
    """What is published of a forecast at one of its origins."""
    predicted, bounds = forecast.predicted_mph[place], forecast.bounds
    told = ~np.isnan(predicted).any(axis=-1)
    hundredths = np.full((4, *predicted.T.shape), NONE, dtype=np.int16)
    published = (
        predicted,
        np.minimum(bounds.lower_mph[place], predicted),
        np.maximum(bounds.upper_mph[place], predicted),
        bounds.confidence[place],
    )
    for row, values in enumerate(published):
        # Rounded as records are, to the same neighbour where two are equally near.
        exact = np.rint(values[told].round(2) * 100)
        hundredths[row][:, told] = np.clip(exact, 0, GREATEST).T
    return _Waiting(revision, hundredths, forecast.scale[place])
