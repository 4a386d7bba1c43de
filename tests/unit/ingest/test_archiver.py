"""The archiver against a local archive: what a crash at any point leaves, the next one repairs."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError
from prometheus_client import CollectorRegistry

from services.ingest.archiver import Archiver, Archiving, FlushPolicy
from services.ingest.validator import EventValidator
from shared.archive.container import ArchivedEvent, decode_container
from shared.archive.layout import RAW_ROOT, parse_raw_path, pending_path
from shared.archive.local import LocalArchive
from shared.archive.port import Archive
from shared.events.avro import encode
from shared.events.decoder import EventDecoder
from shared.events.errors import ArchiveError
from shared.events.records import TrafficEvent
from shared.events.topics import REKEYED_FROM, TRAFFIC_EVENTS
from shared.kafka.consumer import Committed, GroupMember
from shared.kafka.quarantine import Culprit
from shared.runtime.metrics import IngestMetrics
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

NETWORK = load_network(EXAMPLE_NETWORK)
SENSOR = NETWORK.sensors[0].sensor_id
START = datetime(2026, 3, 1, 10, 50, tzinfo=UTC)
PARTITION = TopicPartition(TRAFFIC_EVENTS.name, 2)


class Member:
    """Keeps commits; may refuse them as a group does that went on without this member."""

    def __init__(self) -> None:
        self.commits: list[int] = []
        self.commits_left = 1_000

    async def persist(self, what: str, attempt: Callable[[], Awaitable[object]]) -> object:
        assert what
        return await attempt()

    async def commit(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        if self.commits_left == 0:
            raise CommitFailedError
        self.commits_left -= 1
        self.commits.append(offsets[PARTITION][0])


class BreakingArchive(LocalArchive):
    """Fails at the n-th write."""

    def __init__(self, root: Path, writes: int) -> None:
        super().__init__(root)
        self.writes = writes

    def write(self, path: str, content: bytes) -> None:
        self.writes -= 1
        if self.writes < 0:
            raise ArchiveError("full")
        super().write(path, content)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Bench:
    def __init__(self, archive: Archive, policy: FlushPolicy | None = None) -> None:
        self.member, self.clock = Member(), Clock()
        self.registry = CollectorRegistry()
        self.aside: list[int] = []

        async def put_aside(_: TopicPartition, culprits: Sequence[Culprit[ArchivedEvent]]) -> None:
            self.aside += [culprit.item.offset for culprit in culprits]

        self.archiving = Archiving(
            validator=EventValidator({NETWORK.network_id: NETWORK}, EventDecoder()),
            archive=archive,
            policy=policy or FlushPolicy(seconds=60, events=1000, bytes=1_000_000),
            put_aside=put_aside,
            origins=self.read,
            metrics=IngestMetrics(self.registry),
            clock=lambda: datetime(2027, 1, 1, tzinfo=UTC),
            monotonic=self.clock,
        )

        self.archiver: Archiver | None = None
        self.log: dict[tuple[int, int], ConsumerRecord] = {}

    async def read(self, places: Collection[tuple[int, int]]) -> dict[tuple[int, int], ConsumerRecord]:
        return {place: self.log[place] for place in places if place in self.log}

    @property
    def work(self) -> Archiver:
        assert self.archiver is not None
        return self.archiver

    async def take(self, offset: int = 0) -> None:
        group = cast("GroupMember", self.member)
        self.archiver = await self.archiving.begin(group, {PARTITION: Committed(offset, "")})

    async def handle(self, records: Sequence[ConsumerRecord] = (), at_s: float = 0.0) -> None:
        self.clock.now_s = at_s
        await self.work.handle({PARTITION: list(records)} if records else {})


def record(offset: int, minute: float = 0, headers: tuple[tuple[str, bytes], ...] = ()) -> ConsumerRecord:
    event = TrafficEvent(f"e{offset}", NETWORK.network_id, SENSOR, START + timedelta(minutes=minute), 50.0)
    return raw(offset, encode(event), headers)


def raw(
    offset: int, value: bytes, headers: tuple[tuple[str, bytes | None], ...] = (), key: bytes = b"k"
) -> ConsumerRecord:
    return ConsumerRecord(PARTITION.topic, PARTITION.partition, offset, 0, 0, key, value, None, 1, len(value), headers)


def copy_of(original: ConsumerRecord, offset: int) -> ConsumerRecord:
    """As ingest publishes it."""
    origin = f"{original.partition}:{original.offset}".encode()
    return raw(offset, original.value, ((REKEYED_FROM, origin),), SENSOR.encode())


def files(archive: Archive) -> list[str]:
    return [entry.path for entry in archive.list(RAW_ROOT)]


def offsets(archive: Archive) -> Counter[int]:
    return Counter(
        archived.offset
        for path in files(archive)
        if path.endswith(".avro")
        for archived in decode_container(archive.read(path))
    )


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path)


async def test_one_file_per_event_hour_named_by_its_own_offsets(archive: LocalArchive) -> None:
    bench = Bench(archive)
    await bench.take()
    await bench.handle([record(4, 0), record(5, 15), record(7, 1), record(9, 16)])
    await bench.handle(at_s=60)
    parsed = [parse_raw_path(path) for path in files(archive)]
    assert [(it.hour.hour, it.first_offset, it.last_offset, it.partition) for it in parsed if it] == [
        (10, 4, 7, 2),
        (11, 5, 9, 2),
    ]
    assert bench.member.commits == [4, 10]
    assert bench.registry.get_sample_value("metrla_ingest_archived_events_total") == 4
    assert bench.registry.get_sample_value("metrla_ingest_archive_files_total") == 2


@pytest.mark.parametrize(
    "policy",
    [FlushPolicy(3600, 3, 10**9), FlushPolicy(3600, 10**9, 3 * len(record(0).value)), FlushPolicy(0, 10**9, 10**9)],
    ids=["count", "bytes", "time"],
)
async def test_each_limit_makes_a_flush(archive: LocalArchive, policy: FlushPolicy) -> None:
    bench = Bench(archive, policy)
    await bench.take()
    await bench.handle([record(0), record(1), record(2)])
    assert offsets(archive) == {0: 1, 1: 1, 2: 1}


async def test_nothing_is_due_before_its_time(archive: LocalArchive) -> None:
    bench = Bench(archive)
    await bench.take()
    await bench.handle([record(0)], at_s=100)
    await bench.handle([record(1)], at_s=159)
    assert files(archive) == []
    await bench.handle(at_s=160)
    assert offsets(archive) == {0: 1, 1: 1}


async def test_a_full_partition_is_not_read_on(archive: LocalArchive) -> None:
    bench = Bench(BreakingArchive(archive_root(archive), writes=0), FlushPolicy(3600, 2, 10**9))
    await bench.take()
    with pytest.raises(ArchiveError):
        await bench.handle([record(0), record(1)])
    assert bench.work.hungry() == []


def archive_root(archive: LocalArchive) -> Path:
    return archive._root


async def test_rejected_and_rekeyed_records_are_passed_over(archive: LocalArchive) -> None:
    bench = Bench(archive)
    await bench.take()
    original = record(1)
    bench.log[2, 1] = original
    await bench.handle([raw(0, b"junk"), original, copy_of(original, 2), raw(3, b"")])
    await bench.handle(at_s=60)
    assert offsets(archive) == {1: 1}
    assert bench.member.commits == [0, 4]


def rejected(original: ConsumerRecord) -> ConsumerRecord:
    return with_value(original, b"junk")


def of_another_value(original: ConsumerRecord) -> ConsumerRecord:
    return with_value(original, record(9).value)


def with_value(original: ConsumerRecord, value: bytes) -> ConsumerRecord:
    return raw(original.offset, value)


def rightly_keyed(original: ConsumerRecord) -> ConsumerRecord:
    return raw(original.offset, original.value, key=SENSOR.encode())


def a_copy_itself(original: ConsumerRecord) -> ConsumerRecord:
    return raw(original.offset, original.value, ((REKEYED_FROM, b"0:0"),))


@pytest.mark.parametrize("there", [rejected, of_another_value, rightly_keyed, a_copy_itself, None])
async def test_who_only_claims_to_be_a_copy_is_archived(
    archive: LocalArchive, there: Callable[[ConsumerRecord], ConsumerRecord] | None
) -> None:
    bench = Bench(archive)
    await bench.take()
    original = record(1)
    if there is not None:
        bench.log[2, 1] = there(original)
    await bench.handle([copy_of(original, 2)])
    await bench.handle(at_s=60)
    assert offsets(archive) == {2: 1}


@pytest.mark.parametrize("origin", [b"", b"2", b"2:", b":1", b"-1:1", b"2:x", b"9" * 40 + b":1", b"\xff:\x00", None])
async def test_a_header_of_any_bytes_keeps_nothing_out(archive: LocalArchive, origin: bytes | None) -> None:
    bench = Bench(archive)
    await bench.take()
    await bench.handle([raw(0, record(0).value, ((REKEYED_FROM, origin),), SENSOR.encode())])
    await bench.handle(at_s=60)
    assert offsets(archive) == {0: 1}


async def test_a_copy_under_a_wrong_key_is_archived(archive: LocalArchive) -> None:
    bench = Bench(archive)
    await bench.take()
    original = record(1)
    bench.log[2, 1] = original
    await bench.handle([raw(2, original.value, ((REKEYED_FROM, b"2:1"),))])
    await bench.handle(at_s=60)
    assert offsets(archive) == {2: 1}


async def test_a_batch_without_a_valid_event_is_committed_without_a_file(archive: LocalArchive) -> None:
    bench = Bench(archive)
    await bench.take()
    await bench.handle([raw(0, b"junk")])
    await bench.handle(at_s=60)
    assert (files(archive), bench.member.commits) == ([], [1])


async def test_finishing_flushes_and_who_comes_next_takes_what_was_not_finished(archive: LocalArchive) -> None:
    bench = Bench(archive)
    await bench.take()
    await bench.handle([record(0)])
    await bench.work.finish()
    assert bench.member.commits == [0, 1]
    assert bench.work.positions() == {PARTITION: 1}
    await bench.handle([record(1)])
    await bench.take(1)
    await bench.handle(at_s=1000)
    assert offsets(archive) == {0: 1}
    await bench.handle([record(1), record(2)], at_s=1000)
    await bench.handle(at_s=2000)
    assert offsets(archive) == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
async def test_a_crash_in_the_middle_of_a_flush_is_repaired(archive: LocalArchive, writes: int) -> None:
    """After the intent, after some files, after all of them: the next owner writes other files, each offset once."""
    crashed = Bench(BreakingArchive(archive_root(archive), writes))
    crashed.member.commits_left = 1
    await crashed.take()
    records = [record(0, 0), record(1, 15), record(2, 1), record(3, 16)]
    await crashed.handle(records)
    with pytest.raises((ArchiveError, CommitFailedError)):
        await crashed.handle(at_s=60)
    successor = Bench(archive)
    await successor.take()
    await successor.handle([*records, record(4, 2)])
    await successor.handle(at_s=60)
    assert offsets(archive) == dict.fromkeys(range(5), 1)
    assert pending_path(2) not in files(archive)


async def test_files_that_were_committed_stay_when_only_the_note_was_left(archive: LocalArchive) -> None:
    note = {}

    class Keeping(LocalArchive):
        def write(self, path: str, content: bytes) -> None:
            note[path] = content
            super().write(path, content)

    bench = Bench(Keeping(archive_root(archive)))
    await bench.take()
    await bench.handle([record(0)])
    await bench.handle(at_s=60)
    archive.write(pending_path(2), note[pending_path(2)])
    successor = Bench(archive)
    await successor.take(1)
    assert offsets(archive) == {0: 1}
    assert pending_path(2) not in files(archive)


async def test_a_member_that_lost_its_partitions_writes_nothing(archive: LocalArchive) -> None:
    bench = Bench(archive)
    bench.member.commits_left = 0
    await bench.take()
    await bench.handle([record(0)])
    with pytest.raises(CommitFailedError):
        await bench.handle(at_s=60)
    assert files(archive) == []


async def test_an_event_that_cannot_be_written_is_put_aside_and_the_others_are_archived(archive: LocalArchive) -> None:
    bench = Bench(archive)
    await bench.take()
    # Beyond Avro's long: nothing that can be read from a log, but the encoder does fail.
    await bench.handle([record(4), record(2**64), record(2**64 + 1), record(9)])
    await bench.handle(at_s=60)
    assert bench.aside == [2**64, 2**64 + 1]
    assert offsets(archive) == Counter([4, 9])
