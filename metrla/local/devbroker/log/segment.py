"""A run of adjacent batches in one buffer, with one small index.

Few large buffers instead of one object per batch: a log of millions of small batches costs 32 bytes of index for
each, is invisible to the garbage collector, and a fetch copies one slice.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple


class Slice(NamedTuple):
    """Batches cut out of a segment; `last_offset` is that of the last batch."""

    data: bytes
    last_offset: int


class Segment:
    """Batches in offset order; `batch(i)` for i in range(len(segment))."""

    __slots__ = ("_appended_ms", "_data", "_ends", "_last_offsets", "_max_timestamps", "base_offset")

    def __init__(self, base_offset: int) -> None:
        self.base_offset = base_offset
        self._data = bytearray()
        self._last_offsets = array("q")
        self._ends = array("q")
        self._max_timestamps = array("q")
        self._appended_ms = array("q")

    def __len__(self) -> int:
        return len(self._ends)

    @property
    def size(self) -> int:
        """Bytes of all batches."""
        return len(self._data)

    @property
    def last_offset(self) -> int:
        """Offset of the last record, or the one before `base_offset` when empty."""
        return self._last_offsets[-1] if self._last_offsets else self.base_offset - 1

    @property
    def max_timestamp(self) -> int:
        """Newest record timestamp in milliseconds, -1 when empty."""
        return max(self._max_timestamps, default=-1)

    def append(self, data: bytes, last_offset: int, max_timestamp: int, appended_ms: int) -> None:
        """Add a batch that already carries its base offset."""
        self._data += data
        self._ends.append(len(self._data))
        self._last_offsets.append(last_offset)
        self._max_timestamps.append(max_timestamp)
        self._appended_ms.append(appended_ms)

    def batches(self) -> Iterator[tuple[bytes, int]]:
        """Yield every batch and when it was appended (milliseconds)."""
        for index, appended_ms in enumerate(self._appended_ms):
            yield self.batch(index), appended_ms

    def batch(self, index: int) -> bytes:
        """Return a copy of one batch."""
        start = self._ends[index - 1] if index else 0
        return bytes(self._data[start : self._ends[index]])

    def read(self, offset: int, max_bytes: int) -> Slice | None:
        """Return whole batches from the one that holds `offset`, or the next: one, or more up to `max_bytes`."""
        first = bisect_left(self._last_offsets, offset)
        if first == len(self._ends):
            return None
        start = self._ends[first - 1] if first else 0
        stop = max(first, bisect_right(self._ends, start + max_bytes) - 1)
        return Slice(bytes(memoryview(self._data)[start : self._ends[stop]]), self._last_offsets[stop])

    def bytes_from(self, offset: int) -> int:
        """Return how many bytes `read` could give from `offset` on."""
        first = bisect_left(self._last_offsets, offset)
        start = self._ends[first - 1] if first else 0
        return len(self._data) - start

    def first_batch_since(self, timestamp_ms: int) -> bytes | None:
        """Return the first batch with a record at or after `timestamp_ms`."""
        for index, newest in enumerate(self._max_timestamps):
            if newest >= timestamp_ms:
                return self.batch(index)
        return None
