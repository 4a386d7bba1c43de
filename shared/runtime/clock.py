"""Time as an interface: whoever needs the wall clock is handed a `Clock`, whoever measures how long a `Monotonic`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

Monotonic = Callable[[], float]
"""Seconds that only go forward, from no moment in particular."""


def wall_clock() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)
