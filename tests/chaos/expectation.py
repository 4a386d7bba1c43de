"""What the services should have made of a feed: worked out anew and naively from the log and the truth. Pure.

Nothing is imported from the services: the rules are those of docs/architecture.md, written a second time. A window
takes every distinct reading (sensor and timestamp) that stands on the log before the network's watermark in that
partition, the greatest timestamp so far, has passed the window's end by the lateness. A second message about a reading
fills the measures that the first has not. Sensors with wrong clocks move no watermark, and what becomes of their own
readings is not judged.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from statistics import fmean, pstdev

from shared.events.topics import REKEYED_FROM, TRAFFIC_EVENTS
from tests.chaos.logs import AvroReader, Logged, Values
from tests.chaos.scenario import UNUSABLE, Sort
from tests.chaos.truth import SEQUENCE_HEADER, FedMessage

MEASURES = ("speed_mph", "volume_vehicles", "occupancy")

Place = tuple[int, int]
"""Partition and offset of a record of `traffic-events`."""
WindowKey = tuple[str, str, int]
"""Network, sensor and start of a window in milliseconds since 1970."""


@dataclass(slots=True)
class Expected:
    """What must be found, and what went wrong on the log before any service saw it.

    `poison` is all that must be dead-lettered, `strays` those on other topics by topic, key and value. `skewed` are the
    readings of wrong clocks. `open` are figures of windows that the rules leave to ingest.
    """

    archived: dict[Place, Values] = field(default_factory=dict)
    windows: dict[WindowKey, Values] = field(default_factory=dict)
    poison: dict[Place, FedMessage] = field(default_factory=dict)
    miskeyed: dict[Place, FedMessage] = field(default_factory=dict)
    rekeyed: dict[Place, list[bytes | None]] = field(default_factory=dict)
    skewed: dict[Place, Values] = field(default_factory=dict)
    strays: dict[tuple[str, bytes | None, bytes | None], FedMessage] = field(default_factory=dict)
    open: dict[WindowKey, set[str]] = field(default_factory=lambda: defaultdict(set))
    missing_on_log: list[int] = field(default_factory=list)
    repeated_on_log: int = 0


def expect(
    log: Sequence[Logged], truth: Iterable[FedMessage], window_ms: int, lateness_ms: int, readings_per_window: float
) -> Expected:
    """Work out what a log of `traffic-events` demands."""
    fed = {message.sequence: message for message in truth}
    expected = Expected()
    events = AvroReader("TrafficEvent")
    seen: set[int] = set()
    watermarks: dict[tuple[int, str], int] = {}
    readings: dict[WindowKey, dict[int, Values]] = defaultdict(dict)
    for record in sorted(log, key=lambda one: (one.partition, one.offset)):
        place, message = (record.partition, record.offset), fed[int(record.headers[SEQUENCE_HEADER])]
        if origin := record.headers.get(REKEYED_FROM):
            partition, _, offset = origin.decode().partition(":")
            expected.rekeyed.setdefault((int(partition), int(offset)), []).append(record.value)
        else:
            expected.repeated_on_log += message.sequence in seen
            seen.add(message.sequence)
            if message.fed.sort is Sort.SKEWED:
                expected.skewed[place] = events.read(record.value)
                continue
            if message.fed.sort in UNUSABLE:
                expected.poison[place] = message
                continue
            expected.archived[place] = events.read(record.value)
            if message.fed.sort is Sort.MISKEYED:
                expected.miskeyed[place] = message
                continue
        _absorb(expected, readings, watermarks, record.partition, events.read(record.value), window_ms, lateness_ms)
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
    expected: Expected,
    readings: dict[WindowKey, dict[int, Values]],
    watermarks: dict[tuple[int, str], int],
    partition: int,
    event: Values,
    window_ms: int,
    lateness_ms: int,
) -> None:
    lane = (partition, event["network_id"])
    at = milliseconds(event["timestamp"])
    start = at // window_ms * window_ms
    observed = any(event[measure] is not None for measure in MEASURES)
    if observed and (lane not in watermarks or start + window_ms > watermarks[lane] - lateness_ms):
        key = event["network_id"], event["sensor_id"], start
        known = readings[key].setdefault(at, event)
        filled = [measure for measure in MEASURES if known[measure] is None and event[measure] is not None]
        if filled:
            known.update({measure: event[measure] for measure in filled})
            # How a reading that came in parts counts, and which of its ids it keeps, is for ingest to say.
            expected.open[key] |= {"revision", "last_event_id"}
    watermarks[lane] = max(at, watermarks.get(lane, at))


def summary(readings: Mapping[int, Values], readings_per_window: float) -> Values:
    """The figures of one window from its readings by timestamp."""
    speeds = [event["speed_mph"] for event in readings.values() if event["speed_mph"] is not None]
    volumes = [event["volume_vehicles"] for event in readings.values() if event["volume_vehicles"] is not None]
    occupancies = [event["occupancy"] for event in readings.values() if event["occupancy"] is not None]
    shares = [1.0 if event["share_observed"] is None else event["share_observed"] for event in readings.values()]
    return {
        "revision": len(readings),
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
