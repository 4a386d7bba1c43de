"""Fit `linear_regression`: least absolute deviations, one sensor at a time. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.training.fitted import Fitted, Task
from shared.events.errors import ConfigurationError
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.inputs.links import sides_of
from shared.forecasting.models.linear_features import COUNT, GROUPS, features
from shared.traffic.arrays import Flags, Floats

RIDGE = 30.0
REWEIGHTINGS = 3
LEAST_OBSERVED = 6
"""Windows of its last hour that a sensor must have for an origin to be fitted to."""
LEAST_TARGETS = HORIZONS // 2
LEAST_ERROR_MPH = 1.0
LEAST_ROWS = 20 * COUNT
"""A sensor with fewer usable origins than this gets no linear model."""
SENSORS_AT_ONCE = 24
ORIGINS_AT_ONCE = 512


def fit_linear(task: Task) -> Fitted:
    """Fit each sensor's model to the origins to fit to.

    Ridge regression (Hoerl & Kennard 1970), reweighted by the inverse absolute residual: that converges to the least
    absolute deviations (Schlossmacher 1973) which MAE measures, where least squares would follow every outlier.
    Targets that are missing take the fit of the round before, as in expectation maximisation, so that an origin counts
    by what is known after it.

    Raises:
        ConfigurationError: no sensor has enough history.
    """
    recorded, origins = task.recorded, task.split.train
    sensors = len(recorded.network.sensors)
    weights = np.full((sensors, COUNT, HORIZONS), np.nan, dtype=np.float32)
    intercepts = np.full((sensors, HORIZONS), np.nan, dtype=np.float32)
    spread = np.zeros((sensors, COUNT))
    task.progress(0, sensors)
    for first in range(0, sensors, SENSORS_AT_ONCE):
        block = slice(first, min(first + SENSORS_AT_ONCE, sensors))
        rows, target, told, enough = _prepared(recorded, origins, block)
        for place, sensor in enumerate(range(block.start, block.stop)):
            usable = enough[:, place] & (np.count_nonzero(told[:, place], axis=1) >= LEAST_TARGETS)
            if np.count_nonzero(usable) >= LEAST_ROWS:
                mine = rows[usable, place].astype(np.float64)
                found = _least_absolute(mine, target[usable, place], told[usable, place])
                weights[sensor], intercepts[sensor] = found
                spread[sensor] = mine.std(axis=0)
            task.progress(sensor + 1, sensors)
    if np.isnan(weights).all():
        raise ConfigurationError(
            f"no sensor has the {LEAST_ROWS} two-hour stretches that linear_regression needs: give a longer history"
        )
    train = recorded.speed_mph[: recorded.train_windows]
    return Fitted(
        tensors={
            "weights": weights,
            "intercepts": intercepts,
            "ceiling_mph": np.max(train, axis=0, initial=0.0, where=~np.isnan(train)).astype(np.float32),
        },
        importance=_importance(weights, spread),
        settings={"ridge": RIDGE, "reweightings": REWEIGHTINGS, "least_observed": LEAST_OBSERVED},
    )


def _prepared(recorded: Recorded, origins: int, block: slice) -> tuple[NDArray[np.float32], Floats, Flags, Flags]:
    """Of the sensors of a block, by origin: features, deviations to come, which of these are known, enough history."""
    sides, count = sides_of(recorded.network).of(block), block.stop - block.start
    rows = np.empty((origins, count, COUNT), dtype=np.float32)
    target = np.empty((origins, count, HORIZONS))
    enough = np.empty((origins, count), dtype=np.bool_)
    for first in range(0, origins, ORIGINS_AT_ONCE):
        chunk = np.arange(first, min(first + ORIGINS_AT_ONCE, origins))
        view = recorded.view(chunk)
        rows[chunk] = features(view, sides, block)
        target[chunk] = recorded.actual(chunk)[:, block] - view.ahead_mph[..., block].transpose(0, 2, 1)
        enough[chunk] = np.count_nonzero(view.seen[..., block], axis=1) >= LEAST_OBSERVED
    told = ~np.isnan(target)
    return rows, np.where(told, target, 0.0), told, enough


def _least_absolute(rows: Floats, target: Floats, told: Flags) -> tuple[Floats, Floats]:
    centre, scale = rows.mean(axis=0), rows.std(axis=0)
    scale[scale < 1e-9] = 1.0  # noqa: PLR2004 - a feature that never changes
    scaled, weight = (rows - centre) / scale, np.ones(len(rows))
    known = told.sum(axis=1)
    filled = np.where(told, target, (target * told).sum(axis=1, keepdims=True) / known[:, None])
    slopes, level = np.zeros((rows.shape[1], target.shape[1])), np.zeros(target.shape[1])
    for _ in range(REWEIGHTINGS):
        slopes, level = ridge(scaled, filled, weight / weight.mean())
        fit = scaled @ slopes + level
        filled = np.where(told, target, fit)
        error = np.abs(filled - fit).sum(axis=1) / known
        weight = 1.0 / np.maximum(error, LEAST_ERROR_MPH)
    weights: Floats = slopes / scale[:, None]
    intercepts: Floats = level - centre @ weights
    return weights, intercepts


def ridge(rows: Floats, target: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Slopes (features, targets) and intercepts (targets,) of weighted ridge regression, by its normal equations.

    The penalty is `RIDGE`; intercepts have none.
    """
    centre: Floats = np.average(rows, axis=0, weights=weight).astype(np.float64)
    level: Floats = np.average(target, axis=0, weights=weight).astype(np.float64)
    centred = rows - centre
    weighted = (centred * weight[:, None]).T
    penalty = RIDGE * np.eye(rows.shape[1])
    slopes = np.linalg.solve(weighted @ centred + penalty, weighted @ (target - level)).astype(np.float64)
    return slopes, level - centre @ slopes


def _importance(weights: NDArray[Any], spread: Floats) -> dict[str, float]:
    """Share of each group of features in how much the forecasts move with the features, over sensors and horizons."""
    by_feature = (np.nan_to_num(np.abs(weights)).mean(axis=2) * spread).sum(axis=0)
    ends = np.cumsum(list(GROUPS.values()))[:-1]
    shares = [float(part.sum() / by_feature.sum()) for part in np.split(by_feature, ends)]
    return dict(zip(GROUPS, shares, strict=True))
