"""How long an alert will stand: a median and a 90 % interval, given how long it has stood already. Pure.

The distribution is empirical: a shipped table of durations (`duration_tables.py`), worth `PRIOR_WEIGHT` observations,
and what was seen at the same place, each worth one. So a place without a past has the pool's distribution, and one with
a long past its own. Given that an alert has reached an age, only the part of the distribution beyond it counts, which
without censoring is the conditional estimate of E. L. Kaplan and P. Meier, 'Nonparametric estimation from incomplete
observations', Journal of the American Statistical Association 53, 1958. Beyond what was ever seen the tail is taken as
Pareto's. The levels of the interval are not 5 and 95 % but those that covered 90 % of days left out, as in conformal
prediction (V. Vovk, A. Gammerman and G. Shafer, 'Algorithmic learning in a random world', 2005).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from shared.alerts.lifecycle.duration_tables import (
    CONGESTION,
    CONGESTION_TAIL,
    INCIDENT,
    INCIDENT_TAIL,
)

PRIOR_WEIGHT = 10.0
MAX_SAMPLES = 50
MIN_WEIGHT = 0.2
"""So many observations at least must lie beyond the age, or the tail speaks."""
TAIL_INDEX = 2.0
PERIOD_HOURS = (6, 10, 15, 19)
"""Hours where the periods of `CONGESTION` end: night, morning, midday, afternoon; the last is the evening."""
DIGITS = 1


@dataclass(frozen=True, slots=True)
class Estimate:
    """Whole durations in minutes, counted from the beginning: median and 90 % interval; none is below the age."""

    median_minutes: float
    lower_minutes: float
    upper_minutes: float


def congestion_duration(
    raised_local: datetime, past_minutes: Sequence[float], age_minutes: float, *, day_off: bool
) -> Estimate:
    """How long a queue will have stood in all.

    Args:
        raised_local: when its alert was raised, in the network's time zone.
        past_minutes: how long earlier ones stood whose queue had the same head.
        age_minutes: how long it has been active.
        day_off: whether that was a weekend or a public holiday.
    """
    table = CONGESTION[stratum(raised_local, day_off=day_off)]
    return estimate(table, past_minutes, age_minutes, CONGESTION_TAIL)


def incident_duration(past_minutes: Sequence[float], age_minutes: float) -> Estimate:
    """How long an incident will have lasted in all, from earlier ones at the same place and its age."""
    return estimate(INCIDENT, past_minutes, age_minutes, INCIDENT_TAIL)


def stratum(raised_local: datetime, *, day_off: bool) -> str:
    """Which table of `CONGESTION` holds: 'weekday' or 'weekend' (holidays, too), and the period of the day's number."""
    period = sum(raised_local.hour >= hour for hour in PERIOD_HOURS)
    return f"{'weekend' if day_off else 'weekday'} {period}"


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
