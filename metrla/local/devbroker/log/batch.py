"""The header of a record batch (magic 2); what follows it stays opaque bytes.

Layout: https://kafka.apache.org/documentation/#recordbatch. The checksum covers everything from the attributes on, so
the broker may set base offset and leader epoch without touching it.
"""

import struct
from typing import NamedTuple, Self

from aiokafka.record.util import calc_crc32c

_HEADER = struct.Struct(">qiibIhiqqqhii")
_OFFSET = struct.Struct(">q")
_LENGTH_END = 12
_MAGIC_POSITION = 16
_CRC_POSITION = 17
_ATTRIBUTES_POSITION = 21
_LAST_DELTA_POSITION = 23
_MAX_TIMESTAMP_POSITION = 35
_LOG_APPEND_TIME = 0x08
_LEADER_EPOCH = struct.pack(">i", 0)
MAGIC = 2
HEADER_BYTES = _HEADER.size
TRANSACTIONAL_OR_CONTROL = 0x30


class InvalidBatchError(ValueError):
    """A batch whose bytes are damaged: cut short, of a wrong length, or with a wrong checksum."""


class UnsupportedFormatError(ValueError):
    """A message set of the formats before Kafka 0.11 (magic 0 and 1)."""


class BatchHeader(NamedTuple):
    """The fixed 61 bytes at the start of a batch; timestamps in milliseconds since the epoch."""

    base_offset: int
    length: int
    leader_epoch: int
    magic: int
    crc: int
    attributes: int
    last_offset_delta: int
    first_timestamp: int
    max_timestamp: int
    producer_id: int
    producer_epoch: int
    base_sequence: int
    record_count: int

    @classmethod
    def parse(cls, data: bytes | bytearray | memoryview, position: int = 0) -> Self:
        """Decode a header without checks: for batches that this broker has accepted."""
        return cls._make(_HEADER.unpack_from(data, position))

    @property
    def size(self) -> int:
        """Bytes of the whole batch, header included."""
        return self.length + _LENGTH_END

    @property
    def last_sequence(self) -> int:
        """Sequence number of the last record; sequences wrap to 0 after 2**31 - 1."""
        return (self.base_sequence + self.last_offset_delta) & 0x7FFFFFFF


def checked_header(data: bytes) -> BatchHeader:
    """Decode and check the one batch that `data` holds.

    Raises:
        UnsupportedFormatError: magic 0 or 1.
        InvalidBatchError: anything that is not exactly one intact batch.
    """
    if len(data) <= _MAGIC_POSITION:
        raise InvalidBatchError(f"{len(data)} bytes are not a batch")
    magic = data[_MAGIC_POSITION]
    if magic < MAGIC:
        raise UnsupportedFormatError(f"message format {magic} is not served, only record batches (magic 2)")
    if len(data) < HEADER_BYTES or magic != MAGIC:
        raise InvalidBatchError(f"{len(data)} bytes with magic {magic} are not a batch")
    header = BatchHeader.parse(data)
    if header.size != len(data):
        raise InvalidBatchError(f"a batch of {header.size} bytes came with {len(data)} bytes")
    if header.record_count < 1 or header.last_offset_delta != header.record_count - 1:
        raise InvalidBatchError(f"{header.record_count} records with a last offset delta of {header.last_offset_delta}")
    if calc_crc32c(data[_ATTRIBUTES_POSITION:]) != header.crc:
        raise InvalidBatchError("the checksum does not match")
    return header


def placed(data: bytes, base_offset: int) -> bytes:
    """Return the batch with the base offset and leader epoch that the log gives it."""
    return b"".join((_OFFSET.pack(base_offset), data[8:_LENGTH_END], _LEADER_EPOCH, data[_MAGIC_POSITION:]))


def stamped(data: bytes, now_ms: int) -> bytes:
    """Return the batch with the time at which the log takes it (LogAppendTime), whatever its producer says."""
    changed = bytearray(data)
    (attributes,) = struct.unpack_from(">h", changed, _ATTRIBUTES_POSITION)
    struct.pack_into(">h", changed, _ATTRIBUTES_POSITION, attributes | _LOG_APPEND_TIME)
    struct.pack_into(">q", changed, _MAX_TIMESTAMP_POSITION, now_ms)
    struct.pack_into(">I", changed, _CRC_POSITION, calc_crc32c(bytes(changed[_ATTRIBUTES_POSITION:])))
    return bytes(changed)


def resealed(data: bytearray, base_offset: int, last_offset_delta: int) -> bytes:
    """Return a rebuilt batch that spans the offsets of the batch that it replaces, with a new checksum."""
    struct.pack_into(">i", data, _LAST_DELTA_POSITION, last_offset_delta)
    struct.pack_into(">I", data, _CRC_POSITION, calc_crc32c(bytes(data[_ATTRIBUTES_POSITION:])))
    return placed(bytes(data), base_offset)
