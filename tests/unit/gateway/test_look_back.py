from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.log.records import Followed, FollowedMessage, LookBack, event_time, read
from shared.events.avro import encode
from shared.events.errors import RejectedEventError
from shared.events.records import NetworkId, ProcessedTrafficAggregate, TrafficAlert, TrafficPrediction
from shared.events.topics import AGGREGATES, ALERTS, PREDICTIONS, SENSOR_TIMES, Topic
from shared.traffic.health.times import SensorTimes, write_times


@dataclass
class Stored:
    topic: str
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0


class Taker:
    """Takes messages whose value is a step number; odd bytes are no record."""

    def __init__(self, window: Callable[..., ProcessedTrafficAggregate]) -> None:
        self.window = window
        self.taken: list[int] = []

    def __call__(self, message: FollowedMessage) -> Followed | None:
        self.taken.append(message.offset)
        if message.value is None:
            return None
        return self.window(int(message.value), network_id=NetworkId((message.key or b"toy").decode()))


def messages(steps: list[int], first_offset: int = 0, key: bytes = b"toy") -> list[FollowedMessage]:
    return [Stored("t", first_offset + place, key, str(step).encode()) for place, step in enumerate(steps)]


@pytest.fixture
def taker(window: Callable[..., ProcessedTrafficAggregate]) -> Taker:
    return Taker(window)


def test_it_is_enough_when_the_history_is_covered(taker: Taker) -> None:
    look_back = LookBack(taker, timedelta(minutes=30))
    late = messages([5, 6, 7, 8], first_offset=10)
    assert not look_back(late)
    early = messages([1, 2, 3], first_offset=7)
    assert look_back([*early, *late])


def test_every_message_is_taken_once(taker: Taker) -> None:
    look_back = LookBack(taker, None)
    late, early = messages([5, 6], first_offset=2), messages([3, 4])
    look_back(late)
    look_back([*early, *late])
    look_back([*early, *late])
    assert taker.taken == [2, 3, 0, 1]


def test_alerts_are_read_to_the_beginning(taker: Taker) -> None:
    assert not LookBack(taker, None)(messages([0, 1000]))


def test_every_network_must_be_covered(taker: Taker) -> None:
    look_back = LookBack(taker, timedelta(minutes=10))
    fast = messages([1, 2, 3], first_offset=10, key=b"fast")
    slow = messages([100], first_offset=13, key=b"slow")
    assert not look_back([*fast, *slow])
    assert look_back([*messages([98], first_offset=9, key=b"slow"), *fast, *slow])


def test_nothing_readable_is_not_enough(taker: Taker) -> None:
    assert not LookBack(taker, timedelta(minutes=5))([Stored("t", 0, None, None)])
    assert not LookBack(taker, timedelta(minutes=5))([])


def test_each_topic_has_its_record(
    window: Callable[..., ProcessedTrafficAggregate],
    prediction: Callable[..., TrafficPrediction],
    alert: Callable[..., TrafficAlert],
) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    times = SensorTimes(NetworkId("n"), 0, now, now, {})
    cases: list[tuple[Topic, Followed, bytes, datetime]] = [
        (AGGREGATES, window(1), encode(window(1)), window(1).window_end),
        (PREDICTIONS, prediction(1), encode(prediction(1)), prediction(1).timestamp),
        (ALERTS, alert(1), encode(alert(1)), alert(1).updated_at),
        (SENSOR_TIMES, times, write_times(times), now),
    ]
    for topic, record, value, time in cases:
        taken = read(Stored(topic.name, 0, None, value))
        assert taken == record
        assert event_time(record) == time


def test_a_tombstone_names_its_alert() -> None:
    assert read(Stored(ALERTS.name, 0, b"a1", None)) == "a1"


@pytest.mark.parametrize("topic", [AGGREGATES.name, PREDICTIONS.name, ALERTS.name, SENSOR_TIMES.name])
@pytest.mark.parametrize("value", [None, b"", b"garbage", b"\xc3\x01" + bytes(20)])
def test_what_is_no_record_is_rejected(topic: str, value: bytes | None) -> None:
    with pytest.raises(RejectedEventError):
        read(Stored(topic, 0, None, value))
