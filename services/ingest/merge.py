"""Hold back what runs ahead, so that partitions advance together in event time. Pure.

A k-way merge as in Kafka Streams, but by prefixes instead of single records: as partitions only have to stay near each
other, all records up to a common time can pass at once.
"""

from collections import deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from math import inf
from typing import NamedTuple

from shared.events.records import TrafficEvent
from shared.kafka.consumer import LogEnd

START = datetime.min.replace(tzinfo=UTC)
# An event that is ahead of this many among the next ones is ahead by its own clock, and not because its lane is.
LOOK_AHEAD, MOST = 8, 4


class Waiting(NamedTuple):
    """An event that waits, its offset, and when it was put on the log, in milliseconds since 1970."""

    event: TrafficEvent
    offset: int
    logged_ms: float


@dataclass(slots=True)
class Lane:
    """The events of one partition that wait, in offset order, and where reading stands.

    `read` is the offset after the last record polled, `fetched_ms` the wall time, in milliseconds since 1970, by which
    the broker had given it out.
    """

    read: int
    fetched_ms: int = 0
    waiting: deque[Waiting] = field(default_factory=deque)
    newest: datetime = START
    _empty_since_s: float | None = None

    def put(self, event: TrafficEvent, offset: int, logged_ms: float = inf) -> None:
        """Append the next event; it was put on the log at `logged_ms`, infinity where that is not known."""
        self.waiting.append(Waiting(event, offset, logged_ms))
        self.newest = max(self.newest, event.timestamp)

    def note_empty(self, now_s: float) -> None:
        """Start or stop the time for which the lane has been empty; to be called before each poll."""
        if self.waiting:
            self._empty_since_s = None
        elif self._empty_since_s is None:
            self._empty_since_s = now_s

    def note_busy(self) -> None:
        """The lane passed events, so that it is empty says nothing yet."""
        self._empty_since_s = None

    def empty_s(self, now_s: float) -> float:
        """Seconds for which polls have brought nothing."""
        return 0.0 if self.waiting or self._empty_since_s is None else now_s - self._empty_since_s

    @property
    def position(self) -> int:
        """The offset of the first record that has not passed."""
        return self.waiting[0].offset if self.waiting else self.read


def is_behind(lane: Lane, end: LogEnd | None, lanes: Collection[Lane]) -> bool:
    """Whether the log may have more of a lane than was read that is as old as what waits in the others.

    What the broker said of the end of the log while the others had not been fetched yet proves nothing: a partition
    whose records had been fetched first, and were polled late, looked read to its end, and hours of the others passed.

    Args:
        lane: one that is empty, else the answer means nothing.
        end: of its partition, `None` where that is not known.
        lanes: all of them.
    """
    if end is None or lane.read < end.offset:
        return True
    return any(other.waiting and end.heard_ms < other.fetched_ms for other in lanes)


def horizon(lanes: Collection[Lane], behind: Collection[Lane]) -> datetime | None:
    """The event time up to which every lane may pass; `None` while none may.

    `behind` are the lanes that may have more on the log than was read (`is_behind`); one of them that is empty holds
    all others, an empty one that has read everything holds none. The lane that sets the horizon always passes whole.
    """
    if any(not lane.waiting for lane in behind):
        return None
    return min((lane.newest for lane in lanes if lane.waiting), default=None)


def passing(lane: Lane, until: datetime) -> Iterator[Waiting]:
    """Take the events before the first one later than `until` out of the lane, in offset order.

    One whose clock is fast, which the events behind it are not, holds these up no longer.
    """
    waiting = lane.waiting
    while waiting and (waiting[0].event.timestamp <= until or _is_fast(waiting, until)):
        yield waiting.popleft()
    if not waiting:
        lane.newest = START
        lane.note_busy()


def _is_fast(waiting: deque[Waiting], until: datetime) -> bool:
    return sum(one.event.timestamp <= until for one in islice(waiting, 1, 1 + LOOK_AHEAD)) >= MOST
