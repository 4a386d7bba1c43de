"""An archive as a feed: its raw events in the order in which they stood on the log."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heapify, heappop, heapreplace, merge
from itertools import groupby, islice
from operator import attrgetter, itemgetter

from metrla.data.archive.events import raw_files
from metrla.data.feeds.delivery import Delivery
from shared.archive.container import ArchivedEvent, decode_container
from shared.archive.layout import RawFile
from shared.archive.port import Archive
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, TrafficEvent

HOUR = timedelta(hours=1)
EVENTS_AT_ONCE = 2000
START = datetime.min.replace(tzinfo=UTC)

_FIRST_OFFSET = attrgetter("first_offset")


class ArchivedEvents:
    """The archived events of one network, to be fed again: duplicates, late ones and all.

    Within a partition they come in the order of their offsets. Windows are made from a partition's events in that
    order, so the windows made from this feed are those that were made before. Partitions are merged by the event time
    that each has reached, as they came in when they were live.

    Memory holds the paths of all files, and of each partition the files whose offsets overlap: those of one flush.

    Args:
        archive: where the files are.
        network_id: whose events.
        begin: first instant (aware), inclusive; `None` is the oldest event.
        end: last instant (aware), exclusive; `None` is beyond the newest event.

    Raises:
        ArchiveError: the archive does not answer.
        ConfigurationError: it holds no such events.
    """

    def __init__(
        self, archive: Archive, network_id: NetworkId, begin: datetime | None = None, end: datetime | None = None
    ) -> None:
        self._archive = archive
        self._begin, self._end = begin, end
        self._files = list(raw_files(archive, network_id, begin, end))
        if not self._files:
            raise ConfigurationError(f"the archive holds no events of network {network_id} in that time")

    def extent(self) -> tuple[datetime, datetime]:
        """Event time from and to, to the hour where no bound was given."""
        hours = [file.hour for file in self._files]
        first, last = min(hours), max(hours) + HOUR
        return max(first, self._begin or first), min(last, self._end or last)

    def ends(self) -> dict[int, int]:
        """By partition, the offset after the last one in these files."""
        ends: dict[int, int] = defaultdict(int)
        for file in self._files:
            ends[file.partition] = max(ends[file.partition], file.last_offset + 1)
        return dict(ends)

    def deliveries(self) -> Iterator[Delivery]:
        """All events, those that came in at one time together, up to a bound.

        Raises:
            ArchiveError: the archive does not answer, or a file is damaged.
        """
        partitions: dict[int, list[RawFile]] = defaultdict(list)
        for file in self._files:
            partitions[file.partition].append(file)
        clocked = [self._clocked(files) for _, files in sorted(partitions.items())]
        for at, events in groupby(merge(*clocked, key=itemgetter(0)), key=itemgetter(0)):
            while part := tuple(event for _, event in islice(events, EVENTS_AT_ONCE)):
                yield Delivery(at, part)

    def _clocked(self, files: Sequence[RawFile]) -> Iterator[tuple[datetime, TrafficEvent]]:
        """The events of one partition, each with the latest event time up to it: when it came in."""
        clock = START
        for archived in self._in_offset_order(files):
            event = archived.event
            if (self._begin is None or event.timestamp >= self._begin) and (
                self._end is None or event.timestamp < self._end
            ):
                clock = max(clock, event.timestamp)
                yield clock, event

    def _in_offset_order(self, files: Iterable[RawFile]) -> Iterator[ArchivedEvent]:
        """Merge files by offset, each opened when its turn has come; a flush leaves one for each hour it touched."""
        waiting = sorted(files, key=_FIRST_OFFSET, reverse=True)
        opened: list[tuple[int, int, ArchivedEvent, Iterator[ArchivedEvent]]] = []
        number = 0
        while opened or waiting:
            while waiting and (not opened or waiting[-1].first_offset <= opened[0][0]):
                file = waiting.pop()
                events = decode_container(self._archive.read(file.path), file.path)
                first = next(events, None)
                if first is not None:
                    number += 1
                    opened.append((first.offset, number, first, events))
                    heapify(opened)
            if not opened:
                continue
            _, place, event, events = opened[0]
            yield event
            following = next(events, None)
            if following is None:
                heappop(opened)
            else:
                heapreplace(opened, (following.offset, place, following, events))
