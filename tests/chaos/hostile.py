"""What a hostile run adds to the feed: messages that nobody can use, clocks that are wrong, ids that are odd. Pure.

Nothing of it is truth about traffic, so what is made of the honest readings must be as if it were not there.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle

from shared.events.avro import encode
from shared.events.records import (
    AdvisoryId,
    AlertAction,
    AlertActionKind,
    AlertId,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficEvent,
    TrafficPrediction,
)
from shared.events.topics import (
    ADVISORIES,
    AGGREGATES,
    ALERT_ACTIONS,
    ALERTS,
    PREDICTIONS,
    TOPICS,
    TRAFFIC_EVENTS,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka.partitioning import partition_of
from shared.traffic.network import Network
from tests.kit.announcements import advisory_of

HOSTILE_SHARE = 0.01
LARGE_BYTES = 2_000_000
ASTRAY = "chaos-astray"
"""Begins the ids of what is hostile on topics that only services write to."""

NAMED = "undecodable"
"""Why a stray is dead-lettered, where it must be."""

ODD_IDS = ("β…", "a/b?c#d", "50% off", "'; DROP--", "東京 1", "..", 'say "x"', "a,b;c", "<b>", "naïve", "{}", "$(id)")
SKEWS = (timedelta(minutes=50), timedelta(minutes=20), timedelta(minutes=-50))
JUMPS_TO = timedelta(minutes=55)
MEASURE_SHARE = 0.01

COMPACTED = frozenset(topic.name for topic in TOPICS if topic.compacted)

Value = bytes | None


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile message. `named`: it is undecodable, and who reads the topic must dead-letter it."""

    topic: str
    key: bytes | None
    value: Value
    named: bool = True


def odd_network(network: Network) -> Network:
    """The same network, with some ids that no English keyboard suggests."""
    new = dict(zip((sensor.sensor_id for sensor in network.sensors[::4]), map(SensorId, ODD_IDS), strict=False))
    return replace(
        network,
        sensors=tuple(replace(each, sensor_id=new.get(each.sensor_id, each.sensor_id)) for each in network.sensors),
        edges=tuple(
            replace(
                edge,
                from_sensor=new.get(edge.from_sensor, edge.from_sensor),
                to_sensor=new.get(edge.to_sensor, edge.to_sensor),
            )
            for edge in network.edges
        ),
    )


class Clocks:
    """Which sensors of a network have wrong clocks: one in each partition, where the honest ones are many."""

    def __init__(self, network: Network, seed: int) -> None:
        rng = random.Random(f"{network.network_id}/{seed}")
        sensors = sorted(sensor.sensor_id for sensor in network.sensors)
        rng.shuffle(sensors)
        numbers = range(TRAFFIC_EVENTS.partitions)
        chosen = [next(each for each in sensors if partition_of(each, numbers) == number) for number in numbers]
        self.wrong: tuple[SensorId, ...] = tuple(chosen)

    def skew(self, sensor_id: SensorId, gone_by: timedelta) -> timedelta:
        """How far the clock of a sensor is ahead, so long after the feed began."""
        if sensor_id not in self.wrong:
            return timedelta(0)
        place = self.wrong.index(sensor_id)
        if place < len(SKEWS):
            return SKEWS[place]
        # Right at first, so that it was believed.
        return JUMPS_TO if gone_by > timedelta(minutes=20) else timedelta(0)


def measures_apart(event: TrafficEvent, rng: random.Random) -> tuple[TrafficEvent, TrafficEvent]:
    """One reading as a feed with a message for each measure has it, in either order."""
    speed = replace(event, event_id=f"{event.event_id}/speed", volume_vehicles=None, occupancy=None)
    rest = replace(event, event_id=f"{event.event_id}/rest", speed_mph=None)
    return (speed, rest) if rng.random() < 0.5 else (rest, speed)


def events(event: TrafficEvent, rng: random.Random) -> Iterator[tuple[str, bytes | None, Value]]:
    """Kind, key and value of everything hostile for `traffic-events`, for ever; all of it must be dead-lettered.

    `event` is a good one, which is spoilt.
    """
    kinds = list(_EVENTS.items())
    rng.shuffle(kinds)
    for name, make in cycle(kinds):
        # Another id each time, as other messages have.
        key, value = make(replace(event, event_id=f"hostile-{rng.randrange(10**12)}"), event.sensor_id.encode())
        yield name, key, value


def strays(network: Network, rng: random.Random) -> Iterator[Attack]:
    """Hostile records on the topics that services follow, for ever.

    Where the log is compacted each has a key of its own: compaction would else take records that the audit counts.
    """
    kinds = [*_strays(network)]
    rng.shuffle(kinds)
    for number, stray in enumerate(cycle(kinds)):
        own = stray.topic in COMPACTED and stray.key is not None
        yield replace(stray, key=b"%s-%s-%d" % (stray.key, network.network_id.encode(), number)) if own else stray


def _own_names(event: TrafficEvent, **changes: object) -> bytes:
    said: dict[str, object] = {
        "event_id": event.event_id,
        "network_id": event.network_id,
        "sensor_id": event.sensor_id,
        "timestamp": event.timestamp.isoformat(),
        "speed_mph": event.speed_mph,
    }
    return json.dumps(said | changes).encode()


def _time(event: TrafficEvent, milliseconds: int) -> bytes:
    """The event with another timestamp than Python can hold: its Avro `long` is replaced."""
    whole = encode(event)
    own = _long(round(event.timestamp.timestamp() * 1000))
    assert whole.count(own) == 1
    return whole.replace(own, _long(milliseconds))


def _long(number: int) -> bytes:
    """Avro's variable-length zig-zag code."""
    left, code = (number << 1) ^ (number >> 63), bytearray()
    while left > 0x7F:
        code.append((left & 0x7F) | 0x80)
        left >>= 7
    return bytes([*code, left])


def _named(text: str) -> Callable[[TrafficEvent, bytes], tuple[bytes | None, Value]]:
    return lambda event, key: (key, encode(replace(event, event_id=event.event_id + text)))


def _at(time: datetime) -> Callable[[TrafficEvent, bytes], tuple[bytes | None, Value]]:
    return lambda event, key: (key, encode(replace(event, timestamp=time)))


_EVENTS: dict[str, Callable[[TrafficEvent, bytes], tuple[bytes | None, Value]]] = {
    "an id with a NUL": _named("\0y"),
    "an id with an escape sequence": _named("\x1b]0;title\x07"),
    "an id with a change of direction": _named("\u202egnp"),
    "an id of 2 MB": _named("x" * LARGE_BYTES),
    "an id of 2 MB without a key": lambda event, _: (None, encode(replace(event, event_id="x" * LARGE_BYTES))),
    "an id with a surrogate": lambda event, key: (key, _own_names(event, event_id="\ud800")),
    "a sensor with a surrogate": lambda event, key: (key, _own_names(event, sensor_id="s\udfff")),
    "a network of 2 MB": lambda event, key: (key, _own_names(event, network_id="n" * LARGE_BYTES)),
    "the greatest volume": lambda event, key: (key, encode(replace(event, volume_vehicles=1.7976931348623157e308))),
    "a number beyond all": lambda event, key: (key, _own_names(event).replace(b"{", b'{"volume_vehicles": 1e999, ', 1)),
    "a number of 400 digits": lambda event, key: (key, _own_names(event, speed_mph=10**400)),
    "not a number": lambda event, key: (key, _own_names(event, occupancy=float("nan"))),
    "the last instant": _at(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    "the first instant": _at(datetime(1, 1, 1, tzinfo=UTC)),
    "an instant beyond the calendar": lambda event, key: (
        key,
        _own_names(event, timestamp="9999-12-31T23:59:59-12:00"),
    ),
    "an instant before the calendar": lambda event, key: (
        key,
        _own_names(event, timestamp="0001-01-01T00:00:00+14:00"),
    ),
    "the greatest milliseconds": lambda event, key: (key, _time(event, 2**63 - 1)),
    "the least milliseconds": lambda event, key: (key, _time(event, -(2**63))),
    "300,000 characters for a time": lambda event, key: (key, _own_names(event, timestamp="\x7f" * 300_000)),
    "a tombstone": lambda _, key: (key, None),
    "a tombstone under an empty key": lambda _event, _key: (b"", None),
    "nothing": lambda _, key: (key, b""),
    "noise": lambda event, key: (key, event.event_id.encode()[::-1] * 30),
    "noise behind the mark": lambda event, key: (key, b"\xc3\x01" + event.event_id.encode() * 3),
    "noise without a key": lambda event, _: (None, b"\xff\xfe" + event.event_id.encode()),
    "brackets": lambda _, key: (key, b"[" * 100_000),
    "objects in objects": lambda _, key: (key, b'{"a":' * 100_000),
    "brackets in a field": lambda event, key: (
        key,
        _own_names(event).replace(b"{", b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b", ", 1),
    ),
    "no object": lambda _, key: (key, b'{"a": 1} {"b": 2}'),
    "a list": lambda event, key: (key, b" [" + _own_names(event) + b"]"),
    "text that is no UTF-8": lambda event, key: (key, _own_names(event).replace(b"hostile", b"\xff\xff\xff")),
}


def _strays(network: Network) -> Sequence[Attack]:
    at, end = datetime(2026, 3, 3, 15, tzinfo=UTC), datetime(9999, 12, 31, 23, 50, tzinfo=UTC)
    stranger, here = NetworkId(f"{ASTRAY}-network"), network.network_id
    sensor = network.sensors[0].sensor_id
    window = ProcessedTrafficAggregate(
        *(here, sensor, at, at + network.window, 1, 1, 60.0, 60.0, 60.0, 0.0, None, None, 1.0, f"{ASTRAY}-event")
    )
    prediction = TrafficPrediction(here, sensor, at, f"{ASTRAY}-model", "1", 1, 60.0, ())
    advisory = advisory_of(
        at - timedelta(days=900),
        advisory_id=AdvisoryId(f"{ASTRAY}-advisory"),
        network_id=here,
        ends_at=at - timedelta(days=899),
        affected_sensors=(sensor,),
        source="operator",
    )
    action = AlertAction(
        *(f"{ASTRAY}-action", AlertId(f"{ASTRAY}-alert"), here, AlertActionKind.COMMENT, at, "ann", "seen")
    )
    windows = (
        replace(window, network_id=stranger),
        replace(window, sensor_id=SensorId(f"{ASTRAY}-sensor")),
        replace(window, sensor_id=SensorId("s" * 100_000)),
        replace(window, window_start=end, window_end=end + network.window),
        replace(window, window_start=datetime(1, 1, 1, tzinfo=UTC), window_end=datetime(1, 1, 1, 0, 5, tzinfo=UTC)),
        replace(window, window_end=at + timedelta(hours=7)),
        replace(window, window_end=at - timedelta(hours=7)),
        replace(window, mean_speed_mph=float("nan")),
        replace(window, mean_speed_mph=1e308, volume_vehicles=1e308),
        replace(window, revision=-1),
        replace(window, sensor_id=SensorId(f"{ASTRAY}-sensor"), last_event_id="x\0y"),
    )
    predictions = (
        replace(prediction, network_id=stranger),
        replace(prediction, sensor_id=SensorId(f"{ASTRAY}-sensor")),
        replace(prediction, timestamp=end),
        replace(prediction, current_speed_mph=float("inf")),
        replace(prediction, sensor_id=SensorId(f"{ASTRAY}-sensor"), model_version="x\0y"),
    )
    advisories = (
        replace(advisory, network_id=stranger),
        replace(advisory, title="x\0y"),
        replace(advisory, description="\x1b]0;title\x07"),
        replace(advisory, starts_at=end, ends_at=datetime(1, 1, 1, tzinfo=UTC)),
        replace(advisory, affected_sensors=(SensorId(f"{ASTRAY}-sensor"),) * 10_000),
        replace(advisory, affected_sensors=(), latitude=1e308, longitude=float("nan")),
    )
    actions = (
        action,
        replace(action, text="x\0y"),
        replace(action, at=datetime(1, 1, 1, tzinfo=UTC)),
        replace(action, network_id=stranger, operator="\u202e" * 1000),
    )
    key = here.encode()
    return (
        *(Attack(AGGREGATES.name, key, encode(each), named=False) for each in windows),
        *(Attack(PREDICTIONS.name, key, encode(each), named=False) for each in predictions),
        *(
            Attack(ADVISORIES.name, f"{ASTRAY}-{number}".encode(), encode(each), named=False)
            for number, each in enumerate(advisories)
        ),
        *(Attack(ALERT_ACTIONS.name, b"x", encode(each), named=False) for each in actions),
        *(
            Attack(topic.name, topic_key, value, named=topic in (AGGREGATES, PREDICTIONS))
            for topic in (AGGREGATES, PREDICTIONS, ADVISORIES, ALERT_ACTIONS, ALERTS)
            for topic_key, value in (
                (f"{ASTRAY}-noise".encode(), b"noise"),
                (b"\xff\xfe", b"\xc3\x01" + b"\xff" * 30),
                (f"{ASTRAY}-nothing".encode(), b""),
                (f"{ASTRAY}-text".encode(), encode(window)[:-3]),
                (f"{ASTRAY}-gone".encode(), None),
            )
        ),
        Attack(TRAFFIC_EVENTS_DLQ.name, None, b"noise", named=False),
    )
