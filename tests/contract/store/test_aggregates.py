"""What every store promises about aggregates."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.errors import StoreError
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId
from shared.store.port import Store
from tests.kit.windows import processed_window

WINDOW = timedelta(minutes=5)
START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
# The store is shared by all examples, each of which uses a network of its own.
SHARED_STORE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def aggregate(
    network: NetworkId, sensor: str = "767541", window: int = 0, revision: int = 1, speed_mph: float | None = 61.5
) -> ProcessedTrafficAggregate:
    std_mph = None if speed_mph is None else 0.1 + 0.2
    return processed_window(
        network, sensor, START + window * WINDOW, speed_mph, revision, std_speed_mph=std_mph, occupancy=0.07
    )


def windows_of(found: list[ProcessedTrafficAggregate]) -> list[tuple[str, int]]:
    return [(one.sensor_id, int((one.window_start - START) / WINDOW)) for one in found]


def test_an_aggregate_is_read_as_it_was_put(store: Store, network: NetworkId) -> None:
    put = [aggregate(network, "a"), aggregate(network, "b", speed_mph=None)]
    store.put_aggregates(put)
    found = list(store.aggregates(network))
    assert found == put
    assert all(one.window_start.tzinfo is UTC for one in found)


def test_an_instant_in_another_zone_is_the_same_instant(store: Store, network: NetworkId) -> None:
    pacific = timezone(timedelta(hours=-7))
    put = aggregate(network)
    store.put_aggregates([replace(put, window_start=put.window_start.astimezone(pacific))])
    store.put_aggregates([put])
    assert list(store.aggregates(network, start=START.astimezone(pacific))) == [put]


def test_nothing_put_is_no_error(store: Store) -> None:
    store.put_aggregates([])


def test_a_network_without_history_has_none(store: Store, network: NetworkId) -> None:
    assert list(store.aggregates(network)) == []


def test_ids_are_any_text(store: Store, new_network: Callable[[], NetworkId]) -> None:
    for text in ("'; DROP TABLE traffic_aggregates; --", "a/b\\c", "Ünïcödé 高速", " ", "\x7f", "%_"):
        network = NetworkId(f"{new_network()}{text}")
        put = aggregate(network, text)
        store.put_aggregates([put])
        assert list(store.aggregates(network, SensorId(text))) == [put]


def test_newest_first_then_by_sensor(store: Store, network: NetworkId) -> None:
    put = [aggregate(network, sensor, window) for sensor in ("a", "b", "c") for window in range(3)]
    random.Random(1).shuffle(put)
    store.put_aggregates(put)
    everything = [(sensor, window) for window in (2, 1, 0) for sensor in ("a", "b", "c")]
    assert windows_of(list(store.aggregates(network))) == everything
    assert windows_of(list(store.aggregates(network, limit=4))) == everything[:4]
    assert windows_of(list(store.aggregates(network, SensorId("b")))) == [("b", 2), ("b", 1), ("b", 0)]
    assert windows_of(list(store.aggregates(network, SensorId("b"), limit=1))) == [("b", 2)]


def test_a_sensor_is_found_without_its_network(store: Store, network: NetworkId) -> None:
    sensor = SensorId(f"{network}/sensor")
    store.put_aggregates([aggregate(network, sensor, window) for window in range(3)])
    assert windows_of(list(store.aggregates(sensor_id=sensor, limit=2))) == [(sensor, 2), (sensor, 1)]


def test_networks_do_not_mix(store: Store, new_network: Callable[[], NetworkId]) -> None:
    here, there = new_network(), new_network()
    store.put_aggregates([aggregate(here, speed_mph=10.0), aggregate(there, speed_mph=20.0)])
    assert [one.mean_speed_mph for one in store.aggregates(here)] == [10.0]
    assert [one.mean_speed_mph for one in store.aggregates(there)] == [20.0]


def test_all_networks_are_listed_together(store: Store, new_network: Callable[[], NetworkId]) -> None:
    networks = sorted(new_network() for _ in range(3))
    put = [aggregate(network, window=1_000_000) for network in networks]
    store.put_aggregates(put)
    found = list(store.aggregates(start=put[0].window_start, end=put[0].window_end))
    assert sorted(one.network_id for one in found) == networks


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (None, None, [3, 2, 1, 0]),
        (1, None, [3, 2, 1]),
        (None, 1, [0]),
        (1, 3, [2, 1]),
        (2, 2, []),
        (3, 1, []),
        (9, None, []),
        (0.5, 2.5, [2, 1]),
    ],
)
def test_a_range_includes_its_start_and_not_its_end(
    store: Store, network: NetworkId, start: float | None, end: float | None, expected: list[int]
) -> None:
    store.put_aggregates([aggregate(network, window=window) for window in range(4)])
    first = None if start is None else START + start * WINDOW
    last = None if end is None else START + end * WINDOW
    assert [window for _, window in windows_of(list(store.aggregates(network, None, first, last)))] == expected


def test_a_lower_revision_changes_nothing(store: Store, network: NetworkId) -> None:
    newer = aggregate(network, revision=3, speed_mph=50.0)
    store.put_aggregates([newer])
    store.put_aggregates([aggregate(network, revision=2, speed_mph=40.0)])
    assert list(store.aggregates(network)) == [newer]


def test_an_equal_revision_replaces(store: Store, network: NetworkId) -> None:
    store.put_aggregates([aggregate(network, revision=2, speed_mph=40.0)])
    later = aggregate(network, revision=2, speed_mph=50.0)
    store.put_aggregates([later])
    assert list(store.aggregates(network)) == [later]


@given(
    puts=st.lists(
        st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(1, 5)), max_size=6), max_size=6
    ),
    twice=st.booleans(),
)
@SHARED_STORE
def test_the_highest_revision_wins_in_any_order_and_batching(
    store: Store, new_network: Callable[[], NetworkId], puts: list[list[tuple[str, int, int]]], *, twice: bool
) -> None:
    network = new_network()
    highest: dict[tuple[str, int], int] = {}
    for batch in puts:
        for sensor, window, revision in batch:
            highest[sensor, window] = max(revision, highest.get((sensor, window), 0))
        for _ in range(1 + twice):
            # Content follows from the revision, as in the pipeline, where a rebuild gives the same windows.
            store.put_aggregates(
                [aggregate(network, sensor, window, revision, 10.0 * revision) for sensor, window, revision in batch]
            )
    expected = [
        aggregate(network, sensor, window, revision, 10.0 * revision)
        for (sensor, window), revision in sorted(highest.items(), key=lambda item: (-item[0][1], item[0][0]))
    ]
    assert list(store.aggregates(network)) == expected


@given(
    speeds=st.lists(st.none() | st.floats(0, 120), min_size=1, max_size=5),
    millis=st.integers(-(2**40), 2**42),
)
@SHARED_STORE
def test_values_and_milliseconds_survive_exactly(
    store: Store, new_network: Callable[[], NetworkId], speeds: list[float | None], millis: int
) -> None:
    network = new_network()
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    put = [
        replace(aggregate(network, f"{place}", speed_mph=speed), window_start=start, window_end=start + WINDOW)
        for place, speed in enumerate(speeds)
    ]
    store.put_aggregates(put)
    assert list(store.aggregates(network)) == put


def test_a_datetime_without_a_zone_is_refused(store: Store, network: NetworkId) -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(StoreError):
        store.put_aggregates([replace(aggregate(network), window_start=naive)])
    with pytest.raises(StoreError):
        list(store.aggregates(network, start=naive))
    assert list(store.aggregates(network)) == []


def test_a_long_history_is_read_a_part_at_a_time(store: Store, network: NetworkId) -> None:
    store.put_aggregates([aggregate(network, window=window) for window in range(5_000)])
    reading = store.aggregates(network)
    newest = [next(reading) for _ in range(3)]
    assert windows_of(newest) == [("767541", 4_999), ("767541", 4_998), ("767541", 4_997)]
    # The store is used on while a reader is half-way.
    store.put_aggregates([aggregate(network, window=5_000)])
    assert sum(1 for _ in reading) == 4_997
    assert sum(1 for _ in store.aggregates(network)) == 5_001
