"""Whatever comes in: a reading that every later stage can take, or a rejection that fits into a header."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.checkpoint import Checkpoint
from services.ingest.intake import MAX_EVENT_BYTES, Validated, validate
from services.ingest.validator import EventValidator
from services.ingest.windows import PartitionWindows, WindowPolicy
from shared.archive.container import ArchivedEvent, encode_container
from shared.events.avro import decode, encode
from shared.events.decoder import EventDecoder
from shared.events.errors import RejectionReason, SchemaRegistryUnavailableError
from shared.events.json_mapping import EVENT_FIELDS, own_names
from shared.events.json_mapping_file import load_json_mapping
from shared.events.records import NetworkId, ProcessedTrafficAggregate, TrafficEvent
from shared.kafka.deadletter import DeadLetter
from tests.kit.networks import network_of, sensor
from tests.kit.records import ANY_TEXTS, anything

NOW = datetime(2026, 11, 30, 10, tzinfo=UTC)
NETWORK = network_of(sensor("Straße-β/1", 1.0, "US-101 N"), network_id=NetworkId("nets-é"))
SENSOR = NETWORK.sensors[0].sensor_id
GOOD = {"event_id": "e", "network_id": NETWORK.network_id, "sensor_id": SENSOR, "timestamp": "2026-11-30T09:55:00Z",
        "speed_mph": 55.0}  # fmt: skip
VALIDATOR = EventValidator({NETWORK.network_id: NETWORK}, EventDecoder(read_json=own_names().read))


def on_log(
    value: bytes | None, key: bytes | None = b"k", headers: tuple[tuple[str, bytes], ...] = ()
) -> ConsumerRecord:
    sent_ms = int(NOW.timestamp() * 1000)
    return ConsumerRecord("traffic-events", 0, 7, sent_ms, 0, key, value, None, 1, len(value or b""), headers)


def judged(value: bytes | None, validator: EventValidator = VALIDATOR) -> TrafficEvent | DeadLetter:
    found: Validated = validate(validator, [on_log(value)], lambda: NOW)
    return found.rejected[0] if found.rejected else found.events[0][0]


def reason_of(changes: dict[str, Any]) -> RejectionReason:
    verdict = judged(json.dumps(GOOD | changes).encode())
    assert isinstance(verdict, DeadLetter)
    return verdict.reason


def require_usable(event: TrafficEvent) -> None:
    """Go the way of a reading: archived, in a window with its like, encoded."""
    encode_container([ArchivedEvent(event, 0, 7)])
    windows = PartitionWindows({NETWORK.network_id: NETWORK}, WindowPolicy(), Checkpoint(0, 0))
    windows.add(event, 7)
    windows.add(replace(event, timestamp=event.timestamp + timedelta(milliseconds=1)), 8)
    emitted = windows.drain_idle(1e9)
    assert not windows.failed
    windows.checkpoint(7, 7).metadata()
    for window in emitted:
        assert decode(ProcessedTrafficAggregate, encode(window)) == window
        assert window.volume_vehicles is None or isfinite(window.volume_vehicles)


def require_sendable(letter: DeadLetter) -> None:
    headers = sum(len(name) + len(value) for name, value in letter.message().headers)
    assert headers < 2_000


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"event_id": "x\0y"}, RejectionReason.INVALID_FIELD),
        ({"event_id": "x\ud800"}, RejectionReason.INVALID_FIELD),
        ({"event_id": "x\u202ey"}, RejectionReason.INVALID_FIELD),
        ({"event_id": "x" * 201}, RejectionReason.INVALID_FIELD),
        ({"event_id": "x" * 2_000_000}, RejectionReason.TOO_LARGE),
        ({"sensor_id": "\ud800"}, RejectionReason.UNKNOWN_SENSOR),
        ({"network_id": "\x1b]0;\x07"}, RejectionReason.UNKNOWN_NETWORK),
        ({"volume_vehicles": 1.7976931348623157e308}, RejectionReason.VOLUME_OUT_OF_RANGE),
        ({"volume_vehicles": 1_000_001}, RejectionReason.VOLUME_OUT_OF_RANGE),
        ({"speed_mph": 10**400}, RejectionReason.MAPPING_FAILED),
        ({"timestamp": "9999-12-31T23:59:59-12:00"}, RejectionReason.MAPPING_FAILED),
        ({"timestamp": "\x7f" * 40_000}, RejectionReason.MAPPING_FAILED),
        ({"timestamp": "\x7f" * 300_000}, RejectionReason.TOO_LARGE),
        ({"timestamp": 10**400}, RejectionReason.MAPPING_FAILED),
        ({"timestamp": -1}, RejectionReason.TIMESTAMP_OUT_OF_RANGE),
        ({"timestamp": "0001-01-01T00:00:00Z"}, RejectionReason.TIMESTAMP_OUT_OF_RANGE),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_no_later_stage_could_take_is_rejected(changes: dict[str, Any], reason: RejectionReason) -> None:
    assert reason_of(changes) is reason


@pytest.mark.parametrize("event_id", ["β/?#%&", "a b", "{'x': 1}", "🚧", "نص‌می", "-"])
def test_an_id_may_have_any_printable_characters(event_id: str) -> None:
    verdict = judged(json.dumps(GOOD | {"event_id": event_id}).encode())
    assert isinstance(verdict, TrafficEvent)
    require_usable(verdict)


def test_two_ways_to_write_one_letter_are_one_id() -> None:
    decomposed = {"network_id": "nets-e\u0301", "event_id": "e\u0301"}
    verdict = judged(json.dumps(GOOD | decomposed).encode())
    assert isinstance(verdict, TrafficEvent)
    assert (verdict.network_id, verdict.event_id) == (NETWORK.network_id, "é")


def test_a_record_that_would_not_fit_under_another_key_is_too_large() -> None:
    padded = json.dumps(GOOD).encode() + b" " * MAX_EVENT_BYTES
    for record in (
        on_log(padded),
        on_log(json.dumps(GOOD).encode(), key=b"k" * MAX_EVENT_BYTES),
        on_log(json.dumps(GOOD).encode(), headers=(("x", b"y" * MAX_EVENT_BYTES),)),
    ):
        (letter,) = validate(VALIDATOR, [record], lambda: NOW).rejected
        assert letter.reason is RejectionReason.TOO_LARGE
        require_sendable(DeadLetter(on_log(b""), letter.reason, letter.detail))


def test_a_fault_that_nobody_foresaw_is_the_records_and_an_outage_is_not() -> None:
    def fails(value: bytes, _partition: int, _offset: int) -> TrafficEvent:
        raise {b"away": SchemaRegistryUnavailableError("away"), b"bug": RecursionError("\x1b deep")}[value]

    validator = EventValidator({NETWORK.network_id: NETWORK}, fails)
    letter = judged(b"bug", validator)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason, letter.stage) == (RejectionReason.UNPROCESSABLE, "validate")
    with pytest.raises(SchemaRegistryUnavailableError):
        judged(b"away", validator)


@given(anything(TrafficEvent), st.booleans())
def test_any_avro_event_is_usable_or_rejected(event: TrafficEvent, known: bool) -> None:  # noqa: FBT001  drawn
    if known:
        event = replace(event, network_id=NETWORK.network_id, sensor_id=SENSOR)
    verdict = judged(encode(event))
    if isinstance(verdict, DeadLetter):
        assert verdict.reason is not RejectionReason.UNPROCESSABLE
        require_sendable(verdict)
    else:
        require_usable(verdict)


@given(st.binary(max_size=300))
def test_any_bytes_are_usable_or_rejected(value: bytes) -> None:
    verdict = judged(value)
    assert isinstance(verdict, DeadLetter)
    assert verdict.reason is not RejectionReason.UNPROCESSABLE


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), ANY_TEXTS, st.sampled_from([10**400, -1, "2026"])),
    lambda part: st.one_of(st.lists(part, max_size=3), st.dictionaries(st.text(max_size=5), part, max_size=3)),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(EVENT_FIELDS), JSON, max_size=4))
def test_any_json_is_usable_or_rejected(changes: dict[str, Any]) -> None:
    verdict = judged(json.dumps(GOOD | changes).encode())
    if isinstance(verdict, DeadLetter):
        assert verdict.reason is not RejectionReason.UNPROCESSABLE
        require_sendable(verdict)
    else:
        require_usable(verdict)


MAPPING = """
[fields]
event_id = "id"
sensor_id = "join('-', [site.road, site.no])"
timestamp = "at"
speed_mph = "max(values)"
volume_vehicles = "sum(values)"
[units]
speed = "kmh"
[timestamp]
format = "{form}"
time_zone = "America/Los_Angeles"
"""


@pytest.fixture(scope="module", params=["auto", "iso", "epoch_s", "epoch_ms", "%Y-%m-%d %H:%M:%S"])
def mapped(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> EventValidator:
    file = tmp_path_factory.mktemp("mapping") / "mapping.toml"
    file.write_text(MAPPING.format(form=request.param))
    mapping = load_json_mapping(file, NETWORK.network_id)
    return EventValidator({NETWORK.network_id: NETWORK}, EventDecoder(read_json=mapping.read))


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "id": JSON,
            "at": st.one_of(JSON, st.sampled_from(["2026-03-08 02:30:00", "0001-01-01", "9999-12-31", 1e308])),
            "values": JSON,
            "site": st.one_of(JSON, st.just({"road": "Straße", "no": "β/1"})),
        },
    )
)
def test_any_json_of_a_mapping_is_usable_or_rejected(mapped: EventValidator, message: dict[str, Any]) -> None:
    verdict = judged(json.dumps(message).encode(), mapped)
    if isinstance(verdict, DeadLetter):
        assert verdict.reason is not RejectionReason.UNPROCESSABLE, verdict.detail
        require_sendable(verdict)
    else:
        require_usable(verdict)
