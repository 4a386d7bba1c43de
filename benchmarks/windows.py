"""How fast windows take events, against a dictionary that only counts them. Run: `python benchmarks/windows.py`."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from services.ingest.checkpoint import Checkpoint
from services.ingest.windows import PartitionWindows, WindowPolicy
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.traffic.network import Network, Sensor

NETWORK_ID = NetworkId("bench")
SENSORS = 200
EVENTS = 120_000
BATCH = 4_000
START = datetime(2012, 5, 2, tzinfo=UTC)
ROUNDS = 3


def network(interval_s: float) -> Network:
    """`SENSORS` sensors that report every `interval_s` seconds."""
    sensors = tuple(Sensor(SensorId(str(number)), "", "I-5", "N", 0.0, 34.0, -118.0) for number in range(SENSORS))
    zone = ZoneInfo("America/Los_Angeles")
    return Network(NETWORK_ID, "bench", zone, sensors, (), reading_interval=timedelta(seconds=interval_s))


def feed(interval_s: float) -> list[TrafficEvent]:
    """The same events in every run."""
    chance = random.Random(1)
    return [
        TrafficEvent(
            event_id=f"{number}",
            network_id=NETWORK_ID,
            sensor_id=SensorId(str(number % SENSORS)),
            timestamp=START + timedelta(seconds=number // SENSORS * interval_s),
            speed_mph=chance.uniform(3, 75),
            volume_vehicles=float(chance.randint(0, 20)),
            occupancy=chance.random(),
        )
        for number in range(EVENTS)
    ]


def count(events: list[TrafficEvent], window_s: int = 300) -> int:
    """The baseline: events per sensor and window, without statistics, lateness or order."""
    counts: dict[tuple[SensorId, int], int] = {}
    for event in events:
        key = (event.sensor_id, int(event.timestamp.timestamp()) // window_s)
        counts[key] = counts.get(key, 0) + 1
    return len(counts)


def aggregate(events: list[TrafficEvent], interval_s: float) -> int:
    """The windows of ingest, drained per batch; returns how many were emitted."""
    windows = PartitionWindows({NETWORK_ID: network(interval_s)}, WindowPolicy(), Checkpoint(0, 0))
    emitted = 0
    for offset, event in enumerate(events):
        windows.add(event, offset)
        if offset % BATCH == BATCH - 1:
            emitted += len(windows.drain())
    return emitted + len(windows.drain()) + len(windows.drain_idle(1e9))


def best_seconds(work: Callable[[], int], expected: int) -> float:
    """The fastest of some rounds, in seconds."""
    fastest = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        assert work() == expected
        fastest = min(fastest, time.perf_counter() - start)
    return fastest


def main() -> None:
    """Print one line per reading interval."""
    print(f"{'interval':>9} {'windows ev/s':>13} {'baseline ev/s':>14} {'ratio':>6}")
    for interval_s in (20.0, 30.0, 300.0):
        events = feed(interval_s)
        expected = count(events)
        baseline = best_seconds(lambda events=events: count(events), expected)  # type: ignore[misc]  # mypy cannot infer a lambda's default
        measured = best_seconds(
            lambda events=events, interval_s=interval_s: aggregate(events, interval_s),  # type: ignore[misc]  # likewise
            expected,
        )
        rates = f"{EVENTS / measured:>13,.0f} {EVENTS / baseline:>14,.0f}"
        print(f"{interval_s:>7.0f} s {rates} {measured / baseline:>6.1f}")


if __name__ == "__main__":
    main()
