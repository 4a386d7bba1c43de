import json
from datetime import UTC, datetime
from functools import partial
from typing import Any
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.errors import RejectedEventError
from shared.events.records import NetworkId, SensorId
from shared.events.text import GIVEN_ID
from shared.traffic.health.times import MOST_SENSORS, ClocksOff, SensorTime, SensorTimes, read_times, write_times

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
GOOD = {"network_id": "n", "partition": 0, "since": NOW.isoformat(), "as_of": NOW.isoformat(), "sensors": {"s": [1, 2]}}


def times(sensors: dict[SensorId, SensorTime]) -> SensorTimes:
    return SensorTimes(NetworkId("n"), 3, NOW, NOW, sensors)


IDS = (
    st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
    .map(partial(normalize, "NFC"))
    .filter(lambda text: GIVEN_ID.fault_of(text) is None)
)


@given(st.dictionaries(IDS, st.builds(SensorTime, st.none() | st.floats(-1e6, 1e6), st.integers(0, 2**31 - 1))))
def test_what_is_written_is_read(sensors: dict[SensorId, SensorTime]) -> None:
    assert read_times(write_times(times(sensors))) == times(sensors)


def test_of_very_many_sensors_the_worst_are_told() -> None:
    many = {SensorId(f"{number:05d}"): SensorTime(None, number) for number in range(2 * MOST_SENSORS)}
    told = read_times(write_times(times(many))).sensors
    assert set(told) == set(list(many)[MOST_SENSORS:])


@given(st.binary())
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(RejectedEventError):
        read_times(value)


@given(
    st.sampled_from(sorted(GOOD)),
    st.recursive(
        st.none() | st.booleans() | st.text() | st.just(float("inf")), lambda inner: st.lists(inner, max_size=3)
    ),
)
def test_fields_of_another_kind_are_refused(name: str, value: object) -> None:
    read_times(json.dumps(GOOD).encode())
    if name == "network_id" or (name == "partition" and isinstance(value, bool | str)):
        return
    with pytest.raises(RejectedEventError):
        read_times(json.dumps({**GOOD, name: value}).encode())


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(RejectedEventError):
        read_times(json.dumps({**GOOD, "since": "2026-11-30T09:00:00"}).encode())


@pytest.mark.parametrize(
    "odd",
    [
        {"sensors": {"s": [None, -1]}},
        {"sensors": {"s": [None, 10**20]}},
        {"sensors": {"s": [1e308, 0]}},
        {"sensors": {"s": [float("nan"), 0]}},
        {"sensors": {"": [1.0, 0]}},
        {"sensors": {"a\x1b]": [1.0, 0]}},
        {"partition": -7},
        {"partition": 10**30},
        {"network_id": 7},
        {"network_id": "n" * 1_000},
        {"since": "2026-03-02T08:00:00"},
        {"since": "0001-01-01T00:00:00+23:59"},
        {"as_of": "9999-12-31T23:59:59-23:59"},
    ],
)
def test_times_that_cannot_be_are_refused(odd: dict[str, Any]) -> None:
    read_times(json.dumps(GOOD).encode())
    with pytest.raises(RejectedEventError):
        read_times(json.dumps(GOOD | odd).encode())


def test_since_when_a_clock_is_off_passes_over_the_log_and_is_not_needed() -> None:
    since = datetime(2026, 11, 30, 9, tzinfo=UTC)
    sensors = {SensorId("a"): SensorTime(90.0, 0, since), SensorId("b"): SensorTime(None, 1)}
    times = SensorTimes(NetworkId("n"), 0, since, since, sensors)
    assert read_times(write_times(times)) == times
    earlier = json.loads(write_times(times))
    del earlier["off_since"]
    assert read_times(json.dumps(earlier).encode()).sensors[SensorId("a")] == SensorTime(90.0, 0)


def test_the_clocks_of_all_partitions_count_as_they_were_last_said() -> None:
    since = datetime(2026, 11, 30, 9, tzinfo=UTC)
    network, clocks = NetworkId("n"), ClocksOff()
    for partition, sensors in ((0, {"a": 90.0}), (1, {"b": -90.0}), (1, {"c": None})):
        said = {SensorId(name): SensorTime(ahead, 0) for name, ahead in sensors.items()}
        clocks.take(SensorTimes(network, partition, since, since, said))
    assert clocks.of(network) == {"a"}
    assert clocks.of(NetworkId("other")) == frozenset()
    clocks.restart()
    assert clocks.of(network) == frozenset()
