"""How long an alert will stand, from those that have stood before at the same place. Pure."""

from collections.abc import Sequence
from statistics import median

MIN_SAMPLES = 3
MAX_SAMPLES = 50


def estimated_duration_minutes(past_minutes: Sequence[float], age_minutes: float) -> float | None:
    """The median of the past durations that are longer than the present age, or `None` where fewer than three are.

    What has stood for an hour is not compared with what was over in ten minutes: the empirical distribution, given that
    the age was reached.
    """
    longer = [minutes for minutes in past_minutes if minutes > age_minutes]
    return float(median(longer)) if len(longer) >= MIN_SAMPLES else None
