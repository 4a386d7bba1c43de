"""Fit `ensemble`: weights of the members that make the least absolute error on the validation part. Uses SciPy.

How fine the weights may be, one set per horizon or some by expected speed, is chosen by cross-validation over blocks of
time: a finer choice must lower the error of blocks that it was not fitted to by `LEAST_GAIN`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from metrla.lab.forecasting.training.fitted import Fitted, Task, TooLittleError
from metrla.lab.forecasting.training.pacing import Pacing
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.ensemble import between, importance
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE
from shared.traffic.arrays import Compact, Floats

ONE_SET: tuple[float, ...] = ()
CHOICES: Mapping[str, tuple[float, ...]] = {
    "by horizon": ONE_SET,
    "by horizon and speed, 2 knots": (0.1, 0.6),
    "by horizon and speed, 4 knots": (0.03, 0.12, 0.3, 0.7),
}
"""Where the knots lie among all mean forecasts: the shares of slower ones. From coarse to fine."""
LEAST_GAIN = 0.001
LEAST_GAIN_OF_USUAL = 0.01
"""Where the historical average is a member, all disagree more: it has to be worth that."""
BLOCKS = 4
TRIED_HORIZONS = (2, 5, 8, 11)
MOST_ROWS, TRIED_ROWS = 80_000, 4_000
TRIED = "by horizon and speed, 2 knots"
"""On so many rows, this fit tells how long one takes."""
ROUND_MPH = 0.5
LEAST_MEMBERS = 2
ROUNDS = 300

MemberRows: TypeAlias = tuple[Floats, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """Validation origins: what members said, (origins, N, HORIZONS, members) mph, and what happened.

    Of a horizon about `most` rows are used, evenly spaced.
    """

    predicted: NDArray[np.float32]
    actual: NDArray[np.float32]
    most: int = MOST_ROWS

    def rows(self, horizon: int, knots_mph: Floats) -> MemberRows:
        """The design (rows, knots * members) and target (rows,) of one horizon, where all members can tell."""
        told, target = self.predicted[:, :, horizon], self.actual[:, :, horizon]
        usable = ~np.isnan(target) & ~np.isnan(told).any(axis=-1)
        stride = max(1, round(np.count_nonzero(usable) / self.most))
        chosen = np.zeros_like(usable)
        chosen[::stride] = usable[::stride]
        speeds = told[chosen].astype(np.float64)
        return design(speeds, knots_mph), target[chosen].astype(np.float64)

    def __getitem__(self, origins: NDArray[np.intp]) -> "_Part":
        return _Part(self.predicted[origins], self.actual[origins], self.most)


def fit_ensemble(task: Task) -> Fitted:
    """Weights of all models of the task; of the historical average where that gains: others mostly know it already.

    Models that were fitted to few days do not know it as well as it is: only with it do they beat it an hour ahead.

    Raises:
        TooLittleError: fewer than two of them can be compared with what happened.
    """
    pace, origins = Pacing.of(task), task.validation
    trained = sorted(set(task.predicted) - {ENSEMBLE, HISTORICAL_AVERAGE})
    with_usual = sorted({*trained, HISTORICAL_AVERAGE} & set(task.predicted))
    if not trained or len(with_usual) < LEAST_MEMBERS:
        raise TooLittleError(f"an ensemble needs {LEAST_MEMBERS} models to combine, there are {len(with_usual)}")
    actual = task.recorded.actual(origins).astype(np.float32)

    def part_of(names: Sequence[str]) -> _Part:
        return _Part(np.stack([task.predicted[name][: len(origins)] for name in names], axis=-1), actual)

    members = trained if len(trained) >= LEAST_MEMBERS else with_usual
    part = part_of(members)
    if any(not len(part.rows(horizon, np.zeros(1))[1]) for horizon in range(HORIZONS)):
        raise TooLittleError(
            f"{', '.join(members)} never all forecast the tenth of the history that validates: give a longer one"
        )
    part = replace(part, most=pace.decide("rows", MOST_ROWS, lambda left: _affordable(left, pace, part)))
    if len(with_usual) > len(members):
        wider = replace(part_of(with_usual), most=part.most)
        without, gained = (cross_validated(each, _knots(each.predicted, ONE_SET)) for each in (part, wider))
        if gained < (1 - LEAST_GAIN_OF_USUAL) * without:
            members, part = with_usual, wider
    told, errors = part.predicted, {}
    for step, (choice, shares) in enumerate(CHOICES.items()):
        task.progress(step, len(CHOICES) + 1, f"weights {choice}")
        errors[choice] = cross_validated(part, _knots(told, shares))
    chosen = _finest_that_pays(errors)
    knots = _knots(told, CHOICES[chosen])
    task.progress(len(CHOICES), len(CHOICES) + 1, f"weights {chosen}")
    weights = np.stack([least_absolute(*part.rows(horizon, knots), len(members)) for horizon in range(HORIZONS)])
    task.progress(len(CHOICES) + 1, len(CHOICES) + 1)
    return Fitted(
        tensors={"knots_mph": knots.astype(np.float32), "weights": weights.astype(np.float32)},
        importance=importance(members, weights),
        settings={"weights": chosen, "knots_mph": knots.tolist(), "cross_validated_mae_mph": errors},
        members={name: task.versions[name] for name in members},
    )


def _affordable(left: float, pace: Pacing, part: _Part) -> int:
    few, members = replace(part, most=TRIED_ROWS), part.predicted.shape[-1]
    knots = _knots(part.predicted, CHOICES[TRIED])
    seconds = pace.timed(lambda: least_absolute(*few.rows(HORIZONS - 1, knots), members)) / TRIED_ROWS
    fits = HORIZONS + (len(CHOICES) + 2) * len(TRIED_HORIZONS) * BLOCKS
    return int(np.clip(left / (fits * seconds), TRIED_ROWS, MOST_ROWS))


def cross_validated(part: _Part, knots_mph: Floats) -> float:
    """The mean absolute error in mph over blocks of time that the weights were not fitted to."""
    block = np.arange(len(part.actual)) * BLOCKS // len(part.actual)
    error, count = 0.0, 0
    members = part.predicted.shape[-1]
    for horizon in TRIED_HORIZONS:
        for held_out in range(BLOCKS):
            speeds, target = part[np.flatnonzero(block != held_out)].rows(horizon, knots_mph)
            others, truth = part[np.flatnonzero(block == held_out)].rows(horizon, knots_mph)
            if len(target):
                weights = least_absolute(speeds, target, members)
                error += float(np.abs(others @ weights.ravel() - truth).sum())
                count += len(truth)
    return error / count if count else float("nan")


def least_absolute(rows: Floats, target: Floats, members: int) -> Floats:
    """Weights (knots, members), at each knot not negative and of sum 1, of least absolute error over rows.

    Sequential least squares programming (Kraft 1988, SciPy's SLSQP) on a loss that is rounded within half a mph, where
    the absolute value has no slope (pseudo-Huber: Charbonnier et al., 1997). Rounded to thousandths, so that they do
    not depend on how many cores summed them up.
    """
    from scipy.optimize import minimize  # noqa: PLC0415 - of the train extra

    knots = rows.shape[1] // members

    def loss(weights: Floats) -> tuple[float, Floats]:
        error = rows @ weights - target
        rounded = np.sqrt(error**2 + ROUND_MPH**2)
        return float(rounded.mean()), rows.T @ (error / rounded) / len(target)

    sums = np.kron(np.eye(knots), np.ones(members))
    even = np.full(knots * members, 1 / members)
    found = minimize(
        loss,
        even,
        jac=True,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * len(even),
        constraints={"type": "eq", "fun": lambda weights: sums @ weights - 1, "jac": lambda _weights: sums},
        options={"maxiter": ROUNDS, "ftol": 1e-8},
    ).x
    alone = (np.tile(np.eye(members)[member], knots) for member in range(members))
    best = min((found, even, *alone), key=lambda weights: loss(weights)[0])
    thousandths = np.rint(1000 * np.clip(best, 0.0, 1.0)).reshape(knots, members)
    weights: Floats = thousandths / thousandths.sum(axis=1, keepdims=True)
    return weights


def design(speeds: Floats, knots_mph: Floats) -> Floats:
    """Members' speeds (rows, members) times how near their mean is to each knot: (rows, knots * members)."""
    if len(knots_mph) == 1:
        return speeds
    low, part = between(knots_mph, speeds.mean(axis=1))
    near = np.zeros((len(speeds), len(knots_mph)))
    row = np.arange(len(speeds))
    near[row, low] = 1 - part
    near[row, low + 1] += part
    return (near[:, :, None] * speeds[:, None, :]).reshape(len(speeds), len(knots_mph) * speeds.shape[1])


def _knots(told: Compact, shares: Sequence[float]) -> Floats:
    if not shares:
        return np.zeros(1)
    mean = told.mean(axis=-1)
    return np.unique(np.nanquantile(mean, shares).round(1)).astype(np.float64)


def _finest_that_pays(errors: Mapping[str, float]) -> str:
    chosen = next(iter(errors))
    for choice, error in errors.items():
        if error < (1 - LEAST_GAIN) * errors[chosen]:
            chosen = choice
    return chosen
