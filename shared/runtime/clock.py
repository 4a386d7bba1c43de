"""Time as an interface: what asks the wall clock is told which clock to ask."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The present instant in UTC."""
    return datetime.now(UTC)
