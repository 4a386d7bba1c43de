"""Record batches of strangers: whatever is in them, their readers get on.

aiokafka raises in the middle of a batch at a header's name that is no UTF-8 (Kafka takes those, and its own clients
read them with replacements), at compressed bytes that are damaged, and takes as much memory as a compressed batch asks
for: a megabyte can ask for ten gigabytes. As the position stays where it was, one such batch would end every reader of
its partition again and again. Here names are read as far as they can be, what inflates is bounded, and a batch that
cannot be read is read as one record, which holds its bytes and which no decoder takes.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Any

import cramjam
import structlog
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch, _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import MemoryRecords

from shared.events.text import shown

log = structlog.stdlib.get_logger(__name__)

MAX_INFLATED_BYTES = 64 * 1024 * 1024
"""What a compressed batch may be when it is not compressed. Producers fill batches of 16 KiB to some MiB."""

_HEADER_BYTES = 61
_LENGTH = struct.Struct(">i")
_LENGTH_POSITION, _LENGTH_END = 8, 12
_MAGIC_POSITION, _MAGIC = 16, 2
_ATTRIBUTES = struct.Struct(">h")
_ATTRIBUTES_POSITION = 21
_CODEC_MASK = 0x07
_GZIP, _SNAPPY, _LZ4, _ZSTD = 1, 2, 3, 4
_XERIAL_MAGIC, _XERIAL_HEADER_BYTES = b"\x82SNAPPY\x00", 16
_FIRST_ROOM, _MORE_ROOM = 8, 8
_NO_ROOM = "whole buffer"
_FAULTS = (CorruptRecordException, cramjam.DecompressionError, zlib.error, struct.error, ValueError, IndexError)


def read_any_batch() -> None:
    """Let aiokafka's consumers of this process read batches as this module does.

    Whoever opens a consumer calls it first; it may be called again.
    """
    fetcher.MemoryRecords = _FetchedBatches


def records_of(data: bytes) -> Iterator[Any]:
    """The records of one batch in order.

    Raises:
        CorruptRecordException: it cannot be read, or would be larger than `MAX_INFLATED_BYTES`.
    """
    read = 0
    try:
        plain = _inflated(data)
        try:
            for record in DefaultRecordBatch(plain):
                read += 1
                yield record
        except UnicodeDecodeError:
            # A header's name. Its records are read again, slower, but for those that are out already.
            for number, record in enumerate(_AnyNames(plain)):
                if number >= read:
                    yield record
    except _FAULTS as fault:
        raise CorruptRecordException(f"a batch that cannot be read: {type(fault).__name__}: {fault}") from fault


class _FetchedBatches:
    """aiokafka's `MemoryRecords` of such batches. `data`: batches one after the other, the last perhaps cut."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._batches = MemoryRecords(data)
        self._position = 0

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as aiokafka's
        return getattr(self._batches, name)

    def next_batch(self) -> "_Batch":
        """The next batch."""
        start = self._position
        (length,) = _LENGTH.unpack_from(self._data, start + _LENGTH_POSITION)
        self._position = start + _LENGTH_END + length
        return _Batch(self._batches.next_batch(), self._data, start, self._position)


class _Batch:
    """aiokafka's batch, with its bytes at `start` to `end` of `data`."""

    def __init__(self, batch: Any, data: bytes, start: int, end: int) -> None:  # noqa: ANN401 - aiokafka's, untyped
        self._batch = batch
        self._data, self._start, self._end = data, start, end

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - as aiokafka's
        return getattr(self._batch, name)

    def __iter__(self) -> Iterator[Any]:
        data = bytes(self._data[self._start : self._end])
        if data[_MAGIC_POSITION] < _MAGIC:
            # Of before Kafka 0.11.
            yield from self._batch
            return
        try:
            yield from records_of(data)
        except CorruptRecordException as fault:
            last = self._batch.next_offset - 1
            log.error("batch cannot be read", last_offset=last, reason=shown(str(fault)))  # noqa: TRY400 - says it all
            timestamp = max(0, self._batch.max_timestamp)
            yield _DefaultRecordPy(last, timestamp, self._batch.timestamp_type, None, data, [])


class _AnyNames(_DefaultRecordBatchPy):  # type: ignore[misc] # aiokafka is untyped
    """A batch read in Python, where names of headers escape what is no UTF-8."""

    def __init__(self, plain: bytes) -> None:
        super().__init__(plain)
        self._buffer: bytearray = _Escaping(plain)


class _Escaping(bytearray):
    """Bytes whose parts escape what they cannot decode."""

    def __getitem__(self, place: Any) -> Any:  # noqa: ANN401 - bytearray's has overloads
        got = super().__getitem__(place)
        return _Escaping(got) if isinstance(place, slice) else got

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        """The text."""
        return super().decode(encoding, errors)


def _inflated(data: bytes) -> bytes:
    """The batch without compression; its checksum, which readers have looked at before, is not made anew."""
    (attributes,) = _ATTRIBUTES.unpack_from(data, _ATTRIBUTES_POSITION)
    codec = attributes & _CODEC_MASK
    if not codec:
        return data
    head = bytearray(data[:_HEADER_BYTES])
    _ATTRIBUTES.pack_into(head, _ATTRIBUTES_POSITION, attributes & ~_CODEC_MASK)
    records = memoryview(data)[_HEADER_BYTES:]
    plain: bytes | memoryview
    if codec == _GZIP:
        plain = _gunzipped(records)
    elif codec == _SNAPPY:
        plain = _unsnapped(records)
    elif codec in {_LZ4, _ZSTD}:
        plain = _inflated_into(cramjam.lz4 if codec == _LZ4 else cramjam.zstd, records)
    else:
        raise ValueError(f"compression {codec} is not known")
    return b"".join((head, plain))


def _gunzipped(records: memoryview) -> bytes:
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16)
    plain = gzip.decompress(records, MAX_INFLATED_BYTES)
    if not gzip.eof:
        raise ValueError(f"gzip ends too soon, or inflates beyond {MAX_INFLATED_BYTES:,} bytes")
    return plain


def _inflated_into(codec: Any, records: memoryview) -> memoryview:  # noqa: ANN401 - a module of cramjam
    size = _FIRST_ROOM * len(records)
    while True:
        room = bytearray(min(size, MAX_INFLATED_BYTES))
        try:
            return memoryview(room)[: codec.decompress_into(records, room)]
        except cramjam.DecompressionError as fault:
            if size >= MAX_INFLATED_BYTES or _NO_ROOM not in str(fault):
                raise
        size *= _MORE_ROOM


def _unsnapped(records: memoryview) -> bytes:
    """Raw snappy, or framed as Kafka's Java clients do (xerial): a header, then blocks after their lengths."""
    if bytes(records[: len(_XERIAL_MAGIC)]) != _XERIAL_MAGIC:
        blocks = [records]
    else:
        blocks, position = [], _XERIAL_HEADER_BYTES
        while position < len(records):
            (length,) = _LENGTH.unpack_from(records, position)
            position += _LENGTH.size
            if not 0 < length <= len(records) - position:
                raise ValueError(f"a snappy block of {length} bytes")
            blocks.append(records[position : position + length])
            position += length
    if sum(cramjam.snappy.decompress_raw_len(block) for block in blocks) > MAX_INFLATED_BYTES:
        raise ValueError(f"snappy inflates beyond {MAX_INFLATED_BYTES:,} bytes")
    return b"".join(bytes(cramjam.snappy.decompress_raw(block)) for block in blocks)
