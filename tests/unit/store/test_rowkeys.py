from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from hashlib import md5

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.store.encoding import from_millis
from shared.store.hbase import rowkeys

MD5 = partial(md5, usedforsecurity=False)
IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
# All that a Python datetime holds but the year at either end.
TIMES = st.integers(-62_000_000_000_000, 253_000_000_000_000).map(from_millis)
START = datetime(2012, 5, 2, tzinfo=UTC)


def test_keys_are_as_documented() -> None:
    reversed_time = str(2**63 - 1 - 1_335_916_800_000).encode()
    of_sensor = MD5(b"metr-la" + b"\0" + b"767541").hexdigest()[:2].encode()
    of_network = MD5(b"metr-la").hexdigest()[:2].encode()
    assert rowkeys.by_sensor("metr-la", "767541", START, "m") == b"\0".join(
        [of_sensor, b"metr-la", b"767541", reversed_time, b"m"]
    )
    assert rowkeys.by_time("metr-la", START, "767541") == b"\0".join([of_network, b"metr-la", reversed_time, b"767541"])


@given(st.lists(st.tuples(TIMES, IDS), min_size=2, max_size=6), IDS)
def test_keys_of_a_network_sort_newest_first_then_by_id(rows: list[tuple[datetime, str]], network: str) -> None:
    keys = sorted(rowkeys.by_time(network, time, sensor) for time, sensor in rows)
    wanted = sorted(rows, key=lambda row: (-row[0].timestamp(), row[1]))
    assert keys == [rowkeys.by_time(network, time, sensor) for time, sensor in wanted]


@given(TIMES, TIMES | st.none(), TIMES | st.none(), IDS, IDS)
def test_a_range_holds_the_times_from_its_start_to_before_its_end(
    time: datetime, start: datetime | None, end: datetime | None, network: str, sensor: str
) -> None:
    inside = (start is None or start <= time) and (end is None or time < end)
    for prefix, key in (
        (rowkeys.network_prefix(network), rowkeys.by_time(network, time, sensor)),
        (rowkeys.sensor_prefix(network, sensor), rowkeys.by_sensor(network, sensor, time)),
        (rowkeys.sensor_prefix(network, sensor), rowkeys.by_sensor(network, sensor, time, "model")),
    ):
        keys = rowkeys.within(prefix, start, end)
        assert (keys.start <= key < keys.stop) == inside
        assert not (keys.empty and inside)


@given(IDS, IDS, IDS, IDS, TIMES)
def test_no_other_sensor_lies_in_a_range(
    network: str, sensor: str, network2: str, sensor2: str, time: datetime
) -> None:
    assume((network, sensor) != (network2, sensor2))
    keys = rowkeys.within(rowkeys.sensor_prefix(network, sensor), None, None)
    assert not keys.start <= rowkeys.by_sensor(network2, sensor2, time) < keys.stop


@given(st.sets(IDS, min_size=1, max_size=8), TIMES, IDS)
def test_all_networks_are_found_by_stepping_past_each(networks: set[str], time: datetime, sensor: str) -> None:
    keys = sorted(rowkeys.by_time(network, time, sensor) for network in networks)
    found, place = set(), b""
    while rest := [key for key in keys if place <= key < rowkeys.END]:
        found.add(rowkeys.network_of(rest[0]))
        place = rowkeys.past_network(rest[0])
    assert found == networks


def test_what_is_left_after_a_key() -> None:
    keys = rowkeys.within(rowkeys.network_prefix("n"), None, None)
    first, second = rowkeys.by_time("n", START, "a"), rowkeys.by_time("n", START, "b")
    left = keys.after(first)
    assert not left.start <= first
    assert left.start <= second < left.stop


@pytest.mark.parametrize(
    "make",
    [
        lambda: rowkeys.by_sensor("n\0", "s", START),
        lambda: rowkeys.by_sensor("n", "s\0", START),
        lambda: rowkeys.by_time("n", START, "a\0"),
        lambda: rowkeys.by_time("\ud800", START, "a"),
    ],
)
def test_ids_that_no_key_can_hold_are_refused(make: Callable[[], bytes]) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        make()


def test_a_time_in_any_zone_is_one_key_and_without_one_none() -> None:
    there = START.astimezone(timezone(timedelta(hours=-7)))
    assert rowkeys.by_time("n", there, "a") == rowkeys.by_time("n", START, "a")
    with pytest.raises(TypeError):
        rowkeys.by_time("n", START.replace(tzinfo=None), "a")


def test_sensors_spread_evenly_over_the_regions() -> None:
    places = [place.encode() for place in rowkeys.splits(8)]
    counts = [0] * 8
    for sensor in range(8_000):
        key = rowkeys.by_sensor("metr-la", f"{sensor}", START)
        counts[sum(place <= key for place in places)] += 1
    assert max(counts) < 1.2 * min(counts)


@given(st.integers(1, 256))
def test_splits_are_distinct_and_in_order(regions: int) -> None:
    places = rowkeys.splits(regions)
    assert len(set(places)) == regions - 1
    assert list(places) == sorted(places)


@pytest.mark.parametrize("regions", [0, -1, 257])
def test_more_regions_than_hashes_are_refused(regions: int) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        rowkeys.splits(regions)
