from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.archive.layout import (
    CARD_FILE,
    RAW_ROOT,
    RawFile,
    hour_of,
    model_path,
    model_prefix,
    network_prefix,
    parse_raw_path,
    pending_path,
    raw_path,
    raw_prefixes,
)
from shared.events.records import NetworkId

HOUR = timedelta(hours=1)
NETWORK = NetworkId("metr-la")
NETWORKS = st.text(min_size=1, max_size=8).map(NetworkId)
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
OFFSETS = st.integers(0, 2**62)


def test_a_raw_file_is_named_as_kafka_connect_names_it() -> None:
    path = raw_path(NETWORK, datetime(2012, 5, 2, 7, 35, tzinfo=UTC), 3, 42, 1041)
    assert path == (
        "traffic-data/raw/network=metr-la/year=2012/month=05/day=02/hour=07/traffic-events+3+0000000042+0000001041.avro"
    )


def test_hours_are_utc() -> None:
    local = datetime(2012, 5, 1, 23, 59, tzinfo=timezone(timedelta(hours=-7)))
    assert hour_of(local) == datetime(2012, 5, 2, 6, tzinfo=UTC)
    assert "/day=02/hour=06/" in raw_path(NETWORK, local, 0, 0, 0)


@given(network=NETWORKS, instant=INSTANTS, partition=st.integers(0, 999), offsets=st.tuples(OFFSETS, OFFSETS))
def test_a_path_tells_what_it_was_made_from(
    network: NetworkId, instant: datetime, partition: int, offsets: tuple[int, int]
) -> None:
    first, last = sorted(offsets)
    path = raw_path(network, instant, partition, first, last)
    assert path.count("/") == 7
    assert parse_raw_path(path) == RawFile(network, hour_of(instant), partition, first, last)
    assert RawFile(network, hour_of(instant), partition, first, last).path == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        pending_path(3),
        model_path(NETWORK, "linear_regression", "1", CARD_FILE),
        f"{RAW_ROOT}/network=x/year=2012/month=13/day=02/hour=07/traffic-events+3+0000000042+0000001041.avro",
        f"{RAW_ROOT}/network=x/year=2012/month=05/day=02/hour=07/traffic-events+3+42+1041.avro",
        f"{RAW_ROOT}/network=x/year=2012/month=05/day=02/hour=07/traffic-events+3+0000000042+0000001041.avro.tmp",
        f"{RAW_ROOT}/network=x/year=2012/month=05/day=02/hour=07/other+3+0000000042+0000001041.avro",
    ],
)
def test_other_paths_are_no_raw_files(path: str) -> None:
    assert parse_raw_path(path) is None


def test_intents_lie_where_no_hour_lies() -> None:
    assert pending_path(3) == "traffic-data/raw/_pending/traffic-events+3.json"


@given(network=NETWORKS, name=st.text(min_size=1), version=st.text(min_size=1))
def test_no_id_leaves_its_folder(network: NetworkId, name: str, version: str) -> None:
    for path in (
        raw_path(network, datetime(2012, 5, 2, tzinfo=UTC), 0, 0, 0),
        model_path(network, name, version, CARD_FILE),
    ):
        assert all(segment.isascii() and segment.isprintable() for segment in path.split("/"))
        assert not any(segment.startswith(".") or not segment for segment in path.split("/"))
    assert model_path(network, name, version, CARD_FILE).count("/") == 5


def test_models_lie_by_network_name_and_version() -> None:
    assert model_prefix(NETWORK) == "traffic-data/models/metr-la"
    assert model_prefix(NETWORK, "linear_regression") == "traffic-data/models/metr-la/linear_regression"
    assert model_path(NETWORK, "linear_regression", "20120501T000000Z", CARD_FILE) == (
        "traffic-data/models/metr-la/linear_regression/20120501T000000Z/card.json"
    )


def test_prefixes_are_as_few_as_whole_days_months_and_years_allow() -> None:
    start, end = datetime(2011, 12, 30, 22, 15, tzinfo=UTC), datetime(2013, 2, 2, 0, 30, tzinfo=UTC)
    root = network_prefix(NETWORK)
    assert list(raw_prefixes(NETWORK, start, end)) == [
        f"{root}/year=2011/month=12/day=30/hour=22",
        f"{root}/year=2011/month=12/day=30/hour=23",
        f"{root}/year=2011/month=12/day=31",
        f"{root}/year=2012",
        f"{root}/year=2013/month=01",
        f"{root}/year=2013/month=02/day=01",
        f"{root}/year=2013/month=02/day=02/hour=00",
    ]


def test_an_open_range_is_the_whole_network() -> None:
    instant = datetime(2012, 5, 2, tzinfo=UTC)
    for start, end in ((None, None), (instant, None), (None, instant)):
        assert list(raw_prefixes(NETWORK, start, end)) == [network_prefix(NETWORK)]


def test_an_empty_range_has_no_folder() -> None:
    instant = datetime(2012, 5, 2, tzinfo=UTC)
    assert list(raw_prefixes(NETWORK, instant, instant)) == []


@given(start=INSTANTS, length=st.timedeltas(timedelta(0), timedelta(days=900)), probe=st.integers(-40, 24 * 900 + 40))
def test_every_hour_of_a_range_lies_in_one_folder_and_no_other_does(
    start: datetime, length: timedelta, probe: int
) -> None:
    end = start + length
    hour = hour_of(start) + probe * HOUR
    path = raw_path(NETWORK, hour, 0, 0, 0)
    prefixes = list(raw_prefixes(NETWORK, start, end))
    wanted = hour < end and hour + HOUR > start and start < end
    assert sum(path.startswith(f"{prefix}/") for prefix in prefixes) == wanted
    assert prefixes == sorted(prefixes)
