"""The few places that look inside a batch, through aiokafka's record parser and builder."""

from typing import NamedTuple

from aiokafka.record.default_records import DefaultRecordBatchBuilder

from metrla.local.devbroker.log.batch import MAGIC, BatchHeader, resealed
from shared.kafka.batches import records_of


class Record(NamedTuple):
    """One record with its absolute offset; the timestamp in milliseconds."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]


def decode(data: bytes) -> list[Record]:
    """Decode the records of one batch.

    Raises:
        aiokafka.errors.CorruptRecordException: the records do not parse, or inflate beyond bounds.
    """
    return [Record(r.offset, r.timestamp, r.key, r.value, list(r.headers)) for r in records_of(data)]


def rebuild(data: bytes, kept: list[Record]) -> bytes:
    """Return the batch with only `kept` of its records: their offsets, and the offsets that the batch spans, stay."""
    header = BatchHeader.parse(data)
    builder = DefaultRecordBatchBuilder(
        magic=MAGIC,
        compression_type=header.attributes & 0x07,
        is_transactional=0,
        producer_id=header.producer_id,
        producer_epoch=header.producer_epoch,
        base_sequence=header.base_sequence,
        batch_size=2**31 - 1,
    )
    for record in kept:
        builder.append(record.offset - header.base_offset, record.timestamp, record.key, record.value, record.headers)
    return resealed(builder.build(), header.base_offset, header.last_offset_delta)
