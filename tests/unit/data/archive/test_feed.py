"""What was archived comes back as it stood on the log."""

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrla.data.archive import feed as archived
from metrla.data.archive.feed import ArchivedEvents
from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import hour_of, raw_path
from shared.archive.local import LocalArchive
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId, SensorId, TrafficEvent

START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LA, BAY = NetworkId("metr-la"), NetworkId("pems-bay")


def event(minute: int, offset: int, partition: int = 0, network: NetworkId = LA) -> ArchivedEvent:
    reading = TrafficEvent(f"{partition}/{offset}", network, SensorId("a"), START + minute * MINUTE, 60.0)
    return ArchivedEvent(reading, partition, offset)


def flush(archive: LocalArchive, events: Sequence[ArchivedEvent]) -> None:
    by_hour: dict[tuple[NetworkId, datetime, int], list[ArchivedEvent]] = defaultdict(list)
    for one in events:
        by_hour[one.event.network_id, hour_of(one.event.timestamp), one.partition].append(one)
    for (network, hour, partition), group in by_hour.items():
        path = raw_path(network, hour, partition, group[0].offset, group[-1].offset)
        archive.write(path, encode_container(group))


def fed(archive: LocalArchive, begin: datetime | None = None, end: datetime | None = None) -> list[str]:
    deliveries = ArchivedEvents(archive, LA, begin, end).deliveries()
    return [event.event_id for delivery in deliveries for event in delivery.events]


def test_late_events_and_duplicates_come_where_they_came(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    log = [event(minute, offset) for offset, minute in enumerate([50, 55, 58, 65, 59, 65, 130, 2, 135])]
    flush(archive, log[:5])
    flush(archive, log[5:])
    deliveries = list(ArchivedEvents(archive, LA).deliveries())
    assert [one.event_id for each in deliveries for one in each.events] == [one.event.event_id for one in log]
    came_in = [50, 55, 58, 65, 130, 135]
    assert [(each.at - START) // MINUTE for each in deliveries] == came_in


def test_partitions_come_side_by_side(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    flush(archive, [event(minute, minute, partition) for partition in (0, 1) for minute in range(0, 300, 7)])
    deliveries = list(ArchivedEvents(archive, LA).deliveries())
    assert all(len(each.events) == 2 for each in deliveries)
    assert [each.at for each in deliveries] == [START + minute * MINUTE for minute in range(0, 300, 7)]


def test_only_the_network_and_the_time_asked_for(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    flush(archive, [event(minute, minute) for minute in range(0, 300, 30)])
    flush(archive, [event(0, 0, network=BAY)])
    assert fed(archive, START + 60 * MINUTE, START + 150 * MINUTE) == ["0/60", "0/90", "0/120"]
    replay = ArchivedEvents(archive, LA, START + 60 * MINUTE)
    assert replay.extent() == (START + 60 * MINUTE, START + 300 * MINUTE)
    assert replay.ends() == {0: 271}


def test_an_archive_without_such_events_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="metr-la"):
        ArchivedEvents(LocalArchive(tmp_path), LA)


def test_a_burst_comes_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archived, "EVENTS_AT_ONCE", 10)
    archive = LocalArchive(tmp_path)
    flush(archive, [event(59 - number % 60, number) for number in range(35)])
    assert [len(each.events) for each in ArchivedEvents(archive, LA).deliveries()] == [10, 10, 10, 5]


@given(seed=st.integers(0, 10_000), count=st.integers(1, 60), flushes=st.integers(1, 6), disorder=st.integers(0, 90))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_partition_keeps_its_order(
    tmp_path_factory: pytest.TempPathFactory, seed: int, count: int, flushes: int, disorder: int
) -> None:
    chance = random.Random(seed)
    ends = [0, 0, 0]
    log: list[ArchivedEvent] = []
    for place in range(count):
        partition = chance.randrange(3)
        log.append(event(max(0, 5 * place - chance.randint(0, disorder)), ends[partition], partition))
        ends[partition] += chance.randint(1, 3)
    archive = LocalArchive(tmp_path_factory.mktemp("archive"))
    for number in range(flushes):
        flush(archive, log[number * count // flushes : (number + 1) * count // flushes])
    replayed = fed(archive)
    for partition in range(3):
        of_partition = [name for name in replayed if name.startswith(f"{partition}/")]
        assert of_partition == [one.event.event_id for one in log if one.partition == partition]
