"""What the gateway reads: six topics, how a record of each is taken in, and how far back each is read. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol, TypeAlias

from shared.events.avro import decode
from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    TrafficAdvisory,
    TrafficAlert,
    TrafficPrediction,
)
from shared.events.topics import ADVISORIES, AGGREGATES, ALERTS, PREDICTIONS, SENSOR_HEALTH, SENSOR_TIMES, Topic
from shared.traffic.health.doubted import DoubtedSensors, read_doubted
from shared.traffic.health.times import SensorTimes, read_times

FOLLOWED: tuple[Topic, ...] = (AGGREGATES, PREDICTIONS, ALERTS, ADVISORIES, SENSOR_TIMES, SENSOR_HEALTH)
WHOLE = frozenset({ALERTS.name, ADVISORIES.name, SENSOR_TIMES.name, SENSOR_HEALTH.name})
"""Read to the beginning: they are compacted, and an alert or advisory may be days old."""

SensorNews: TypeAlias = SensorTimes | DoubtedSensors
Followed: TypeAlias = ProcessedTrafficAggregate | TrafficPrediction | TrafficAlert | TrafficAdvisory | SensorNews


READERS: Mapping[str, Callable[[bytes], Followed]] = {
    AGGREGATES.name: partial(decode, ProcessedTrafficAggregate),
    PREDICTIONS.name: partial(decode, TrafficPrediction),
    ALERTS.name: partial(decode, TrafficAlert),
    ADVISORIES.name: partial(decode, TrafficAdvisory),
    SENSOR_TIMES.name: read_times,
    SENSOR_HEALTH.name: read_doubted,
}


class FollowedMessage(Protocol):
    """What is needed of a record of the log."""

    topic: str
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def read(message: FollowedMessage) -> Followed | str:
    """The record of a message, or the id of the alert or advisory that a tombstone drops.

    Raises:
        RejectedEventError: the bytes are no record of their topic.
    """
    if message.value is None:
        if message.topic in WHOLE and message.key is not None:
            return message.key.decode(errors="replace")
        raise RejectedEventError(RejectionReason.UNDECODABLE, f"{message.topic}: a message without a value")
    return READERS[message.topic](message.value)


def event_time(record: Followed) -> datetime:
    """When a record says that things were so."""
    match record:
        case ProcessedTrafficAggregate():
            return record.window_end
        case TrafficPrediction():
            return record.timestamp
        case TrafficAlert():
            return record.updated_at
        case TrafficAdvisory():
            return record.updated_at or record.starts_at
        case SensorTimes() | DoubtedSensors():
            return record.as_of


class LookBack:
    """Takes records in while a partition is read backwards, until `history` of event time of every network is there.

    Topics of `WHOLE` are read to the beginning, `history=None`.
    """

    def __init__(self, take: Callable[[FollowedMessage], Followed | None], history: timedelta | None) -> None:
        self._take = take
        self._history = history
        self._lowest: int | None = None
        self._spans: dict[NetworkId, tuple[datetime, datetime]] = {}

    def __call__(self, messages: Sequence[FollowedMessage]) -> bool:
        """Take in those of `messages` (by rising offset) that are new at the front; returns whether it is enough."""
        for message in self._earlier(messages):
            record = self._take(message)
            if record is not None:
                time = event_time(record)
                oldest, newest = self._spans.get(record.network_id, (time, time))
                self._spans[record.network_id] = min(oldest, time), max(newest, time)
        if messages:
            self._lowest = messages[0].offset
        history = self._history
        return (
            history is not None
            and bool(self._spans)
            and all(newest - oldest >= history for oldest, newest in self._spans.values())
        )

    def _earlier(self, messages: Sequence[FollowedMessage]) -> Iterable[FollowedMessage]:
        for message in messages:
            if self._lowest is not None and message.offset >= self._lowest:
                return
            yield message
