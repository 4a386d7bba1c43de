"""Fit `linear_regression`: least absolute deviations, one sensor at a time. Pure."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.training.fitted import Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.pacing import Pacing
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.inputs.links import Sides, sides_of
from shared.forecasting.models.linear_features import COUNT, GROUPS, features
from shared.forecasting.models.linear_regression import LAST_SHARE, linear_mph, with_last
from shared.traffic.arrays import Flags, Floats, Integers

RIDGE = 30.0
REWEIGHTINGS = 3
LEAST_OBSERVED = 6
"""Windows of its last hour that a sensor must have for an origin to be fitted to."""
LEAST_TARGETS = HORIZONS // 2
LEAST_ERROR_MPH = 1.0
LEAST_ROWS = 20 * COUNT
"""A sensor with fewer usable origins than this gets no linear model."""
LEAST_ORIGINS = 2 * LEAST_ROWS
"""That are fitted to, if there are as many, however little time there is."""
MOST_OVER = 2.0
"""So much more time than it has a fit may need for the least that it does."""
SENSORS_AT_ONCE, TRIED_SENSORS = 24, 4
ORIGINS_AT_ONCE = 512
LAST_SHARES: tuple[float, ...] = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
MIXED_PAIRS = 50_000
"""Of origins of the validation part and sensors, on which is chosen how much the last speed counts."""


def fit_linear(task: Task) -> Fitted:
    """Fit each sensor's model to the origins to fit to.

    Ridge regression (Hoerl & Kennard 1970), reweighted by the inverse absolute residual: that converges to the least
    absolute deviations (Schlossmacher 1973) which MAE measures, where least squares would follow every outlier.
    Targets that are missing take the fit of the round before, as in expectation maximisation, so that an origin counts
    by what is known after it. How much the last speed counts beside that is chosen on the validation part. With a
    limit, sensors are fitted to every so many origins as time allows.

    Raises:
        TooLittleError: no sensor has enough history, or there is too little time for as much as all sensors need.
    """
    recorded, origins = task.recorded, task.split.train
    sensors = len(recorded.network.sensors)
    weights = np.full((sensors, COUNT, HORIZONS), np.nan, dtype=np.float32)
    intercepts = np.full((sensors, HORIZONS), np.nan, dtype=np.float32)
    spread = np.zeros((sensors, COUNT))
    task.progress(0, sensors)
    sides, pace = sides_of(recorded.network), Pacing.of(task)
    most, per_row, widest = max(1, origins // LEAST_ORIGINS), None, 1
    as_before = 1 if task.again is None else int(task.again["every"])
    for first in range(0, sensors, SENSORS_AT_ONCE):
        block = np.arange(first, min(first + SENSORS_AT_ONCE, sensors))

        def apart(left: float, of: Integers = block, known: float | None = per_row) -> int:
            some = np.arange(0, origins, most)
            few = of[:TRIED_SENSORS]
            seconds = known or pace.timed(lambda: _fit(recorded, sides, some, few)) / (len(some) * len(few))
            needed = seconds * len(some) * (sensors - of[0])
            if not of[0] and needed > MOST_OVER * left:
                raise TooLittleError(f"linear_regression needs {needed:.0f} seconds of the budget, and has {left:.0f}")
            return int(np.clip(np.ceil(seconds * origins * (sensors - of[0]) / max(left, 1.0)), 1, most))

        every = pace.decide(f"every, from sensor {first}", as_before, apart)
        widest = max(widest, every)
        chosen, before = np.arange(0, origins, every), pace.spent
        for sensor, found in _fit(recorded, sides, chosen, block):
            if found is not None:
                weights[sensor], intercepts[sensor], spread[sensor] = found
            task.progress(sensor + 1, sensors)
        per_row = (pace.spent - before) / (len(chosen) * len(block))
    if np.isnan(weights).all():
        raise TooLittleError(
            f"no sensor has the {LEAST_ROWS} two-hour stretches that linear_regression needs: give a longer history"
        )
    train = recorded.speed_mph[: recorded.train_windows]
    ceiling = np.max(train, axis=0, initial=0.0, where=~np.isnan(train)).astype(np.float32)
    shares = _last_shares(task, sides, (weights, intercepts), ceiling) if task.again is None else task.again[LAST_SHARE]
    return Fitted(
        tensors={
            "weights": weights,
            "intercepts": intercepts,
            "ceiling_mph": ceiling,
            LAST_SHARE: np.array(shares, dtype=np.float32),
        },
        importance=_importance(weights, spread),
        settings={
            "ridge": RIDGE,
            "reweightings": REWEIGHTINGS,
            "least_observed": LEAST_OBSERVED,
            "every": widest,
            LAST_SHARE: list(shares),
        },
    )


def _last_shares(
    task: Task, sides: Sides, fitted: tuple[NDArray[np.float32], NDArray[np.float32]], ceiling: NDArray[np.float32]
) -> list[float]:
    """How much the last speed is to count at each horizon: what does best on the validation part, to a tenth.

    Forecasts of a short history are off by more than traffic changes in five minutes, and who shrinks them to what does
    not change loses nothing on a long one (combination of forecasts, Bates and Granger 1969).
    """
    recorded, weights = task.recorded, [each.astype(np.float64) for each in fitted]
    held_out = np.arange(task.split.train, task.split.train + task.split.validation)
    pairs = len(recorded.network.sensors)
    some = held_out[:: max(1, -(-len(held_out) * pairs // MIXED_PAIRS))]
    error = np.zeros((len(LAST_SHARES), HORIZONS))
    for first in range(0, len(some), ORIGINS_AT_ONCE):
        origins = some[first : first + ORIGINS_AT_ONCE]
        view, actual = recorded.view(origins), recorded.actual(origins)
        linear = linear_mph(view, sides, *weights)
        for place, share in enumerate(LAST_SHARES):
            off = np.abs(with_last(linear, view, np.full(HORIZONS, share), ceiling.astype(np.float64)) - actual)
            error[place] += np.nansum(off, axis=(0, 1))
    return [LAST_SHARES[place] for place in np.argmin(error, axis=0).tolist()]


def _fit(
    recorded: Recorded, sides: Sides, origins: Integers, block: Integers
) -> list[tuple[int, tuple[Floats, Floats, Floats] | None]]:
    """Of each sensor of a block weights, intercepts and the spread of its features; None with too few rows."""
    rows, target, told, enough = _prepared(recorded, sides, origins, block)
    found: list[tuple[int, tuple[Floats, Floats, Floats] | None]] = []
    for place, sensor in enumerate(block.tolist()):
        usable = enough[:, place] & (np.count_nonzero(told[:, place], axis=1) >= LEAST_TARGETS)
        if np.count_nonzero(usable) < LEAST_ROWS:
            found.append((sensor, None))
            continue
        mine = rows[usable, place].astype(np.float64)
        weights, intercepts = _least_absolute(mine, target[usable, place], told[usable, place])
        found.append((sensor, (weights, intercepts, mine.std(axis=0))))
    return found


def _prepared(
    recorded: Recorded, sides: Sides, origins: Integers, block: Integers
) -> tuple[NDArray[np.float32], Floats, Flags, Flags]:
    """Of the sensors of a block, by origin: features, deviations to come, which of these are known, enough history."""
    near, needed = sides.around(block)
    count, size = len(origins), len(block)
    mine = slice(0, size)
    rows = np.empty((count, size, COUNT), dtype=np.float32)
    target = np.empty((count, size, HORIZONS))
    enough = np.empty((count, size), dtype=np.bool_)
    for first in range(0, count, ORIGINS_AT_ONCE):
        part = slice(first, min(first + ORIGINS_AT_ONCE, count))
        view = recorded.view(origins[part], needed)
        rows[part] = features(view, near, mine)
        target[part] = recorded.actual(origins[part], block) - view.ahead_mph[..., mine].transpose(0, 2, 1)
        enough[part] = np.count_nonzero(view.seen[..., mine], axis=1) >= LEAST_OBSERVED
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
