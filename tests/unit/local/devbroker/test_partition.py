"""The log of one partition: positions, limits, retention."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrla.local.devbroker.log.batch import BatchHeader, InvalidBatchError, UnsupportedFormatError, checked_header
from metrla.local.devbroker.log.partition import OffsetOutOfRangeError, PartitionLog
from metrla.local.devbroker.log.records import decode

Build = Callable[..., bytes]


def append(log: PartitionLog, data: bytes) -> int:
    return log.append(data, checked_header(data), now_ms=0)


def batches_in(data: bytes) -> list[BatchHeader]:
    found, position = [], 0
    while position < len(data):
        found.append(BatchHeader.parse(data, position))
        position += found[-1].size
    return found


def filled(build: Build, counts: list[int], *, segment_bytes: int = 300, max_bytes: int = -1) -> PartitionLog:
    log = PartitionLog(segment_bytes=segment_bytes, max_bytes=max_bytes)
    for count in counts:
        append(log, build([(b"k", b"v")] * count))
    return log


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=30), max_bytes=st.integers(0, 2000))
def test_reading_on_from_each_answer_gives_every_record_once(
    build_batch: Build, counts: list[int], max_bytes: int
) -> None:
    log = filled(build_batch, counts)
    assert log.end_offset == sum(counts)
    offset, seen = 0, []
    while offset < log.end_offset:
        data = log.read(offset, max_bytes)
        headers = batches_in(data)
        assert len(headers) == 1 or len(data) <= max_bytes
        seen += [h.base_offset + i for h in headers for i in range(h.record_count)]
        offset = seen[-1] + 1
    assert seen == list(range(sum(counts)))
    assert log.read(offset, max_bytes) == b""


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=30), data=st.data())
def test_a_read_starts_with_the_batch_that_holds_the_offset(
    build_batch: Build, counts: list[int], data: st.DataObject
) -> None:
    log = filled(build_batch, counts)
    offset = data.draw(st.integers(0, log.end_offset - 1))
    first = batches_in(log.read(offset, 1))[0]
    assert first.base_offset <= offset <= first.base_offset + first.last_offset_delta
    whole = len(log.read(offset, 10**9))
    assert log.bytes_from(offset, 10**9) == whole


@settings(deadline=None)
@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=60), max_bytes=st.integers(100, 3000))
def test_retention_drops_whole_segments_from_the_head(build_batch: Build, counts: list[int], max_bytes: int) -> None:
    log = filled(build_batch, counts, max_bytes=max_bytes)
    largest_batch = len(build_batch([(b"k", b"v")] * 5))
    assert log.size <= max_bytes + 300 + 2 * largest_batch
    kept = batches_in(log.read(log.start_offset, 10**9))
    assert kept[0].base_offset == log.start_offset
    assert sum(header.size for header in kept) == log.size
    if log.start_offset:
        assert log.size >= max_bytes
        with pytest.raises(OffsetOutOfRangeError):
            log.read(log.start_offset - 1, 1)
    with pytest.raises(OffsetOutOfRangeError):
        log.read(log.end_offset + 1, 1)


def test_offsets_by_timestamp_are_exact_within_a_batch(build_batch: Build) -> None:
    log = PartitionLog(segment_bytes=1)
    for start in (1000, 500, 2000):
        append(log, build_batch([(b"k", b"v")] * 10, timestamp_ms=start))
    assert log.offset_for_timestamp(0) == (0, 1000)
    assert log.offset_for_timestamp(1004) == (4, 1004)
    assert log.offset_for_timestamp(1500) == (20, 2000)
    assert log.offset_for_timestamp(2010) is None
    log.delete_before(6)
    assert log.offset_for_timestamp(0) == (6, 1006)


def test_age_drops_even_the_segment_in_use_and_keeps_the_offsets(build_batch: Build) -> None:
    log = filled(build_batch, [3, 4])
    log.drop_older_than(1001)
    assert log.start_offset == 0
    log.drop_older_than(1_000_000)
    assert (log.start_offset, log.end_offset, log.size) == (7, 7, 0)
    assert append(log, build_batch([(None, b"v")])) == 7


def test_appends_are_announced_until_unsubscribed(build_batch: Build) -> None:
    log = PartitionLog(segment_bytes=100)
    sizes: list[int] = []
    data = build_batch([(b"k", b"v")])
    log.subscribe(sizes.append)
    append(log, data)
    log.unsubscribe(sizes.append)
    append(log, data)
    assert sizes == [len(data)]


def test_only_offset_and_epoch_of_a_batch_change(build_batch: Build) -> None:
    data = build_batch([(b"k", b"v"), (None, None)])
    log = filled(build_batch, [5])
    append(log, data)
    stored = log.read(5, 10**9)
    assert stored[16:] == data[16:]
    assert stored[8:12] == data[8:12]
    assert [(r.offset, r.key, r.value) for r in decode(stored)] == [(5, b"k", b"v"), (6, None, None)]


@settings(deadline=None)
@given(position=st.integers(0, 200), flip=st.integers(1, 255))
def test_damage_is_found(build_batch: Build, position: int, flip: int) -> None:
    intact = build_batch([(b"key", b"value" * 30)])
    damaged = bytearray(intact)
    position %= len(damaged)
    damaged[position] ^= flip
    if position < 8 or 12 <= position < 16:
        checked_header(bytes(damaged))  # base offset and leader epoch are the broker's to set
    else:
        with pytest.raises((InvalidBatchError, UnsupportedFormatError)):
            checked_header(bytes(damaged))
    with pytest.raises((InvalidBatchError, UnsupportedFormatError)):
        checked_header(intact[:position])
    with pytest.raises(InvalidBatchError):
        checked_header(intact * 2)
