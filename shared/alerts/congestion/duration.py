"""How long a queue will last: by its type of day and period, and by earlier queues with the same head. Pure."""

from collections.abc import Sequence
from datetime import datetime

from shared.alerts.congestion.duration_table import DURATIONS, TAIL
from shared.alerts.lifecycle.duration import Estimate, estimate

PERIOD_HOURS = (6, 10, 15, 19)
"""Hours where the periods of `DURATIONS` end: night, morning, midday, afternoon; the last is the evening."""


def congestion_duration(
    raised_local: datetime, past_minutes: Sequence[float], age_minutes: float, *, day_off: bool
) -> Estimate:
    """How long a queue will have lasted in all.

    Args:
        raised_local: when its alert was raised, in the network's time zone.
        past_minutes: how long earlier ones were active whose queue had the same head.
        age_minutes: how long it has been active.
        day_off: whether that was a weekend or a public holiday.
    """
    table = DURATIONS[stratum(raised_local, day_off=day_off)]
    return estimate(table, past_minutes, age_minutes, TAIL)


def stratum(raised_local: datetime, *, day_off: bool) -> str:
    """Which table of `DURATIONS` holds: 'weekday' or 'weekend' (holidays, too), and the period of the day's number."""
    period = sum(raised_local.hour >= hour for hour in PERIOD_HOURS)
    return f"{'weekend' if day_off else 'weekday'} {period}"
