"""Latest values for many clients: each value is written once, each client owns no more than a position. Pure.

A `Board` holds the latest value of every key of one channel, stamped with the number of the update that brought it.
A client is a `Subscriber`: what it selected, and the last update that it was given. What it has still to get is
everything stamped later, so a client that fell behind by any number of updates gets the latest value of each key once,
and costs no memory while it waits.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from shared.events.records import SensorId

MAX_CACHED_MESSAGES = 256


class Channel(StrEnum):
    """What a client can follow."""

    PREDICTIONS = "predictions"
    ALERTS = "alerts"
    SENSORS = "sensors"


@dataclass(frozen=True, slots=True)
class Item:
    """One value: its key, what selects it (`horizon_minutes=None`: any), and how it is written as JSON.

    `default_horizon` says that whoever asks for the default horizon means this one.

    A forecast is an item for those who ask for its `model_name`, and another one, without a model, for those who ask
    for whatever is served.
    """

    key: Hashable
    sensor_ids: tuple[SensorId, ...]
    horizon_minutes: int | None
    write: Callable[[], bytes]
    model_name: str | None = None
    default_horizon: bool = False

    def has_horizon(self, minutes: int | None) -> bool:
        """Whether it is what somebody wants who asks for a horizon; `None` asks for every one."""
        if minutes is None or self.horizon_minutes in {None, minutes}:
            return True
        return self.default_horizon and minutes == DEFAULT_HORIZON_MINUTES


@dataclass(frozen=True, slots=True)
class Selection:
    """What a client wants of a channel; `None` does not restrict, but for the model: without one, what is served."""

    sensor_ids: frozenset[SensorId] | None = None
    horizon_minutes: int | None = None
    model_name: str | None = None

    def takes(self, item: Item) -> bool:
        """Whether the client wants this value."""
        if self.model_name != item.model_name:
            return False
        if not item.has_horizon(self.horizon_minutes):
            return False
        return self.sensor_ids is None or not self.sensor_ids.isdisjoint(item.sensor_ids)


@dataclass(slots=True)
class _Entry:
    item: Item
    update: int
    written: bytes | None = None

    def json(self) -> bytes:
        if self.written is None:
            self.written = self.item.write()
        return self.written


class Board:
    """The latest value of every key of one channel."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.update = 0
        self._time = b"null"
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._messages: dict[tuple[Selection, int | None], str | None] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def publish(self, items: Iterable[Item], gone: Iterable[Hashable], event_time: datetime | None) -> bool:
        """Take what changed and what is gone as one update; returns whether there was anything to tell clients."""
        latest = {item.key: item for item in items}
        self._messages.clear()
        for key in gone:
            self._entries.pop(key, None)
        self._time = b"null" if event_time is None else b'"' + _iso(event_time) + b'"'
        if not latest:
            return False
        self.update += 1
        for key, item in latest.items():
            self._entries[key] = _Entry(item, self.update)
            self._entries.move_to_end(key)
        return True

    def message(self, selection: Selection, since: int | None) -> str | None:
        """The JSON text of what came after update `since`, `None` where nothing of it is selected.

        `since=None` asks for the snapshot: everything, and a message even where that is nothing.
        """
        question = (selection, since)
        if question not in self._messages:
            if len(self._messages) >= MAX_CACHED_MESSAGES:
                self._messages.clear()
            self._messages[question] = self._compose(selection, since)
        return self._messages[question]

    def _compose(self, selection: Selection, since: int | None) -> str | None:
        rows = [entry.json() for entry in self._after(since or 0) if selection.takes(entry.item)]
        if since is not None and not rows:
            return None
        kind = f"{self.channel}_{'snapshot' if since is None else 'update'}".encode()
        return b"".join(
            (b'{"type":"', kind, b'","data":[', b",".join(rows), b'],"timestamp":', self._time, b"}")
        ).decode()

    def _after(self, update: int) -> Iterator[_Entry]:
        later = []
        for entry in reversed(self._entries.values()):
            if entry.update <= update:
                break
            later.append(entry)
        return reversed(later)


@dataclass(slots=True)
class Subscriber:
    """One client: what it selected per channel, and the update that it was last given (`None`: not even a snapshot)."""

    selections: Mapping[Channel, Selection]
    given: dict[Channel, int] = field(default_factory=dict)
    coalesced: int = 0

    def select(self, selections: Mapping[Channel, Selection]) -> None:
        """Change the selection; what was selected anew or differently starts with a snapshot."""
        for channel in set(self.given):
            if selections.get(channel) != self.selections.get(channel):
                del self.given[channel]
        self.selections = selections

    def take(self, boards: Mapping[Channel, Board]) -> list[str]:
        """The messages that this client has still to get, counting the updates that were merged into them."""
        messages = []
        for channel, selection in self.selections.items():
            board, since = boards[channel], self.given.get(channel)
            if since == board.update:
                continue
            text = board.message(selection, since)
            self.given[channel] = board.update
            if since is not None:
                self.coalesced += board.update - since - 1
            if text is not None:
                messages.append(text)
        return messages


def _iso(time: datetime) -> bytes:
    return time.isoformat().replace("+00:00", "Z").encode()
