"""Compaction keeps exactly the last record of each key."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from metrla.local.devbroker.log.batch import BatchHeader, checked_header
from metrla.local.devbroker.log.compaction import compact
from metrla.local.devbroker.log.partition import PartitionLog
from metrla.local.devbroker.log.records import Record, decode
from metrla.local.devbroker.log.segment import Segment

Build = Callable[..., bytes]
RECORDS = st.tuples(st.integers(0, 6).map(lambda n: b"%d" % n), st.one_of(st.none(), st.binary(max_size=4)))
BATCHES = st.lists(st.lists(RECORDS, min_size=1, max_size=6), min_size=1, max_size=25)


def fill(build: Build, batches: list[list[tuple[bytes, bytes | None]]], compression: int = 0) -> PartitionLog:
    log = PartitionLog(segment_bytes=400)
    for records in batches:
        data = build(records, compression=compression)
        log.append(data, checked_header(data), now_ms=0)
    return log


def run(log: PartitionLog, *, now_ms: int = 10, delete_retention_ms: int = 100) -> list[Segment]:
    closed = list(log.close_segment())
    cleaned = compact(
        closed, now_ms=now_ms, delete_retention_ms=delete_retention_ms, segment_bytes=400, end_offset=log.end_offset
    )
    assert log.replace_segments(closed, cleaned)
    return cleaned


def contents(log: PartitionLog) -> list[Record]:
    """Read the log as a consumer does, across the holes."""
    records: list[Record] = []
    offset = log.start_offset
    while data := log.read(offset, 1):
        next_offset = end_of(data)
        records += [record for record in decode(data) if record.offset >= offset]
        assert next_offset > offset
        offset = next_offset
    return records


def end_of(data: bytes) -> int:
    header = BatchHeader.parse(data)
    assert header.size == len(data)
    return header.base_offset + header.last_offset_delta + 1


@settings(deadline=None)
@given(batches=BATCHES, compression=st.sampled_from([0, 1, 3]))
def test_exactly_the_last_record_of_each_key_stays(
    build_batch: Build, batches: list[list[tuple[bytes, bytes | None]]], compression: int
) -> None:
    log = fill(build_batch, batches, compression)
    before = contents(log)
    latest = {record.key: record.offset for record in before}
    run(log)
    after = contents(log)
    assert after == [record for record in before if latest[record.key] == record.offset]
    offsets = [record.offset for record in after]
    assert offsets == sorted(set(offsets))
    assert (log.start_offset, log.end_offset) == (0, len(before))


@settings(deadline=None)
@given(batches=BATCHES)
def test_compacting_twice_changes_nothing_more(
    build_batch: Build, batches: list[list[tuple[bytes, bytes | None]]]
) -> None:
    log = fill(build_batch, batches)
    run(log)
    once = contents(log)
    size = log.size
    run(log)
    assert contents(log) == once
    assert log.size == size


@settings(deadline=None)
@given(first=BATCHES, second=BATCHES)
def test_appends_between_two_compactions(
    build_batch: Build,
    first: list[list[tuple[bytes, bytes | None]]],
    second: list[list[tuple[bytes, bytes | None]]],
) -> None:
    log = fill(build_batch, first)
    run(log)
    for records in second:
        data = build_batch(records)
        log.append(data, checked_header(data), now_ms=0)
    run(log)
    flat = [record for records in first + second for record in records]
    assert {r.key: (r.offset, r.value) for r in contents(log)} == {
        key: (offset, value) for offset, (key, value) in enumerate(flat)
    }


@settings(deadline=None)
@given(batches=BATCHES)
def test_tombstones_go_once_their_time_is_over_but_the_end_stays(
    build_batch: Build, batches: list[list[tuple[bytes, bytes | None]]]
) -> None:
    log = fill(build_batch, batches)
    run(log, now_ms=100, delete_retention_ms=100)
    flat = [record for records in batches for record in records]
    latest = {key: (offset, value) for offset, (key, value) in enumerate(flat)}
    last = len(flat) - 1
    expected = {key: kept for key, kept in latest.items() if kept[1] is not None or kept[0] == last}
    assert {r.key: (r.offset, r.value) for r in contents(log)} == expected


def test_a_log_that_lost_its_head_meanwhile_is_left_alone(build_batch: Build) -> None:
    log = fill(build_batch, [[(b"a", b"1")] * 6] * 10)
    closed = list(log.close_segment())
    cleaned = compact(closed, now_ms=0, delete_retention_ms=0, segment_bytes=400, end_offset=log.end_offset)
    log.delete_before(30)
    size = log.size
    assert not log.replace_segments(closed, cleaned)
    assert log.size == size
