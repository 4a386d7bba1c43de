"""How long a queue will last from now on: from how it is, and from what earlier ones did at this place. Pure.

The 5 %, 50 % and 95 % quantile of the minutes that are left are each the exponential of a weighted sum of signs that
are known at the moment: linear quantile regression (R. Koenker and G. Bassett, 'Regression quantiles', Econometrica
46, 1978) of the logarithm. So an estimate follows its queue: it shortens when the queue does, and when earlier ones
had mostly ended at this hour. docs/alerts.md compares it, age by age, with the durations that outlived the same age.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log, log1p
from statistics import median

import numpy as np

from shared.alerts.congestion.duration_weights import LEVELS, WEIGHTS
from shared.alerts.congestion.queues import Queue
from shared.alerts.lifecycle.duration import DIGITS, Estimate
from shared.events.quantities import FREE_FLOW_MPH
from shared.traffic.arrays import Floats
from shared.traffic.calendar import is_day_off
from shared.traffic.network import Network

PERIOD_HOURS = (6, 10, 15, 19)
"""Hours where the periods of `LEVELS` end: night, morning, midday, afternoon; the last is the evening."""
ENDS_POINTS = 3
"""Of the windows shown, the first and the last so many are compared."""
MOST_TREND_MPH = 30.0
LEAST_USUAL, MOST_USUAL = 2, 20
"""How many earlier queues that were there at this hour are needed, and looked at."""
LEAST_PAST = 3
"""How many earlier queues that reached this age are needed."""
LONGEST_MINUTES = 2_880.0
MINUTE, DAY_MINUTES = timedelta(minutes=1), 1_440.0

ActiveSpan = tuple[datetime, datetime]
"""When an earlier alert was raised and cleared."""


@dataclass(frozen=True, slots=True)
class QueueSigns:
    """What tells how long a queue will last. What is `None` is not known.

    `growth` is the logarithm of how many times as long it is as half an hour ago, `trend_mph` how much faster,
    `usual_left_minutes` how long earlier ones lasted from this hour on, `past_left_minutes` from this age on.
    """

    stratum: str
    age_minutes: float
    extent_miles: float
    free_flow_share: float
    trend_mph: float
    growth: float
    usual_left_minutes: float | None
    past_left_minutes: float | None
    usual_share: float | None

    @property
    def values(self) -> tuple[float, ...]:
        """As `WEIGHTS` has them."""
        usual, past = self.usual_left_minutes, self.past_left_minutes
        return (
            log1p(self.age_minutes),
            log1p(self.extent_miles),
            min(max(self.free_flow_share, 0.0), 1.0),
            min(max(self.trend_mph, -MOST_TREND_MPH), MOST_TREND_MPH) / 10,
            self.growth,
            0.0 if usual is None else log1p(usual),
            float(usual is not None),
            0.0 if past is None else log1p(past),
            float(past is not None),
            self.usual_share or 0.0,
            float(self.usual_share is not None),
        )


def congestion_duration(signs: QueueSigns) -> Estimate:
    """How long a queue will have lasted in all."""
    lower, middle, upper = (
        min(
            exp(level + sum(weight * value for weight, value in zip(weights, signs.values, strict=True))),
            LONGEST_MINUTES,
        )
        for weights, level in zip(WEIGHTS, LEVELS[signs.stratum], strict=True)
    )
    whole = sorted(signs.age_minutes + left for left in (min(lower, middle), middle, max(upper, middle)))
    return Estimate(
        median_minutes=round(whole[1], DIGITS),
        lower_minutes=round(whole[0], DIGITS),
        upper_minutes=round(whole[2], DIGITS),
    )


def signs_of(
    queue: Queue,
    speed_mph: Floats,
    miles: Floats,
    raised_at: datetime,
    at: datetime,
    past: Sequence[ActiveSpan],
    network: Network,
    slow_mph: float,
) -> QueueSigns:
    """The signs of a queue at `at`.

    Args:
        queue: as it is.
        speed_mph: (points, sensors of the queue) mean speeds, oldest first, NaN where missing.
        miles: (sensors of the queue,) what each speaks for.
        raised_at: when its alert was raised.
        at: the present.
        past: earlier alerts at this place, oldest first.
        network: tells the local time, and which days are off.
        slow_mph: traffic below this speed is slow.
    """
    first, last = speed_mph[:ENDS_POINTS], speed_mph[-ENDS_POINTS:]
    trend = _mean(last) - _mean(first)
    lengths = [float(miles[(part < slow_mph).sum(axis=0) >= ENDS_POINTS - 1].sum()) for part in (first, last)]
    age = (at - raised_at) / MINUTE
    minute, day_off = _minute(network, at), _day_off(network, at)
    usual: list[float] = []
    for began, ended in reversed(past):
        lasted, into = (ended - began) / MINUTE, (minute - _minute(network, began)) % DAY_MINUTES
        if into < lasted and _day_off(network, began) == day_off and len(usual) < MOST_USUAL:
            usual.append(lasted - into)
    beyond = [lasted - age for began, ended in past if (lasted := (ended - began) / MINUTE) > age]
    return QueueSigns(
        stratum=stratum(minute, day_off=day_off),
        age_minutes=age,
        extent_miles=queue.extent_miles,
        free_flow_share=queue.mean_speed_mph / (queue.free_flow_mph or FREE_FLOW_MPH),
        trend_mph=trend if np.isfinite(trend) else 0.0,
        growth=log((1 + lengths[1]) / (1 + lengths[0])),
        usual_left_minutes=median(usual) if len(usual) >= LEAST_USUAL else None,
        past_left_minutes=median(beyond) if len(beyond) >= LEAST_PAST else None,
        usual_share=queue.usual_share,
    )


def _minute(network: Network, at: datetime) -> float:
    local = at.astimezone(network.time_zone)
    return local.hour * 60.0 + local.minute


def _day_off(network: Network, at: datetime) -> bool:
    return is_day_off(network, at.astimezone(network.time_zone).date())


def stratum(minute: float, *, day_off: bool) -> str:
    """Which of `LEVELS` holds: 'weekday' or 'weekend' (holidays, too), and the number of the period of the day."""
    period = sum(minute >= 60 * hour for hour in PERIOD_HOURS)
    return f"{'weekend' if day_off else 'weekday'} {period}"


def _mean(speed_mph: Floats) -> float:
    told = speed_mph[np.isfinite(speed_mph)]
    return float(told.mean()) if told.size else float("nan")
