"""How long an incident will last: logged durations, and those of earlier incidents at the same place. Pure."""

from collections.abc import Sequence

from shared.alerts.lifecycle.duration import Estimate, estimate

TAIL = 0.015
"""The share beyond each end of an interval that covered 90 % on the parts of those days that were left out."""
# fmt: off
DURATIONS: tuple[float, ...] = (
    0.0, 0.5, 1.0, 1.0, 1.3, 2.0, 2.0, 2.0, 3.8, 4.3, 5.0, 5.3, 7.1, 8.0,
    8.0, 8.7, 11.6, 17.0, 17.5, 18.0, 19.0, 19.5, 21.8, 24.0, 26.3, 28.8, 29.8, 32.9,
    34.8, 35.3, 36.7, 37.3, 40.2, 45.6, 47.8, 57.7, 78.8, 92.1, 103.5, 119.9,
)
# fmt: on
"""Minutes that collisions in the first 14 days of Orange (2022-01-01 to 14) lasted by the log: docs/alerts.md."""


def incident_duration(past_minutes: Sequence[float], age_minutes: float) -> Estimate:
    """How long an incident will have lasted in all, from earlier ones at the same place and its age."""
    return estimate(DURATIONS, past_minutes, age_minutes, TAIL)
