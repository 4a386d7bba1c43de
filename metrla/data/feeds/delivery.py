"""What a feed hands over: the events of one reading time. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

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
