"""Fit the models to recorded speeds, and let them forecast whole recordings. Pure but for scikit-learn."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from services.predictor.history import HORIZONS, LAGS, Booleans, Floats, Integers, slots_per_day, usual_speeds
from services.predictor.models.linear_features import COUNT, Windows, features, phase_of
from services.predictor.neighbours import neighbours
from shared.networks.network import Network

RIDGE = 30.0
REWEIGHTINGS = 3
LEAST_TARGETS = HORIZONS // 2
LEAST_ERROR_MPH = 1.0
LEAST_ROWS = 20 * COUNT
"""A sensor with fewer usable origins than this gets no linear model."""

OnSensor = Callable[[], None]
Compact: TypeAlias = NDArray[np.float32]
Values = TypeVar("Values", Floats, Booleans)


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording with its usual speeds: `speed_mph` (windows, sensors), NaN where missing, `slots` of the week.

    `profile_mph` comes from the first `train_windows` windows only; `usual` is what it says of each window, and what it
    would say of those first ones without their own day. Origin o is a forecast made from windows
    o to o + LAGS - 1 of the HORIZONS windows after them.
    """

    network: Network
    speed_mph: Floats
    slots: Integers
    train_windows: int
    profile_mph: Floats = field(init=False)
    own: Floats = field(init=False)
    seen: Booleans = field(init=False)
    usual: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Work out profile and deviations."""
        train = slice(None, self.train_windows)
        learned = usual_speeds(self.speed_mph[train], self.slots[train], slots_per_day(self.network))
        profile, usual = learned.profile_mph, learned.profile_mph[self.slots]
        usual[train] = learned.left_out_mph
        deviation = self.speed_mph - usual
        seen = ~np.isnan(deviation)
        for name, value in (("profile_mph", profile), ("usual", usual), ("seen", seen)):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "own", np.where(seen, deviation, 0.0))

    @property
    def origins(self) -> int:
        """How many origins have all their lags and horizons inside the recording."""
        return len(self.slots) - LAGS - HORIZONS + 1

    def ahead(self, values: Values) -> Values:
        """Of values (windows, …), those of the windows after each origin: (origins, …, HORIZONS)."""
        return sliding_window_view(values, HORIZONS, axis=0)[LAGS:]

    def observed(self) -> Integers:
        """How many of each origin's lags have a speed: (origins, sensors)."""
        counts: Integers = np.count_nonzero(sliding_window_view(self.seen, LAGS, axis=0)[: self.origins], axis=-1)
        return counts


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Weights (sensors, COUNT, HORIZONS), intercepts (sensors, HORIZONS), highest speed of each sensor.

    `predicted` (held-out origins, sensors, HORIZONS) are the forecasts of the origins after those fitted to, NaN where
    there is no model or too little history.
    """

    weights: Floats
    intercepts: Floats
    ceiling_mph: Floats
    predicted: Compact


def fit_linear_regression(
    recorded: Recorded, train_origins: int, least_observed: int, on_sensor: OnSensor
) -> LinearFit:
    """Fit each sensor's model to the first `train_origins` origins and forecast the others.

    Ridge regression (Hoerl & Kennard 1970), reweighted by the inverse absolute residual: that converges to the least
    absolute deviations (Schlossmacher 1973) which MAE measures, where least squares would follow every outlier.
    Targets that are missing take the fit of the round before, as in expectation maximisation, so that an origin counts
    by what is known after it.
    """
    network, sensors, origins = recorded.network, len(recorded.network.sensors), recorded.origins
    downstream, upstream = (side.mean(recorded.own, recorded.seen) for side in neighbours(network))
    phase = phase_of(recorded.slots, slots_per_day(network))[LAGS - 1 :][:origins]
    ceiling = np.nanmax(np.where(recorded.seen, recorded.speed_mph, 0.0)[: recorded.train_windows], axis=0)
    weights = np.full((sensors, COUNT, HORIZONS), np.nan)
    intercepts = np.full((sensors, HORIZONS), np.nan)
    predicted: Compact = np.full((origins - train_origins, sensors, HORIZONS), np.nan, dtype=np.float32)
    observed = recorded.observed()

    def lags(values: Values, sensor: int) -> Values:
        return sliding_window_view(values[:, sensor], LAGS)[:origins]

    for sensor in range(sensors):
        ahead = recorded.ahead(recorded.usual[:, sensor])
        rows = features(
            Windows(
                own=lags(recorded.own, sensor),
                seen=lags(recorded.seen, sensor),
                downstream=lags(downstream, sensor),
                upstream=lags(upstream, sensor),
                usual=recorded.usual[LAGS - 1 :, sensor][:origins],
                ahead=ahead,
                phase=phase,
            )
        )
        enough = observed[:, sensor] >= least_observed
        told = recorded.ahead(recorded.seen[:, sensor])
        usable = enough & (np.count_nonzero(told, axis=1) >= LEAST_TARGETS)
        usable[train_origins:] = False
        if np.count_nonzero(usable) >= LEAST_ROWS:
            target = recorded.ahead(recorded.own[:, sensor])[usable]
            weights[sensor], intercepts[sensor] = _least_absolute(rows[usable], target, told[usable])
            forecast = (ahead + rows @ weights[sensor] + intercepts[sensor])[train_origins:]
            predicted[:, sensor] = np.where(
                enough[train_origins:, None], np.clip(forecast, 0.0, ceiling[sensor]), np.nan
            )
        on_sensor()
    return LinearFit(weights, intercepts, ceiling, predicted)


def _least_absolute(rows: Floats, target: Floats, told: Booleans) -> tuple[Floats, Floats]:
    from sklearn.linear_model import Ridge  # noqa: PLC0415 - the serving processes do without scikit-learn

    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale < 1e-9] = 1.0  # noqa: PLR2004 - a feature that never changes
    scaled, weight = (rows - centre) / scale, np.ones(len(rows))
    known = told.sum(axis=1)
    filled = np.where(told, target, (target * told).sum(axis=1, keepdims=True) / known[:, None])
    ridge = Ridge(alpha=RIDGE)
    for _ in range(REWEIGHTINGS):
        ridge.fit(scaled, filled, sample_weight=weight / weight.mean())
        fit = ridge.predict(scaled)
        filled = np.where(told, target, fit)
        error = np.abs(filled - fit).sum(axis=1) / known
        weight = 1.0 / np.maximum(error, LEAST_ERROR_MPH)
    weights: Floats = (ridge.coef_ / scale).T
    intercepts: Floats = ridge.intercept_ - centre @ weights
    return weights, intercepts


def last_values(speed_mph: Floats, usual: Floats, origins: int) -> Floats:
    """The naive forecast: each origin's last speed known, else the usual one: (origins, sensors, 1)."""
    filled = speed_mph.copy()
    for row in range(1, len(filled)):
        missing = np.isnan(filled[row])
        filled[row, missing] = filled[row - 1, missing]
    last = filled[LAGS - 1 :][:origins]
    return np.where(np.isnan(last), usual[LAGS - 1 :][:origins], last)[:, :, None]
