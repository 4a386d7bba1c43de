"""One partition: an append-only log of opaque batches in memory, bounded by retention."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

from metrla.local.devbroker.log.batch import BatchHeader, placed
from metrla.local.devbroker.log.producers import ProducerSequences
from metrla.local.devbroker.log.records import decode
from metrla.local.devbroker.log.segment import Segment

AppendListener = Callable[[int], None]


class OffsetOutOfRangeError(ValueError):
    """The offset lies before the first or after the next record of the log."""


class PartitionLog:
    """Batches from `start_offset` up to, not including, `end_offset`.

    Args:
        segment_bytes: a segment that has reached this size is closed; retention drops closed segments.
        max_bytes: retention; the oldest segments go as long as this many bytes remain without them. -1 is unlimited.
    """

    def __init__(self, *, segment_bytes: int, max_bytes: int = -1) -> None:
        self.start_offset = 0
        self.end_offset = 0
        self.max_bytes = max_bytes
        self.segment_bytes = segment_bytes
        self.producers = ProducerSequences()
        self.clean_bytes = 0
        self._size = 0
        self._segments = [Segment(0)]
        self._listeners: set[AppendListener] = set()

    @property
    def size(self) -> int:
        """Bytes of all batches that the log holds."""
        return self._size

    def append(self, data: bytes, header: BatchHeader, now_ms: int) -> int:
        """Append a checked batch and return the offset of its first record."""
        base_offset = self.end_offset
        if self._segments[-1].size >= self.segment_bytes:
            self._segments.append(Segment(base_offset))
        self.end_offset = base_offset + header.last_offset_delta + 1
        self._segments[-1].append(placed(data, base_offset), self.end_offset - 1, header.max_timestamp, now_ms)
        self._size += len(data)
        if self.max_bytes >= 0 and self._size > self.max_bytes:
            self._enforce_max_bytes()
        for listener in tuple(self._listeners):
            listener(len(data))
        return base_offset

    def read(self, offset: int, max_bytes: int) -> bytes:
        """Return whole batches from the one that holds `offset` on: at least one, unless `offset` is the end.

        The first batch may start before `offset`, and after a compaction beyond it, as in Kafka.

        Raises:
            OffsetOutOfRangeError: `offset` is not between `start_offset` and `end_offset`.
        """
        if not self.start_offset <= offset <= self.end_offset:
            raise OffsetOutOfRangeError(f"offset {offset} is not within {self.start_offset} and {self.end_offset}")
        parts: list[bytes] = []
        room = max_bytes
        for segment in self._segments[self._segment_index(offset) :]:
            piece = segment.read(offset, room)
            if piece is None:
                continue
            if parts and len(piece.data) > room:
                break
            parts.append(piece.data)
            room -= len(piece.data)
            if piece.last_offset < segment.last_offset or room <= 0:
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def bytes_from(self, offset: int, limit: int) -> int:
        """Return how many bytes a read from `offset` could give, counted no further than `limit`."""
        total = 0
        for segment in self._segments[self._segment_index(offset) :]:
            total += segment.bytes_from(offset)
            if total >= limit:
                break
        return total

    def offset_for_timestamp(self, timestamp_ms: int) -> tuple[int, int] | None:
        """Return (offset, timestamp in ms) of the first record at or after `timestamp_ms`, None if there is none."""
        for segment in self._segments:
            data = segment.first_batch_since(timestamp_ms) if segment.max_timestamp >= timestamp_ms else None
            for record in decode(data) if data else ():
                if record.timestamp >= timestamp_ms and record.offset >= self.start_offset:
                    return record.offset, record.timestamp
        return None

    def drop_older_than(self, oldest_ms: int) -> None:
        """Drop the segments at the head whose newest record timestamp lies before `oldest_ms`."""
        while len(self._segments[0]) and self._segments[0].max_timestamp < oldest_ms:
            if len(self._segments) == 1:
                self._segments.append(Segment(self.end_offset))
            self._drop_head()

    def delete_before(self, offset: int) -> None:
        """Move the start of the log to `offset`.

        Raises:
            OffsetOutOfRangeError: `offset` lies beyond the end.
        """
        if offset > self.end_offset:
            raise OffsetOutOfRangeError(f"offset {offset} is beyond {self.end_offset}")
        while len(self._segments) > 1 and self._segments[1].base_offset <= offset:
            self._drop_head()
        self.start_offset = max(self.start_offset, offset)

    def close_segment(self) -> list[Segment]:
        """Close the segment that is written to, and return all closed ones, oldest first; they never change again."""
        if len(self._segments[-1]):
            self._segments.append(Segment(self.end_offset))
        return self._segments[:-1]

    def replace_segments(self, old: Sequence[Segment], new: Sequence[Segment]) -> bool:
        """Put `new` where `old` is; False, with nothing done, if retention has dropped some of `old` meanwhile."""
        if len(self._segments) < len(old) or any(a is not b for a, b in zip(self._segments, old, strict=False)):
            return False
        self._segments[: len(old)] = new
        self._size = sum(segment.size for segment in self._segments)
        self.clean_bytes = sum(segment.size for segment in new)
        return True

    def subscribe(self, listener: AppendListener) -> None:
        """Call `listener` with the number of bytes at every append, until `unsubscribe`."""
        self._listeners.add(listener)

    def unsubscribe(self, listener: AppendListener) -> None:
        """Stop calling `listener`."""
        self._listeners.discard(listener)

    def _segment_index(self, offset: int) -> int:
        return max(0, bisect_right(self._segments, offset, key=lambda segment: segment.base_offset) - 1)

    def _enforce_max_bytes(self) -> None:
        while len(self._segments) > 1 and self._size - self._segments[0].size >= self.max_bytes:
            self._drop_head()

    def _drop_head(self) -> None:
        dropped = self._segments.pop(0)
        self._size -= dropped.size
        self.clean_bytes = max(0, self.clean_bytes - dropped.size)
        self.start_offset = max(self.start_offset, self._segments[0].base_offset)
