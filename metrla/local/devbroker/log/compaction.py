"""Compaction: of every key only the last record stays, with its offset.

Kafka's log cleaner (https://kafka.apache.org/documentation/#compaction), on closed segments: one pass learns the last
offset of every key, a second rewrites. Batches that lose nothing are kept as they are, those that lose everything go,
the others are rebuilt with the offsets of what stays. A record without a value (tombstone) that is the last of its
key stays for `delete.retention.ms` after it came, so that readers learn of the deletion. The last record of the log
always stays: a reader that has seen the whole log is then also at its end.
"""

from collections.abc import Sequence

from metrla.local.devbroker.log.batch import BatchHeader
from metrla.local.devbroker.log.records import Record, decode, rebuild
from metrla.local.devbroker.log.segment import Segment


def compact(
    segments: Sequence[Segment], *, now_ms: int, delete_retention_ms: int, segment_bytes: int, end_offset: int
) -> list[Segment]:
    """Return new segments with the last record of every key of `segments`.

    Args:
        segments: closed segments, oldest first, from the start of the log on.
        now_ms: milliseconds since the epoch.
        delete_retention_ms: how long a tombstone stays, counted from its arrival.
        segment_bytes: size at which an output segment is full.
        end_offset: one past the offset of the last record of the log.
    """
    latest = _last_offsets(segments)
    output: list[Segment] = []
    for segment in segments:
        for data, appended_ms in segment.batches():
            tombstones_expired = now_ms - appended_ms >= delete_retention_ms
            records = decode(data)
            kept = [
                record
                for record in records
                if record.offset == end_offset - 1
                or (_is_latest(record, latest) and not (record.value is None and tombstones_expired))
            ]
            if not kept:
                continue
            retained = data if len(kept) == len(records) else rebuild(data, kept)
            header = BatchHeader.parse(retained)
            if not output or output[-1].size >= segment_bytes:
                output.append(Segment(header.base_offset))
            output[-1].append(
                retained, header.base_offset + header.last_offset_delta, header.max_timestamp, appended_ms
            )
    if output and segments:
        output[0].base_offset = segments[0].base_offset
    return output


def _last_offsets(segments: Sequence[Segment]) -> dict[bytes, int]:
    return {
        record.key: record.offset
        for segment in segments
        for data, _ in segment.batches()
        for record in decode(data)
        if record.key is not None
    }


def _is_latest(record: Record, latest: dict[bytes, int]) -> bool:
    return record.key is not None and latest[record.key] == record.offset
