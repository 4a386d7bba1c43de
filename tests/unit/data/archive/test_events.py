from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrla.data.archive.events import raw_files, read_events
from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import RAW_ROOT, RawFile, hour_of, pending_path, raw_path
from shared.archive.local import LocalArchive
from shared.events.errors import ArchiveError
from shared.events.records import NetworkId, SensorId, TrafficEvent

START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LA, BAY = NetworkId("metr-la"), NetworkId("pems-bay")


def event(
    minute: int, offset: int, sensor: str = "a", network: NetworkId = LA, partition: int = 0, speed_mph: float = 60.0
) -> ArchivedEvent:
    identity = f"{sensor}/{partition}/{offset}"
    reading = TrafficEvent(identity, network, SensorId(sensor), START + minute * MINUTE, speed_mph)
    return ArchivedEvent(reading, partition, offset)


def flush(archive: LocalArchive, events: list[ArchivedEvent]) -> None:
    by_hour: dict[tuple[NetworkId, datetime, int], list[ArchivedEvent]] = defaultdict(list)
    for one in events:
        by_hour[one.event.network_id, hour_of(one.event.timestamp), one.partition].append(one)
    for (network, hour, partition), group in by_hour.items():
        path = raw_path(network, hour, partition, group[0].offset, group[-1].offset)
        archive.write(path, encode_container(group))


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path)


def test_an_empty_archive_has_no_events(archive: LocalArchive) -> None:
    assert list(read_events(archive)) == []
    assert list(read_events(archive, LA, START, START + MINUTE)) == []


def test_by_network_sensor_and_time(archive: LocalArchive) -> None:
    events = [event(minute, offset, sensor) for offset, (minute, sensor) in enumerate([(0, "a"), (5, "b"), (65, "a")])]
    elsewhere = [event(5, 3, "a", BAY)]
    flush(archive, events + elsewhere)
    assert list(read_events(archive)) == events + elsewhere
    assert list(read_events(archive, LA)) == events
    assert list(read_events(archive, BAY)) == elsewhere
    assert list(read_events(archive, LA, sensor_id=SensorId("a"))) == [events[0], events[2]]
    assert list(read_events(archive, LA, START + 5 * MINUTE, START + 65 * MINUTE)) == [events[1]]
    assert list(read_events(archive, LA, START + 5 * MINUTE)) == events[1:]
    assert list(read_events(archive, None, None, START + 5 * MINUTE)) == events[:1]


def test_only_the_hours_of_the_range_are_read(archive: LocalArchive) -> None:
    flush(archive, [event(minute, minute) for minute in range(0, 300, 30)])
    for start, end in ((90, 150), (None, 150), (90, None)):
        found = raw_files(
            archive,
            LA,
            None if start is None else START + start * MINUTE,
            None if end is None else START + end * MINUTE,
        )
        hours = [int((file.hour - START) / timedelta(hours=1)) for file in found]
        assert hours == list(range(0 if start is None else 1, 5 if end is None else 3))


def test_what_is_no_raw_file_is_passed_over(archive: LocalArchive) -> None:
    flush(archive, [event(0, 0)])
    archive.write(pending_path(0), b"{}")
    archive.write(f"{RAW_ROOT}/network=metr-la/README", b"hello")
    assert list(raw_files(archive)) == [RawFile(LA, START, 0, 0, 0)]


def test_a_reading_that_was_sent_twice_counts_once_the_first_of_them(archive: LocalArchive) -> None:
    flush(archive, [event(0, 0, speed_mph=60.0), event(5, 1)])
    flush(archive, [event(0, 2, speed_mph=50.0), event(5, 3, "b")])
    flush(archive, [event(0, 0, partition=10, speed_mph=40.0), event(5, 0, network=BAY)])
    flush(archive, [event(0, 0, partition=2, speed_mph=30.0)])
    once = [(one.partition, one.offset) for one in read_events(archive, LA)]
    assert once == [(0, 0), (0, 1), (0, 3)]
    raw = [(one.partition, one.offset) for one in read_events(archive, LA, raw=True)]
    assert raw == [(0, 0), (0, 1), (0, 2), (0, 3), (2, 0), (10, 0)]


def test_a_damaged_file_is_named(archive: LocalArchive) -> None:
    path = raw_path(LA, START, 0, 0, 0)
    archive.write(path, b"damaged")
    with pytest.raises(ArchiveError, match=r"hour=07/traffic-events\+0\+"):
        list(read_events(archive))


@given(
    minutes=st.lists(st.tuples(st.integers(0, 200), st.sampled_from("ab"), st.integers(0, 2)), max_size=30),
    flushes=st.integers(1, 5),
    within=st.tuples(st.integers(0, 200), st.integers(0, 200)),
)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_reading_gives_each_distinct_reading_of_the_range_once(
    tmp_path_factory: pytest.TempPathFactory,
    minutes: list[tuple[int, str, int]],
    flushes: int,
    within: tuple[int, int],
) -> None:
    archive = LocalArchive(tmp_path_factory.mktemp("archive"))
    events = [
        event(minute, offset, sensor, partition=partition) for offset, (minute, sensor, partition) in enumerate(minutes)
    ]
    for number in range(flushes):
        flush(archive, events[number * len(events) // flushes : (number + 1) * len(events) // flushes])
    start, end = (START + minute * MINUTE for minute in sorted(within))
    inside = [one for one in events if start <= one.event.timestamp < end]
    found = list(read_events(archive, LA, start, end))
    keys = [(one.event.sensor_id, one.event.timestamp) for one in found]
    assert len(keys) == len(set(keys))
    assert set(keys) == {(one.event.sensor_id, one.event.timestamp) for one in inside}
    everything = list(read_events(archive, LA, start, end, raw=True))
    assert sorted(everything, key=lambda one: one.offset) == inside
