"""What the services should have made of a feed: worked out anew and naively from the log and the truth. Pure.

Nothing is imported from the services: the rules are those of docs/architecture.md, written a second time. A window
takes every distinct reading (sensor and timestamp) that stands on the log before the network's watermark in that
partition, the greatest time so far that a majority of its sensors has reached, has passed the window's end by the
lateness. Of messages about one reading each measure's first value counts. What becomes of
the readings of a wrong clock is not judged, but they take part in the time of the majority.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean, pstdev

from shared.events.topics import REKEYED_FROM, TRAFFIC_EVENTS
from tests.chaos.logs import AvroReader, Logged, Values
from tests.chaos.scenario import UNUSABLE, Sort
from tests.chaos.truth import SEQUENCE_HEADER, FedMessage
from tests.chaos.watermark import NaiveTime

Place = tuple[int, int]
"""Partition and offset of a record of `traffic-events`."""
WindowKey = tuple[str, str, int]
"""Network, sensor and start of a window in milliseconds since 1970."""
Lane = tuple[int, str]
"""Partition and network."""
MEASURES = ("speed_mph", "volume_vehicles", "occupancy")


@dataclass(slots=True)
class Expected:
    """What must be found, and what went wrong on the log before any service saw it.

    `poison` is all that must be dead-lettered, `strays` those on other topics by topic, key and value. `skewed` are the
    readings of wrong clocks.
    """

    archived: dict[Place, Values] = field(default_factory=dict)
    windows: dict[WindowKey, Values] = field(default_factory=dict)
    poison: dict[Place, FedMessage] = field(default_factory=dict)
    miskeyed: dict[Place, FedMessage] = field(default_factory=dict)
    rekeyed: dict[Place, list[bytes | None]] = field(default_factory=dict)
    skewed: dict[Place, Values] = field(default_factory=dict)
    strays: dict[tuple[str, bytes | None, bytes | None], FedMessage] = field(default_factory=dict)
    missing_on_log: list[int] = field(default_factory=list)
    repeated_on_log: int = 0


@dataclass(slots=True)
class _Readings:
    """What is known of one window: readings by their milliseconds, and how many messages told something new."""

    by_time: dict[int, Values] = field(default_factory=dict)
    told: int = 0


def expect(
    log: Sequence[Logged],
    truth: Iterable[FedMessage],
    sensors: Mapping[Lane, Collection[str]],
    window_ms: int,
    lateness_ms: int,
    readings_per_window: float,
) -> Expected:
    """Work out what a log of `traffic-events` demands, of which `sensors` says who is expected in which lane.

    The feed is of days long past, so that the time at which a record was put on the log says nothing of its clock.
    """
    fed = {message.sequence: message for message in truth}
    expected = Expected()
    events = AvroReader("TrafficEvent")
    seen: set[int] = set()
    times = {lane: NaiveTime(expected_in_lane) for lane, expected_in_lane in sensors.items()}
    readings: dict[WindowKey, _Readings] = defaultdict(_Readings)
    for record in sorted(log, key=lambda one: (one.partition, one.offset)):
        place, message = (record.partition, record.offset), fed[int(record.headers[SEQUENCE_HEADER])]
        if origin := record.headers.get(REKEYED_FROM):
            partition, _, offset = origin.decode().partition(":")
            expected.rekeyed.setdefault((int(partition), int(offset)), []).append(record.value)
        else:
            expected.repeated_on_log += message.sequence in seen
            seen.add(message.sequence)
            if message.fed.sort is Sort.SKEWED:
                event = expected.skewed[place] = events.read(record.value)
                times[record.partition, event["network_id"]].take(event["sensor_id"], milliseconds(event["timestamp"]))
                continue
            if message.fed.sort in UNUSABLE:
                expected.poison[place] = message
                continue
            expected.archived[place] = events.read(record.value)
            if message.fed.sort is Sort.MISKEYED:
                expected.miskeyed[place] = message
                continue
        event = events.read(record.value)
        _absorb(readings, times[record.partition, event["network_id"]], event, window_ms, lateness_ms)
    expected.missing_on_log = [
        number for number, message in fed.items() if number not in seen and message.fed.topic == TRAFFIC_EVENTS.name
    ]
    expected.strays = {
        (message.fed.topic, message.fed.key, message.fed.value): message
        for message in fed.values()
        if message.fed.sort is Sort.STRAY and message.fed.reason
    }
    expected.windows = {key: summary(found, readings_per_window) for key, found in readings.items()}
    return expected


def _absorb(
    readings: dict[WindowKey, _Readings], time: NaiveTime, event: Values, window_ms: int, lateness_ms: int
) -> None:
    at = milliseconds(event["timestamp"])
    start = at // window_ms * window_ms
    told = {measure for measure in MEASURES if event[measure] is not None}
    if told and start + window_ms > time.watermark_ms - lateness_ms:
        window = readings[event["network_id"], event["sensor_id"], start]
        known = window.by_time.setdefault(at, {**event, **dict.fromkeys(MEASURES)})
        new = {measure for measure in told if known[measure] is None}
        known.update({measure: event[measure] for measure in new})
        window.told += bool(new)
    time.take(event["sensor_id"], at)


def summary(window: _Readings, readings_per_window: float) -> Values:
    """The figures of one window from its readings."""
    readings = window.by_time
    speeds = [event["speed_mph"] for event in readings.values() if event["speed_mph"] is not None]
    volumes = [event["volume_vehicles"] for event in readings.values() if event["volume_vehicles"] is not None]
    occupancies = [event["occupancy"] for event in readings.values() if event["occupancy"] is not None]
    shares = [1.0 if event["share_observed"] is None else event["share_observed"] for event in readings.values()]
    return {
        "revision": window.told,
        "speed_count": len(speeds),
        "mean_speed_mph": fmean(speeds) if speeds else None,
        "min_speed_mph": min(speeds) if speeds else None,
        "max_speed_mph": max(speeds) if speeds else None,
        "std_speed_mph": pstdev(speeds) if speeds else None,
        "volume_vehicles": sum(volumes) if volumes else None,
        "occupancy": fmean(occupancies) if occupancies else None,
        "share_observed": min(1.0, sum(shares) / readings_per_window),
        "last_event_id": readings[max(readings)]["event_id"],
    }


def milliseconds(instant: datetime) -> int:
    """Milliseconds since 1970."""
    return round(instant.timestamp() * 1000)
