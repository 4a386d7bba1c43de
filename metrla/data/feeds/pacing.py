"""When an event is due. Every due time is reckoned from the start, so that delays do not add up. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


class Pace(Protocol):
    """How fast a feed sends."""

    def due(self, at: datetime, sent: int) -> float:
        """Seconds after the start of the feed at which what is delivered at event time `at` is sent.

        Args:
            at: event time of the delivery.
            sent: events sent before it.
        """
        ...


@dataclass(frozen=True, slots=True)
class AsFastAsPossible:
    """Nothing waits."""

    def due(self, at: datetime, sent: int) -> float:
        """Always at once."""
        del at, sent
        return 0.0


@dataclass(frozen=True, slots=True)
class EventTimePace:
    """Event time runs `speed` times as fast as the wall clock, from `origin` on; what is before it is due at once."""

    origin: datetime
    speed: float

    def due(self, at: datetime, sent: int) -> float:
        """The wall time that passes until event time has come to `at`."""
        del sent
        return max(0.0, (at - self.origin).total_seconds() / self.speed)


@dataclass(frozen=True, slots=True)
class RatePace:
    """So many events per second of wall time, whatever their event times."""

    events_per_second: float

    def due(self, at: datetime, sent: int) -> float:
        """The wall time in which the events before it have gone out."""
        del at
        return sent / self.events_per_second
