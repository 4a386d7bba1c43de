"""How long an alert will be active: a median and a 90 % interval, given how long it has been already. Pure.

The distribution is empirical: a table of durations that the kind of alert ships, worth `PRIOR_WEIGHT` observations, and
what was seen at the same place, each worth one. So a place without a past has the pool's distribution, and one with
a long past its own. Given that an alert has reached an age, only the part of the distribution beyond it counts, which
without censoring is the conditional estimate of E. L. Kaplan and P. Meier, 'Nonparametric estimation from incomplete
observations', Journal of the American Statistical Association 53, 1958. Beyond what was ever seen the tail is taken as
Pareto's. The levels of the interval are not 5 and 95 % but those that covered 90 % of days left out, as in conformal
prediction (V. Vovk, A. Gammerman and G. Shafer, 'Algorithmic learning in a random world', 2005).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

PRIOR_WEIGHT = 10.0
MAX_SAMPLES = 50
MIN_WEIGHT = 0.2
"""Observations that must lie beyond the age at least, or the tail speaks."""
TAIL_INDEX = 2.0
DIGITS = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """Whole durations in minutes, counted from the beginning: median and 90 % interval; none is below the age."""

    median_minutes: float
    lower_minutes: float
    upper_minutes: float


def estimate(prior: Sequence[float], past_minutes: Sequence[float], age_minutes: float, tail: float) -> Estimate:
    """Median and interval of the durations beyond `age_minutes`.

    Args:
        prior: durations that stand for the pool, equally likely.
        past_minutes: durations at this place, oldest first; the last `MAX_SAMPLES` count.
        age_minutes: reached already, 0 at the beginning.
        tail: share beyond each end of the interval.
    """
    own = list(past_minutes)[-MAX_SAMPLES:]
    values = np.array([*prior, *own], dtype=np.float64)
    weights = np.concatenate([np.full(len(prior), PRIOR_WEIGHT / max(len(prior), 1)), np.ones(len(own))])
    # What lasted no time at all was over when it was written down, so at the beginning it counts.
    beyond = values > age_minutes if age_minutes > 0 else values >= 0
    if weights[beyond].sum() < MIN_WEIGHT:
        median, lower, upper = (age_minutes * left ** (-1 / TAIL_INDEX) for left in (0.5, 1 - tail, tail))
    else:
        order = np.argsort(values[beyond], kind="stable")
        ordered, reached = values[beyond][order], np.cumsum(weights[beyond][order])
        # The weights add up to their sum but for rounding, so the last one is reached by definition.
        rows = np.searchsorted(reached, np.array([0.5, tail, 1 - tail]) * reached[-1])
        median, lower, upper = ordered[np.minimum(rows, len(ordered) - 1)]
    return Estimate(round(float(median), DIGITS), round(float(lower), DIGITS), round(float(upper), DIGITS))
