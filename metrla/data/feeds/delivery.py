"""What a feed hands over, the events of one reading time, and when that is due. Pure.

Every due time counts from the start of the feed, so that delays do not add up.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.events.records import TrafficEvent


@dataclass(frozen=True, slots=True)
class Delivery:
    """The events that reach the log at event time `at` (UTC); those of late readings are stamped earlier."""

    at: datetime
    events: tuple[TrafficEvent, ...]


def split(deliveries: Iterable[Delivery], size: int) -> Iterator[Delivery]:
    """The same events in deliveries of at most `size`."""
    for delivery in deliveries:
        for first in range(0, len(delivery.events), size):
            yield Delivery(delivery.at, delivery.events[first : first + size])


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
    """Event time runs `speed` times as fast as the wall clock from `origin` on; whatever is earlier is due at once."""

    origin: datetime
    speed: float

    def due(self, at: datetime, sent: int) -> float:
        """The wall time that passes until event time reaches `at`."""
        del sent
        return max(0.0, (at - self.origin).total_seconds() / self.speed)


@dataclass(frozen=True, slots=True)
class RatePace:
    """A fixed number of events per second of wall time, whatever their event times."""

    events_per_second: float

    def due(self, at: datetime, sent: int) -> float:
        """The wall time in which the events before it have gone out."""
        del at
        return sent / self.events_per_second
