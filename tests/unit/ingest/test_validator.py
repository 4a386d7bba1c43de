"""Every fault of an event has its reason and names the offending value."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.validator import EventValidator, Rejection
from shared.events.avro import encode
from shared.events.decoder import EventDecoder
from shared.events.errors import RejectionReason, SchemaRegistryUnavailableError
from shared.events.records import NetworkId, SensorId, TrafficEvent
from tests.kit.networks import network_of, sensor

METR_LA = NetworkId("metr-la")
NOW = datetime(2012, 5, 2, 8, tzinfo=UTC)
NETWORK = network_of(sensor("773869", 1.0, "US-101 N"), network_id=METR_LA)
EVENT = TrafficEvent("e-1", METR_LA, SensorId("773869"), NOW - timedelta(minutes=5), 63.5)
VALIDATOR = EventValidator({METR_LA: NETWORK}, EventDecoder())


def validate(value: bytes | None, key: bytes | None = b"773869") -> TrafficEvent | Rejection:
    return VALIDATOR.validate(key, value, 2, 17, NOW)


def test_a_good_event_passes() -> None:
    assert validate(encode(EVENT)) == EVENT


@pytest.mark.parametrize("key", [None, b"", b"other", b"\xff"])
def test_a_wrong_key_is_for_the_caller_to_mend(key: bytes | None) -> None:
    assert validate(encode(EVENT), key) == EVENT


@pytest.mark.parametrize(
    "changes",
    [
        {"speed_mph": None},
        {"speed_mph": 0.0},
        {"speed_mph": 120.0},
        {"volume_vehicles": 0.0},
        {"occupancy": 1.0, "share_observed": 1.0},
        {"occupancy": 0.0, "share_observed": 0.0},
        {"latitude": -90.0, "longitude": 180.0},
        {"timestamp": NOW + timedelta(hours=1)},
        {"timestamp": datetime(1970, 1, 1, tzinfo=UTC)},
    ],
)
def test_the_bounds_are_within(changes: dict[str, Any]) -> None:
    event = replace(EVENT, **changes)
    assert validate(encode(event)) == event


@pytest.mark.parametrize(
    ("changes", "reason", "shown"),
    [
        ({"speed_mph": 120.01}, RejectionReason.SPEED_OUT_OF_RANGE, "120.01"),
        ({"speed_mph": -0.01}, RejectionReason.SPEED_OUT_OF_RANGE, "-0.01"),
        ({"speed_mph": nan}, RejectionReason.SPEED_OUT_OF_RANGE, "nan"),
        ({"speed_mph": inf}, RejectionReason.SPEED_OUT_OF_RANGE, "inf"),
        ({"volume_vehicles": -1.0}, RejectionReason.VOLUME_OUT_OF_RANGE, "-1.0"),
        ({"volume_vehicles": inf}, RejectionReason.VOLUME_OUT_OF_RANGE, "inf"),
        ({"volume_vehicles": nan}, RejectionReason.VOLUME_OUT_OF_RANGE, "nan"),
        ({"occupancy": 1.01}, RejectionReason.OCCUPANCY_OUT_OF_RANGE, "1.01"),
        ({"occupancy": -0.5}, RejectionReason.OCCUPANCY_OUT_OF_RANGE, "-0.5"),
        ({"occupancy": nan}, RejectionReason.OCCUPANCY_OUT_OF_RANGE, "nan"),
        ({"share_observed": 1.5}, RejectionReason.INVALID_FIELD, "1.5"),
        ({"latitude": 90.5, "longitude": 0.0}, RejectionReason.COORDINATES_OUT_OF_RANGE, "90.5"),
        ({"latitude": 0.0, "longitude": -180.5}, RejectionReason.COORDINATES_OUT_OF_RANGE, "-180.5"),
        ({"latitude": nan, "longitude": 0.0}, RejectionReason.COORDINATES_OUT_OF_RANGE, "nan"),
        ({"latitude": 34.0}, RejectionReason.INVALID_FIELD, "longitude None"),
        ({"longitude": -118.0}, RejectionReason.INVALID_FIELD, "latitude None"),
        ({"event_id": ""}, RejectionReason.INVALID_FIELD, "event_id"),
        ({"network_id": "pems-bay"}, RejectionReason.UNKNOWN_NETWORK, "'pems-bay' is not one of metr-la"),
        ({"sensor_id": "1"}, RejectionReason.UNKNOWN_SENSOR, "'1'"),
        ({"sensor_id": "x" * 500}, RejectionReason.UNKNOWN_SENSOR, "xxx..."),
        (
            {"timestamp": NOW + timedelta(hours=1, milliseconds=1)},
            RejectionReason.TIMESTAMP_IN_FUTURE,
            "2012-05-02T09:00:00.001000+00:00",
        ),
        ({"timestamp": datetime(9999, 12, 31, tzinfo=UTC)}, RejectionReason.TIMESTAMP_IN_FUTURE, "9999-12-31"),
    ],
)
def test_every_fault_has_its_reason(changes: dict[str, Any], reason: RejectionReason, shown: str) -> None:
    rejection = validate(encode(replace(EVENT, **changes)))
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert shown in rejection.detail
    assert "\n" not in rejection.detail
    assert len(rejection.detail) < 200


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, RejectionReason.UNDECODABLE),
        (b"", RejectionReason.UNDECODABLE),
        (b"hello", RejectionReason.UNDECODABLE),
        (encode(EVENT)[:-1], RejectionReason.UNDECODABLE),
        (encode(EVENT) + b"\x00", RejectionReason.UNDECODABLE),
        (b"\xc3\x01" + bytes(30), RejectionReason.UNKNOWN_SCHEMA),
        (b"\x00\x00\x00\x00\x01" + bytes(30), RejectionReason.UNKNOWN_SCHEMA),
    ],
)
def test_what_is_no_event_is_rejected(value: bytes | None, reason: RejectionReason) -> None:
    rejection = validate(value)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is reason
    assert rejection.detail


def test_the_tolerance_can_be_set() -> None:
    strict = EventValidator({METR_LA: NETWORK}, EventDecoder(), future_tolerance=timedelta(0))
    ahead = encode(replace(EVENT, timestamp=NOW + timedelta(seconds=1)))
    rejection = strict.validate(None, ahead, 0, 0, NOW)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is RejectionReason.TIMESTAMP_IN_FUTURE


def test_a_registry_that_does_not_answer_is_no_fault_of_the_event() -> None:
    def unavailable(_value: bytes, _partition: int, _offset: int) -> TrafficEvent:
        raise SchemaRegistryUnavailableError("no answer")

    validator = EventValidator({METR_LA: NETWORK}, unavailable)
    with pytest.raises(SchemaRegistryUnavailableError):
        validator.validate(None, b"\x00", 0, 0, NOW)


@given(st.none() | st.binary(max_size=30), st.none() | st.binary(max_size=120))
def test_arbitrary_bytes_never_raise(key: bytes | None, value: bytes | None) -> None:
    assert isinstance(validate(value, key), Rejection)
