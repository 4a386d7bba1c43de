"""JSON readings, in our own field names and in anybody's."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.avro import encode
from shared.events.decoder import EventDecoder
from shared.events.errors import ConfigurationError, RejectedEventError, RejectionReason
from shared.events.json_mapping import own_names
from shared.events.json_mapping_file import load_json_mapping
from shared.events.records import NetworkId, SensorId, TrafficEvent
from tests.kit.places import ROOT

METR_LA = NetworkId("metr-la")
TIME = datetime(2012, 5, 2, 7, tzinfo=UTC)
READING: dict[str, Any] = {"sensor_id": "773869", "timestamp": "2012-05-02T07:00:00Z", "speed_mph": 63.5}
DOCUMENT = (ROOT / "docs" / "json-feeds.md").read_text(encoding="utf-8")
LEAST_MAPPING = '[fields]\nsensor_id = "id"\ntimestamp = "t"\nspeed_mph = "v"\n'


def own(message: object, network_id: NetworkId | None = METR_LA) -> TrafficEvent:
    return own_names(network_id).read(json.dumps(message).encode(), "fallback")


def rejection(read: Any, *arguments: Any) -> RejectedEventError:  # noqa: ANN401  any reader
    with pytest.raises(RejectedEventError) as rejected:
        read(*arguments)
    assert "\n" not in rejected.value.detail
    return rejected.value


@pytest.fixture
def mapping_file(tmp_path: Path) -> Path:
    return tmp_path / "mapping.toml"


def test_own_field_names() -> None:
    assert own(READING) == TrafficEvent("fallback", METR_LA, SensorId("773869"), TIME, 63.5)


def test_every_own_field_is_read() -> None:
    full = {
        "event_id": "e-1",
        "network_id": "pems-bay",
        "sensor_id": 400001,
        "timestamp": "2012-05-02T00:00:00-07:00",
        "speed_mph": 63,
        "volume_vehicles": 41,
        "occupancy": 0.07,
        "share_observed": 1,
        "latitude": 34.1,
        "longitude": -118.3,
    }
    expected = TrafficEvent("e-1", NetworkId("pems-bay"), SensorId("400001"), TIME, 63.0, 41.0, 0.07, 1.0, 34.1, -118.3)
    assert own(full) == expected


@pytest.mark.parametrize(
    "timestamp",
    ["2012-05-02T07:00:00Z", "2012-05-02T00:00:00-07:00", " 2012-05-02 07:00:00+00:00 ", 1335942000, 1335942000.0],
)
def test_times_in_every_form(timestamp: str | float) -> None:
    assert own({**READING, "timestamp": timestamp}).timestamp == TIME


def test_milliseconds_are_told_by_their_size() -> None:
    assert own({**READING, "timestamp": 1335942000123}).timestamp == TIME + timedelta(milliseconds=123)


def test_a_missing_measure_is_not_zero() -> None:
    assert own({**READING, "speed_mph": None, "volume_vehicles": 0}).speed_mph is None
    assert own({**READING, "volume_vehicles": 0}).volume_vehicles == 0.0


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"sensor_id": None}, "sensor_id: it is missing"),
        ({"sensor_id": ""}, "sensor_id: it is missing"),
        ({"sensor_id": 1.5}, "sensor_id: 1.5 is not text"),
        ({"sensor_id": True}, "sensor_id: True is not text"),
        ({"timestamp": None}, "timestamp: it is missing"),
        ({"timestamp": "yesterday"}, "'yesterday'"),
        ({"timestamp": "2012-05-02T07:00:00"}, "no UTC offset"),
        ({"timestamp": True}, "True is not a time"),
        ({"timestamp": 1e300}, "1e+300 is not a time since 1970"),
        ({"timestamp": {"a": 1}}, "is not a time"),
        ({"timestamp": "9999-12-31T23:59:59-07:00"}, "beyond the calendar"),
        ({"speed_mph": "63"}, "speed_mph: '63' is not a number"),
        ({"speed_mph": True}, "speed_mph: True is not a number"),
        ({"speed_mph": [63]}, "speed_mph: [63] is not a number"),
        ({"speed_mph": 10**400}, "is not a number"),
        ({"speed": 63}, "unknown field 'speed'"),
    ],
)
def test_faults_in_own_fields(changes: dict[str, Any], shown: str) -> None:
    rejected = rejection(own, {**READING, **changes})
    assert rejected.reason is RejectionReason.MAPPING_FAILED
    assert shown in rejected.detail


def test_the_network_must_be_named_where_there_are_several() -> None:
    assert "network_id" in rejection(own, READING, None).detail
    assert own({**READING, "network_id": "pems-bay"}, None).network_id == "pems-bay"


@pytest.mark.parametrize(
    "payload",
    [b"{", b'{"a": }', b"[1]", b'{"speed_mph": NaN}', b'{"a": 1} trailing', b"{\xff}", b'{"a":' * 100_000, b""],
)
def test_what_is_no_json_object(payload: bytes) -> None:
    rejected = rejection(own_names(METR_LA).read, payload, "fallback")
    assert rejected.reason is RejectionReason.UNDECODABLE


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from([*READING, "event_id", "network_id", "latitude", "other"]), JSON_VALUES))
def test_any_object_is_read_or_rejected(message: dict[str, Any]) -> None:
    try:
        assert own({**READING, **message}).timestamp.tzinfo is UTC
    except RejectedEventError as rejected:
        assert rejected.reason in {RejectionReason.MAPPING_FAILED, RejectionReason.UNDECODABLE}  # noqa: PT017  both are right


@given(st.binary(max_size=60))
def test_any_bytes_that_start_like_json_are_rejected(rest: bytes) -> None:
    rejection(EventDecoder(read_json=own_names(METR_LA).read), b"{" + rest, 0, 0)


def test_the_decoder_tells_json_from_avro_and_names_events_by_their_place() -> None:
    decode = EventDecoder(read_json=own_names(METR_LA).read)
    event = own(READING)
    for start in (b"", b" \r\n\t", b"\xef\xbb\xbf"):
        assert decode(start + json.dumps(READING).encode(), 3, 42).event_id == "traffic-events+3+42"
    assert decode(encode(event), 3, 42) == event
    assert rejection(EventDecoder(), json.dumps(READING).encode(), 0, 0).reason is RejectionReason.UNDECODABLE


def test_the_example_of_the_documentation(mapping_file: Path) -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", DOCUMENT, re.DOTALL)
    own_form, foreign = re.findall(r"```json\n(.*?)```", DOCUMENT, re.DOTALL)
    mapping_file.write_text(toml)
    event = load_json_mapping(mapping_file).read(foreign.encode(), "fallback")
    assert event.speed_mph == pytest.approx(63.5, abs=0.01)
    assert event.occupancy == pytest.approx(0.07)
    assert (event.event_id, event.network_id, event.sensor_id, event.timestamp) == (
        "773869/ML/02/05/2012 00:05:00",
        "metr-la",
        "773869",
        TIME + timedelta(minutes=5),
    )
    assert (event.volume_vehicles, event.share_observed) == (41.0, 1.0)
    assert (event.latitude, event.longitude) == (34.15497, -118.31829)
    assert own_names(METR_LA).read(own_form.encode(), "fallback").volume_vehicles == 41.0


def read_with(mapping_file: Path, toml: str, message: object) -> TrafficEvent:
    mapping_file.write_text(toml)
    return load_json_mapping(mapping_file, METR_LA).read(json.dumps(message).encode(), "fallback")


@pytest.mark.parametrize(("unit", "mph"), [("mph", 50.0), ("kmh", 31.0686), ("mps", 111.8468)])
def test_speed_units(mapping_file: Path, unit: str, mph: float) -> None:
    event = read_with(mapping_file, f'{LEAST_MAPPING}[units]\nspeed = "{unit}"', {"id": "a", "t": 0, "v": 50})
    assert event.speed_mph == pytest.approx(mph, abs=1e-4)
    assert event.network_id == METR_LA


@pytest.mark.parametrize("value", [-1, "-1", "-1.0", 0, 0.0, "n/a", None])
def test_missing_values(mapping_file: Path, value: object) -> None:
    toml = f'{LEAST_MAPPING}[missing]\nspeed_mph = [-1, 0, "n/a"]'
    assert read_with(mapping_file, toml, {"id": "a", "t": 0, "v": value}).speed_mph is None


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("auto", "2012-05-02T00:00:00"),
        ("iso", "2012-05-02T00:00:00"),
        ("iso", "2012-05-02T07:00:00Z"),
        ("epoch_s", 1335942000),
        ("epoch_s", "1335942000"),
        ("epoch_ms", 1335942000000),
        ("%d.%m.%Y %H:%M", "02.05.2012 00:00"),
        ("%Y%m%d%H%M%z", "201205020700+0000"),
    ],
)
def test_timestamp_formats(mapping_file: Path, form: str, value: object) -> None:
    toml = f'{LEAST_MAPPING}[timestamp]\nformat = "{form}"\ntime_zone = "America/Los_Angeles"'
    assert read_with(mapping_file, toml, {"id": "a", "t": value}).timestamp == TIME


def test_daylight_saving(mapping_file: Path) -> None:
    toml = f'{LEAST_MAPPING}[timestamp]\ntime_zone = "America/Los_Angeles"'
    twice = read_with(mapping_file, toml, {"id": "a", "t": "2012-11-04T01:30:00"})
    assert twice.timestamp == datetime(2012, 11, 4, 8, 30, tzinfo=UTC)
    never = rejection(read_with, mapping_file, toml, {"id": "a", "t": "2012-03-11T02:30:00"})
    assert never.reason is RejectionReason.MAPPING_FAILED
    assert "does not exist in America/Los_Angeles" in never.detail


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ({"t": 0}, "sensor_id: it is missing"),
        ({"id": "a"}, "timestamp: it is missing"),
        ({"id": "a", "t": 0, "v": "fast"}, "speed_mph: 'fast' is not a number"),
        ({"id": "a", "t": 0, "v": {}}, "speed_mph: {} is not a number"),
        ({"id": ["a"], "t": 0}, "sensor_id: ['a'] is not text"),
    ],
)
def test_faults_in_mapped_messages(mapping_file: Path, message: object, shown: str) -> None:
    rejected = rejection(read_with, mapping_file, LEAST_MAPPING, message)
    assert rejected.reason is RejectionReason.MAPPING_FAILED
    assert shown in rejected.detail


def test_an_expression_that_fails_rejects_the_event(mapping_file: Path) -> None:
    toml = LEAST_MAPPING.replace('"v"', '"abs(v)"')
    assert "speed_mph" in rejection(read_with, mapping_file, toml, {"id": "a", "t": 0, "v": "x"}).detail


@pytest.mark.parametrize(
    ("toml", "shown"),
    [
        ("", "fields"),
        ("[fields", "Expected ']'"),
        ('[fields]\nsensor_id = "id"', "timestamp is missing"),
        ('[fields]\ntimestamp = "t"', "sensor_id is missing"),
        ('[fields]\nsensor_id = "id"\ntimestamp = "t"\nspeed = "v"', "fields.speed"),
        (LEAST_MAPPING.replace('"v"', '"v["'), "fields.speed_mph: 'v[' is not a JMESPath expression"),
        (f'{LEAST_MAPPING}[units]\nspeed = "knots"', "units.speed"),
        (f'{LEAST_MAPPING}[timestamp]\nformat = "whenever"', "timestamp.format: 'whenever'"),
        (f'{LEAST_MAPPING}[timestamp]\nformat = "%Q"', "timestamp.format"),
        (f'{LEAST_MAPPING}[timestamp]\nformat = "%Y-%m-%d"', "time_zone is needed"),
        (f'{LEAST_MAPPING}[timestamp]\ntime_zone = "Mars/Olympus"', "'Mars/Olympus' is not an IANA time zone"),
        (f"{LEAST_MAPPING}[missing]\nspeed_mph = 0", "missing.speed_mph"),
        (f'{LEAST_MAPPING}[constants]\nspeed_mph = "fast"', "speed_mph is to be a number"),
        (f"{LEAST_MAPPING}[constants]\nnetwork_id = 7", "network_id is to be text"),
        (f"{LEAST_MAPPING}[other]\na = 1", "other"),
        ('[fields]\ntimestamp = "t"\nsensor_id = "s"\n[timestamp]\nformat = "%Y %Y"', "is no pattern of a time"),
        ("a = " + "[" * 100_000, "recursion"),
    ],
)
def test_a_bad_mapping_file_is_one_line(mapping_file: Path, toml: str, shown: str) -> None:
    mapping_file.write_text(toml)
    with pytest.raises(ConfigurationError) as wrong:
        load_json_mapping(mapping_file)
    assert str(wrong.value).startswith(str(mapping_file))
    assert shown in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_mapping_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        load_json_mapping(tmp_path / "none.toml")


RATES = LEAST_MAPPING + 'volume_vehicles = "q"\noccupancy = "o"\n'


@pytest.mark.parametrize(
    ("units", "message", "expected"),
    [
        ('volume = "vehicles_per_hour"\nperiod_seconds = 300', {"q": 3000}, (None, 250.0, None)),
        ('volume = "vehicles_per_hour"\nperiod_seconds = 30', {"q": "1200"}, (None, 10.0, None)),
        ('volume = "vehicles_per_minute"\nperiod_seconds = 300', {"q": 50}, (None, 250.0, None)),
        ('volume = "vehicles_per_second"\nperiod_seconds = 0.5', {"q": 2}, (None, 1.0, None)),
        ('volume = "vehicles"', {"q": 250}, (None, 250.0, None)),
        ('occupancy = "permille"', {"o": 70}, (None, None, 0.07)),
        ('speed = "mps"', {"v": 44.704}, (100.0, None, None)),
    ],
)
def test_units_of_a_feed(
    mapping_file: Path, units: str, message: dict[str, Any], expected: tuple[float | None, ...]
) -> None:
    mapping_file.write_text(f"{RATES}[units]\n{units}\n")
    event = load_json_mapping(mapping_file, METR_LA).read(json.dumps({"id": "1", "t": 0} | message).encode(), "f")
    assert (event.speed_mph, event.volume_vehicles, event.occupancy) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ('volume = "vehicles_per_hour"', "needs period_seconds"),
        ("period_seconds = 300", "volumes per time only"),
        ('volume = "vehicles_per_hour"\nperiod_seconds = 0', "greater than 0"),
        ('volume = "vehicles_per_hour"\nperiod_seconds = nan', "period_seconds"),
        ('volume = "cars"', "volume"),
    ],
)
def test_faults_in_units(mapping_file: Path, units: str, said: str) -> None:
    mapping_file.write_text(f"{RATES}[units]\n{units}\n")
    with pytest.raises(ConfigurationError, match=said) as failed:
        load_json_mapping(mapping_file)
    assert "\n" not in str(failed.value)


def computed(mapping_file: Path, expression: str, message: dict[str, Any]) -> float | None:
    written = json.dumps(expression)
    mapping_file.write_text(
        LEAST_MAPPING.replace('"v"', '"id"') + f"volume_vehicles = {written}\n[missing]\nspeed_mph = [1]\n"
    )
    return (
        load_json_mapping(mapping_file, METR_LA)
        .read(json.dumps({"id": "1", "t": 0} | message).encode(), "f")
        .volume_vehicles
    )


@pytest.mark.parametrize(
    ("expression", "message", "expected"),
    [
        ("add(a, b)", {"a": 1, "b": "2.5"}, 3.5),
        ("add(a, b, c, `1`)", {"a": 1, "b": 2, "c": 3}, 7.0),
        ("subtract(a, b)", {"a": 5, "b": 2}, 3.0),
        ("divide(multiply(q, p), `3600`)", {"q": 3000, "p": 300}, 250.0),
        ("divide(q, `12`)", {}, None),
        ("add(a, b)", {"a": 1, "b": None}, None),
        ("multiply(a[0], length(a))", {"a": [2, 3]}, 4.0),
        ("sum(lanes[].q)", {"lanes": [{"q": 2}, {"q": 3}]}, 5.0),
        ("add(a || `0`, b)", {"b": 3}, 3.0),
    ],
)
def test_mappings_compute(mapping_file: Path, expression: str, message: dict[str, Any], expected: float | None) -> None:
    assert computed(mapping_file, expression, message) == expected


@pytest.mark.parametrize(
    ("expression", "message", "said"),
    [
        ("divide(a, b)", {"a": 1, "b": 0}, "by zero"),
        ("multiply(a, a)", {"a": 1e300}, "beyond all numbers"),
        ("add(a, b)", {"a": "many", "b": 1}, "'many' is not a number"),
        ("add(a, b)", {"a": True, "b": 1}, "'True' is not a number"),
        ("add(a, b)", {"a": "nan", "b": 1}, "'nan' is not a number"),
        ("ceil(to_number(a))", {"a": "1e999"}, "volume_vehicles"),
        ("a", {"a": "inf"}, "not a finite number"),
    ],
)
def test_what_cannot_be_computed_is_rejected(
    mapping_file: Path, expression: str, message: dict[str, Any], said: str
) -> None:
    rejected = rejection(computed, mapping_file, expression, message)
    assert rejected.reason is RejectionReason.MAPPING_FAILED
    assert said in rejected.detail


FORMULAS = (
    *("add(a, b)", "divide(a, b)", "multiply(a, b)", "subtract(a, b)", "ceil(to_number(a))", "sum(a)", "max(a)"),
    *("sort_by(a, &b)[0].b", "join('', a)", "a.b[0]", "length(a)", "avg(a)", "to_number(a)", "reverse(a)[0]"),
)


@given(
    expression=st.sampled_from(FORMULAS),
    message=st.fixed_dictionaries({"a": JSON_VALUES, "b": JSON_VALUES}),
)
def test_any_formula_over_any_object_gives_a_number_or_a_rejection(
    tmp_path_factory: pytest.TempPathFactory, expression: str, message: dict[str, Any]
) -> None:
    try:
        found = computed(tmp_path_factory.mktemp("formula") / "mapping.toml", expression, message)
    except RejectedEventError as rejected:
        assert rejected.reason in {RejectionReason.MAPPING_FAILED, RejectionReason.UNDECODABLE}  # noqa: PT017  both are right
    else:
        assert found is None or math.isfinite(found)
