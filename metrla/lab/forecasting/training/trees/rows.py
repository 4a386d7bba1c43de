"""Rows to fit trees to: some sensors at some origins, with some of their input hidden. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from shared.events.errors import ConfigurationError
from shared.forecasting.inputs.history import HORIZONS, LAGS, View, base_mph
from shared.forecasting.models.tabular import COUNT, DEVIATION_STEPS, Tabular
from shared.forecasting.models.trees import BY_DAY, BY_DAY_TYPE, CEILING
from shared.traffic.arrays import Compact, Flags, Integers
from shared.traffic.calendar import slots_per_day
from shared.traffic.usual.deviations import LearnedDeviations, learned_deviations
from shared.traffic.usual.transfer import completed

PAIRS_AT_ONCE = 53_000
"""Of origins and sensors: their features take 25 MB, and what these are made of some times as much."""
SENSORS_AT_ONCE = 40
"""At least this many sensors of an origin make rows: more origins teach more, as the sensors of one are much alike."""
MOST_UNUSED, LEAST_ORIGINS = 19, 16
"""Features are made of all sensors of an origin: of so many, one at least makes a row, unless there would be fewer
origins."""

HIDDEN_SENSORS = 0.08
HIDDEN_WINDOWS = 0.02
BAD_ORIGINS, BAD_WINDOWS = 0.06, 0.6
DEAD_CARRIAGEWAYS = 0.03
NEW_SENSORS = 0.03
"""Shares of what is hidden: the last one is of sensors whose usual deviations are,
as of one that the training did not have."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows: `features` (n, COUNT), `target` (n, HORIZONS) mph to add to `base_mph` (n,), and where that is `told`."""

    features: Compact
    base_mph: Compact
    target: Compact
    told: Flags

    def error_mph(self, change: Compact) -> float:
        """Mean absolute error of the forecast `base_mph` + `change`, (n, HORIZONS)."""
        return float(np.abs(self.target - change)[self.told].mean(dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Source:
    """Makes rows of the training and validation parts of a recording."""

    recorded: Recorded
    split: Split
    tabular: Tabular
    deviations: LearnedDeviations

    @classmethod
    def of(cls, recorded: Recorded, split: Split) -> "Source":
        """Of a recording."""
        network = recorded.network
        tabular = Tabular.of(network, completed(network, recorded.profile_mph))
        deviations = learned_deviations(
            recorded.speed_mph,
            recorded.usual_mph,
            tabular.free_flow_mph,
            recorded.slots % slots_per_day(network),
            recorded.days,
            recorded.train_windows,
            slots_per_day(network),
        )
        return cls(recorded, split, tabular, deviations)

    @property
    def sensors(self) -> int:
        """How many the network has."""
        return len(self.recorded.network.sensors)

    @property
    def available(self) -> int:
        """How many rows the training part has at most."""
        return self.split.train * self.sensors

    def sample(self, rows: int, random: np.random.Generator) -> Rows:
        """About `rows` rows of the training part with some input hidden; as many as there are, if they are fewer."""
        whole = self.split.train
        used = min(self.sensors // (MOST_UNUSED + 1), rows // LEAST_ORIGINS)
        per_origin = min(self.sensors, max(SENSORS_AT_ONCE, used, -(-rows // max(1, whole))))
        count = min(whole, max(1, rows // per_origin))
        origins = np.sort(random.choice(whole, count, replace=False))
        return _joined(self._pieces(origins, per_origin, random))

    def validation(self, rows: int) -> Rows:
        """About `rows` rows of the validation part, as recorded: all sensors at origins that are evenly apart.

        Raises:
            ConfigurationError: it has no readings.
        """
        count = max(1, min(self.split.validation, rows // self.sensors))
        places = np.linspace(0, max(0, self.split.validation - 1), count).astype(np.intp)
        held_out = _joined(self._pieces(self.split.train + places, self.sensors, None))
        if not len(held_out.features):
            raise ConfigurationError("the tenth of the history that validates holds no readings: give a longer one")
        return held_out

    def tensors(self) -> dict[str, NDArray[Any]]:
        """What a tree model needs beside its trees."""
        known, deviations = self.recorded.speed_mph[: self.recorded.train_windows], self.deviations.table
        return {
            CEILING: np.array([np.nanmax(known)], dtype=np.float32),
            BY_DAY_TYPE: deviations.by_day_type.astype(np.float16),
            BY_DAY: deviations.by_day.astype(np.float16),
        }

    def _pieces(self, origins: Integers, per_origin: int, random: np.random.Generator | None) -> Iterator[Rows]:
        at_once = max(1, PAIRS_AT_ONCE // self.sensors)
        for first in range(0, len(origins), at_once):
            chunk = origins[first : first + at_once]
            view = self.recorded.view(chunk)
            deviations = self.deviations.at(chunk[:, None] + LAGS - 1 + np.array(DEVIATION_STEPS))
            picked = np.broadcast_to(np.arange(self.sensors), (len(chunk), self.sensors))
            if random is not None:
                view = partly_hidden(view, random)
                deviations[
                    np.broadcast_to(random.random((len(chunk), 1, 1, self.sensors)) < NEW_SENSORS, deviations.shape)
                ] = np.nan
                picked = np.argsort(random.random(picked.shape), axis=1)[:, :per_origin]
            actual = self.recorded.actual(chunk)
            yield _rows(self.tabular.features(view, deviations), base_mph(view), actual, picked)


def partly_hidden(view: View, random: np.random.Generator) -> View:
    """A view as failing detectors would have it: single windows, whole sensors and carriageways missing.

    Trees that never saw that would have learned from it only where METR-LA happens to fail.
    """
    origins, _, sensors = view.speed_mph.shape
    bad = (random.random((origins, 1, 1)) < BAD_ORIGINS) * random.random((origins, 1, 1)) * BAD_WINDOWS
    hidden = random.random((origins, LAGS, sensors)) < HIDDEN_WINDOWS + bad
    hidden |= random.random((origins, 1, sensors)) < HIDDEN_SENSORS
    roads = np.array([sensor.road_name for sensor in view.network.sensors])
    dead = roads[random.integers(0, sensors, origins)][:, None] == roads
    hidden |= (dead & (random.random((origins, 1)) < DEAD_CARRIAGEWAYS))[:, None]
    return replace(view, speed_mph=np.where(hidden, np.nan, view.speed_mph))


def _rows(features: Compact, base: np.ndarray, actual: np.ndarray, picked: Integers) -> Rows:
    at = np.arange(len(picked))[:, None], picked
    told = (actual[at] > 0).reshape(-1, HORIZONS)
    known = told.any(axis=1)
    start = base[at].reshape(-1)[known].astype(np.float32)
    ahead = actual[at].reshape(-1, HORIZONS)[known].astype(np.float32)
    told = told[known]
    return Rows(features[at].reshape(-1, COUNT)[known], start, np.where(told, ahead - start[:, None], 0), told)


def _joined(pieces: Iterator[Rows]) -> Rows:
    listed = list(pieces)
    return Rows(
        *(np.concatenate([getattr(one, name) for one in listed]) for name in ("features", "base_mph", "target", "told"))
    )
