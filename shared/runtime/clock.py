"""Time as an interface: whoever needs the wall clock is handed a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The current time in UTC."""
    return datetime.now(UTC)
