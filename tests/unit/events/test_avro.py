"""The codec: what is written is read back, what is damaged is rejected, what is older is resolved."""

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.events import avro
from shared.events.avro import HEADER_BYTES, MAGIC, RecordCodec, decode, encode
from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.published import PublishedSchema, current_schema, published_versions
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertId,
    AlertSeverity,
    AlertStatus,
    HorizonForecast,
    NetworkId,
    PredictionBasis,
    Record,
    SensorId,
    TrafficAlert,
    TrafficEvent,
    TrafficPrediction,
)
from tests.kit.announcements import alert_of
from tests.kit.records import ANY_RECORDS, KINDS, RECORDS

EVENT = TrafficEvent(
    "metr-la:773869:1335942000",
    NetworkId("metr-la"),
    SensorId("773869"),
    datetime(2012, 5, 2, 7, tzinfo=UTC),
    63.5,
    occupancy=0.07,
)


REASONS = {RejectionReason.UNDECODABLE, RejectionReason.UNKNOWN_SCHEMA, RejectionReason.INVALID_FIELD}


def reason_of(kind: type[Any], data: bytes) -> RejectionReason:
    with pytest.raises(RejectedEventError) as rejected:
        decode(kind, data)
    assert "\n" not in rejected.value.detail
    return rejected.value.reason


@given(RECORDS)
def test_what_is_written_is_read_back(record: Record) -> None:
    assert decode(type(record), encode(record)) == record


@given(ANY_RECORDS)
def test_what_is_read_is_within_the_limits_or_rejected(record: Record) -> None:
    message = encode(record)
    try:
        read = decode(type(record), message)
    except RejectedEventError as rejected:
        assert rejected.reason is RejectionReason.INVALID_FIELD  # noqa: PT017  both outcomes are right
        assert len(rejected.detail) < 400  # noqa: PT017  likewise
    else:
        # By their bytes: a reading, which ingest judges, may say NaN.
        assert encode(decode(type(record), encode(read))) == encode(read)


def test_prose_that_is_on_the_log_already_is_cleaned_and_an_id_is_not() -> None:
    action = AlertAction("a", AlertId("a-1"), NetworkId("n"), AlertActionKind.COMMENT, EVENT.timestamp, "Eve", "x\0y\n")
    assert decode(AlertAction, encode(action)).text == "xy\n"
    assert decode(AlertAction, encode(replace(action, operator="E\x1b]v\ne"))).operator == "E]v e"
    assert reason_of(AlertAction, encode(replace(action, action_id="x\0y"))) is RejectionReason.INVALID_FIELD
    assert reason_of(AlertAction, encode(replace(action, action_id="x" * 201))) is RejectionReason.INVALID_FIELD


def test_the_message_is_single_object_encoding() -> None:
    message = encode(EVENT)
    assert message[:2] == b"\xc3\x01"
    assert message[2:10] == current_schema("TrafficEvent").fingerprint
    plain = fastavro.schemaless_reader(BytesIO(message[10:]), current_schema("TrafficEvent").definition, None)
    assert isinstance(plain, dict)
    assert plain["speed_mph"] == 63.5


def test_fingerprints_are_those_of_the_specification() -> None:
    # The value that Avro's own test data (share/test/data/schema-tests.txt) gives for the schema "int".
    assert fastavro.schema.fingerprint('"int"', "CRC-64-AVRO") == (0x7275D51A3F395C8F).to_bytes(8, "little").hex()


def test_enums_and_tuples_come_back_as_such() -> None:
    alert = alert_of(
        EVENT.timestamp,
        alert_id=AlertId("a-1"),
        network_id=NetworkId("metr-la"),
        severity=AlertSeverity.HIGH,
        message="Slow traffic",
        location="I-405 N at Sunset Bl",
        latitude=34.07,
        longitude=-118.46,
        affected_sensors=(SensorId("717490"), SensorId("717491")),
        confidence_score=0.8,
    )
    read = decode(TrafficAlert, encode(replace(alert, worst_severity=AlertSeverity.CRITICAL)))
    assert isinstance(read.status, AlertStatus)
    assert isinstance(read.worst_severity, AlertSeverity)
    assert decode(TrafficAlert, encode(replace(alert, worst_severity=None))).worst_severity is None
    assert isinstance(read.affected_sensors, tuple)
    assert read.active


def test_times_in_another_zone_are_written_in_utc_and_cut_to_milliseconds() -> None:
    local = datetime(2012, 5, 2, 0, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=-7)))
    event = TrafficEvent("e", NetworkId("n"), SensorId("s"), local, None)
    assert decode(TrafficEvent, encode(event)).timestamp == datetime(2012, 5, 2, 7, 0, 0, 123_000, tzinfo=UTC)


def test_a_time_without_offset_is_not_written() -> None:
    naive = datetime(2012, 5, 2)  # noqa: DTZ001  the fault under test
    with pytest.raises(ValueError, match=r"TrafficEvent\.timestamp has no UTC offset"):
        encode(TrafficEvent("e", NetworkId("n"), SensorId("s"), naive, None))
    forecast = HorizonForecast(15, naive, 1.0, 1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"HorizonForecast\.target_timestamp has no UTC offset"):
        encode(TrafficPrediction(NetworkId("n"), SensorId("s"), EVENT.timestamp, "m", "1", 1, None, (forecast,)))


@given(RECORDS, st.data())
def test_every_truncation_is_rejected(record: Record, data: st.DataObject) -> None:
    message = encode(record)
    length = data.draw(st.integers(0, len(message) - 1))
    assert reason_of(type(record), message[:length]) is RejectionReason.UNDECODABLE


@given(RECORDS, st.binary(min_size=1, max_size=20))
def test_trailing_bytes_are_rejected(record: Record, trailing: bytes) -> None:
    assert reason_of(type(record), encode(record) + trailing) is RejectionReason.UNDECODABLE


@given(st.sampled_from(KINDS), st.binary(max_size=200))
@example(TrafficEvent, b"")
def test_random_bytes_are_rejected(kind: type[Any], data: bytes) -> None:
    reason = reason_of(kind, data)
    assert reason in {RejectionReason.UNDECODABLE, RejectionReason.UNKNOWN_SCHEMA}


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_random_bodies_are_read_or_rejected(kind: type[Any], body: bytes) -> None:
    try:
        assert isinstance(decode(kind, MAGIC + current_schema(kind.__name__).fingerprint + body), kind)
    except RejectedEventError as rejected:
        assert rejected.reason in {RejectionReason.UNDECODABLE, RejectionReason.INVALID_FIELD}  # noqa: PT017  both outcomes are right


@given(RECORDS, st.data())
def test_mutated_messages_are_read_or_rejected(record: Record, data: st.DataObject) -> None:
    message = bytearray(encode(record))
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert isinstance(decode(type(record), bytes(message)), type(record))
    except RejectedEventError as rejected:
        assert rejected.reason in REASONS  # noqa: PT017  likewise


@given(st.binary(min_size=8, max_size=8))
def test_an_unknown_fingerprint_is_an_unknown_schema(fingerprint: bytes) -> None:
    if fingerprint != current_schema("TrafficEvent").fingerprint:
        message = MAGIC + fingerprint + encode(EVENT)[HEADER_BYTES:]
        assert reason_of(TrafficEvent, message) is RejectionReason.UNKNOWN_SCHEMA


def test_the_schema_of_another_record_is_unknown() -> None:
    assert reason_of(TrafficAlert, encode(EVENT)) is RejectionReason.UNKNOWN_SCHEMA


def test_the_confluent_wire_format_needs_a_registry() -> None:
    assert reason_of(TrafficEvent, b"\x00\x00\x00\x00\x01rest") is RejectionReason.UNKNOWN_SCHEMA


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> PublishedSchema:
    """An earlier TrafficEvent: fields in another order, one that is gone since, several that did not exist yet."""
    definition = json.loads(json.dumps(current_schema("TrafficEvent").definition))
    kept = [field for field in definition["fields"] if field["name"] not in {"share_observed", "latitude", "longitude"}]
    definition["fields"] = [{"name": "lane", "type": "int"}, *reversed(kept)]
    version = PublishedSchema(Path("0.avsc"), definition)
    published = published_versions("TrafficEvent")
    monkeypatch.setattr(avro, "published_versions", lambda _name: (version, *published))
    return version


def test_a_prediction_of_before_there_were_challengers_is_what_is_served() -> None:
    first = published_versions("TrafficPrediction")[0]
    record = TrafficPrediction(NetworkId("n"), SensorId("s"), EVENT.timestamp, "linear_regression", "1", 1, 60.0, ())
    message = BytesIO(MAGIC + first.fingerprint)
    message.seek(0, 2)
    names = [field["name"] for field in first.definition["fields"]]
    assert names == [field.name for field in fields(TrafficPrediction)][: len(names)]
    fastavro.schemaless_writer(message, first.definition, {name: getattr(record, name) for name in names})
    read = decode(TrafficPrediction, message.getvalue())
    assert read == record
    assert (read.serving, read.basis) == (True, PredictionBasis.TRAINED)
    # Those who know only the first version read what is written now.
    body = BytesIO(encode(replace(record, serving=False, basis=PredictionBasis.IMPUTED))[HEADER_BYTES:])
    older = fastavro.schemaless_reader(body, current_schema("TrafficPrediction").definition, first.definition)
    assert isinstance(older, dict)
    assert list(older) == names


def test_messages_of_an_older_schema_are_resolved(older: PublishedSchema) -> None:
    body = BytesIO(MAGIC + older.fingerprint)
    body.seek(0, 2)
    plain = {
        "lane": 3,
        "event_id": "e-1",
        "network_id": "metr-la",
        "sensor_id": "773869",
        "timestamp": EVENT.timestamp,
        "speed_mph": 50.0,
        "volume_vehicles": None,
        "occupancy": 0.5,
    }
    fastavro.schemaless_writer(body, older.definition, plain)
    read = RecordCodec(TrafficEvent).decode(body.getvalue())
    expected = TrafficEvent(
        "e-1", NetworkId("metr-la"), SensorId("773869"), EVENT.timestamp, 50.0, volume_vehicles=None, occupancy=0.5
    )
    assert read == expected
    with pytest.raises(RejectedEventError, match="undecodable"):
        RecordCodec(TrafficEvent).decode(body.getvalue()[:-1])
