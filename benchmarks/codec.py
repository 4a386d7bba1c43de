"""How fast events are written, read and validated, against JSON and the same dataclass in the same run.

    python -m benchmarks.codec [--events N]

Times are of this process's CPU, best of five, so that other load on the machine weighs little.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from time import process_time
from zoneinfo import ZoneInfo

from services.ingest.validator import EventValidator
from shared.events.avro import decode, encode
from shared.events.decoder import EventDecoder
from shared.events.json_mapping import own_names
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.traffic.network import Network, Sensor

NETWORK_ID = NetworkId("metr-la")
ROUNDS = 5
START = datetime(2012, 5, 2, 7, tzinfo=UTC)


def events(count: int) -> list[TrafficEvent]:
    """A morning of METR-LA's 207 sensors, seeded."""
    random = Random(7)
    return [
        TrafficEvent(
            event_id=f"metr-la:{773869 + number % 207}:{1335942000 + 300 * (number // 207)}",
            network_id=NETWORK_ID,
            sensor_id=SensorId(str(773869 + number % 207)),
            timestamp=START + timedelta(minutes=5 * (number // 207)),
            speed_mph=round(random.uniform(5, 70), 2),
            share_observed=1.0,
        )
        for number in range(count)
    ]


def network(of: Sequence[TrafficEvent]) -> Network:
    """The network of these events."""
    ids = sorted({event.sensor_id for event in of})
    sensors = tuple(Sensor(sensor_id, sensor_id, "US-101", "N", 1.0, 34.0, -118.0) for sensor_id in ids)
    return Network(NETWORK_ID, "METR-LA", ZoneInfo("America/Los_Angeles"), sensors)


def to_json(event: TrafficEvent) -> bytes:
    """The baseline's message: what is there, with an ISO timestamp."""
    plain = {name: value for name in TrafficEvent.__slots__ if (value := getattr(event, name)) is not None}
    return json.dumps({**plain, "timestamp": event.timestamp.isoformat()}).encode()


def from_json(message: bytes) -> TrafficEvent:
    """The baseline: `json.loads` and the dataclass."""
    plain = json.loads(message)
    plain["timestamp"] = datetime.fromisoformat(plain["timestamp"])
    return TrafficEvent(**plain)


def rate(work: Callable[[], object], count: int) -> float:
    """Events per second of CPU time."""
    best = float("inf")
    for _ in range(ROUNDS):
        begin = process_time()
        work()
        best = min(best, process_time() - begin)
    return count / best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    count = parser.parse_args().events
    all_events = events(count)
    avro_messages, json_messages = list(map(encode, all_events)), list(map(to_json, all_events))
    assert [decode(TrafficEvent, message) for message in avro_messages] == all_events
    assert list(map(from_json, json_messages)) == all_events

    now = all_events[-1].timestamp
    decoder = EventDecoder(read_json=own_names(NETWORK_ID).read)
    validator = EventValidator({NETWORK_ID: network(all_events)}, decoder)

    def validate_all(messages: Sequence[bytes]) -> None:
        for offset, message in enumerate(messages):
            assert isinstance(validator.validate(b"", message, 0, offset, now), TrafficEvent)

    works: dict[str, Callable[[], object]] = {
        "read JSON (baseline)": lambda: list(map(from_json, json_messages)),
        "read Avro": lambda: [decode(TrafficEvent, message) for message in avro_messages],
        "read and validate Avro": lambda: validate_all(avro_messages),
        "read and validate JSON": lambda: validate_all(json_messages),
        "write JSON (baseline)": lambda: list(map(to_json, all_events)),
        "write Avro": lambda: list(map(encode, all_events)),
    }
    baselines: dict[str, float] = {}
    print(f"{'':26}{'events/s':>10}{'ratio':>8}")
    for name, work in works.items():
        measured = rate(work, count)
        baseline = baselines.setdefault(name.partition(" ")[0], measured)
        print(f"{name:26}{measured:>10,.0f}{measured / baseline:>8.2f}")
    avro_bytes, json_bytes = (sum(map(len, messages)) / count for messages in (avro_messages, json_messages))
    print(f"bytes per event: Avro {avro_bytes:.0f}, JSON {json_bytes:.0f}, ratio {avro_bytes / json_bytes:.2f}")


if __name__ == "__main__":
    main()
