"""Batches of strangers are read whatever is in them: by the bytes, without a broker."""

import zlib
from typing import Any

import cramjam
import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c
from hypothesis import example, given
from hypothesis import strategies as st

from shared.kafka.batches import MAX_INFLATED_BYTES, _FetchedBatches, records_of

NONE, GZIP, SNAPPY, LZ4, ZSTD = range(5)
CODECS = pytest.mark.parametrize("codec", [NONE, GZIP, SNAPPY, LZ4, ZSTD])
ATTRIBUTES, RECORDS = 21, 61
VALUES = [b"one" * 20, b"two" * 20, b"three" * 20]


def built(codec: int = NONE, values: list[bytes] = VALUES, name: str = "traceparent", base: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, 0, -1, -1, -1, 1 << 20)
    for number, value in enumerate(values):
        builder.append(number, 1_700_000_000_000 + number, b"key", value, [(name, b"00-ab")])
    data = builder.build()
    data[:8] = base.to_bytes(8, "big")
    return bytes(data)


def sealed(data: bytes) -> bytes:
    """With the length and the checksum that it has."""
    changed = bytearray(data)
    changed[8:12] = (len(changed) - 12).to_bytes(4, "big")
    changed[17:21] = calc_crc32c(bytes(changed[ATTRIBUTES:])).to_bytes(4, "big")
    return bytes(changed)


def compressed(codec: int, records: bytes) -> bytes:
    """A batch whose records, as they are said to be, inflate to these bytes."""
    head = bytearray(built()[:RECORDS])
    head[ATTRIBUTES : ATTRIBUTES + 2] = codec.to_bytes(2, "big")
    squeeze: dict[int, Any] = {
        GZIP: lambda data: zlib.compress(data, wbits=31),
        SNAPPY: cramjam.snappy.compress_raw,
        LZ4: cramjam.lz4.compress,
        ZSTD: cramjam.zstd.compress,
    }
    return sealed(bytes(head) + bytes(squeeze[codec](records)))


def fetched(data: bytes) -> list[Any]:
    """What a consumer of aiokafka makes of it."""
    place = TopicPartition("t", 0)
    return list(PartitionRecords(place, _FetchedBatches(data), [], 0, None, None, True, READ_UNCOMMITTED))  # noqa: FBT003 - aiokafka's own


@CODECS
def test_whole_batches_are_read_as_they_are(codec: int) -> None:
    records = fetched(built(codec) + built(codec, base=3))
    assert [record.value for record in records] == VALUES * 2
    assert [record.offset for record in records] == list(range(6))
    assert [record.timestamp for record in records[:3]] == [1_700_000_000_000 + number for number in range(3)]
    assert records[0].headers == (("traceparent", b"00-ab"),)


@CODECS
def test_names_of_headers_are_read_as_far_as_they_can_be(codec: int) -> None:
    plain = built(name="NAME").replace(b"NAME", b"\xff\xc3A\x00", 2)[RECORDS:]
    data = sealed(built()[:RECORDS] + plain) if codec == NONE else compressed(codec, plain)
    records = fetched(data + built(codec, base=3))
    assert [record.value for record in records] == VALUES * 2
    assert [record.headers[0][0] for record in records] == ["\\xff\\xc3A\0"] * 2 + ["NAME"] + ["traceparent"] * 3


@pytest.mark.parametrize("codec", [GZIP, SNAPPY, LZ4, ZSTD])
def test_a_batch_that_swells_is_one_record_of_its_bytes(codec: int) -> None:
    bomb = compressed(codec, bytes(MAX_INFLATED_BYTES + 1))
    records = fetched(bomb + built(base=3))
    assert [record.value for record in records] == [bomb, *VALUES]
    assert [record.offset for record in records] == [2, 3, 4, 5]


def test_an_unknown_compression_is_one_record_of_its_bytes() -> None:
    data = sealed(built()[:ATTRIBUTES] + b"\x00\x07" + built()[ATTRIBUTES + 2 :])
    assert [record.value for record in fetched(data)] == [data]


@CODECS
@given(st.data())
def test_whatever_is_in_a_batch_its_reader_gets_past_it(codec: int, data: st.DataObject) -> None:
    records = bytearray(built(codec)[RECORDS:])
    for _ in range(data.draw(st.integers(1, 4))):
        records[data.draw(st.integers(0, len(records) - 1))] = data.draw(st.integers(0, 255))
    batch = sealed(built(codec)[:RECORDS] + bytes(records))
    read = fetched(batch + built(base=3))
    assert [record.value for record in read[-3:]] == VALUES
    assert read[-3].offset == 3


@given(st.binary(max_size=200), st.sampled_from([GZIP, SNAPPY, LZ4, ZSTD]))
@example(b"\x82SNAPPY\x00" + bytes(8) + b"\xff\xff\xff\xfc", SNAPPY)
def test_any_bytes_are_read_or_refused(records: bytes, codec: int) -> None:
    head = bytearray(built()[:RECORDS])
    head[ATTRIBUTES : ATTRIBUTES + 2] = codec.to_bytes(2, "big")
    with pytest.raises(CorruptRecordException):
        list(records_of(sealed(bytes(head) + records)))
