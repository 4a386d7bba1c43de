"""An idempotent producer's retries are stored once; requests are made by hand, as a client does after a lost answer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from shared.kafka.replay import open_reader, read_range

Factory = Callable[..., Awaitable[Any]]
NONE, CORRUPT_MESSAGE, UNKNOWN_PARTITION, OUT_OF_ORDER, INVALID_EPOCH = 0, 2, 3, 45, 47


def batch(producer_id: int, epoch: int, sequence: int, values: list[bytes]) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2,
        compression_type=0,
        is_transactional=0,
        producer_id=producer_id,
        producer_epoch=epoch,
        base_sequence=sequence,
        batch_size=1_000_000,
    )
    for index, value in enumerate(values):
        builder.append(index, 1_700_000_000_000, None, value, [])
    return bytes(builder.build())


@dataclass
class RawProducer:
    """Sends batches as they are to one topic, partition 0 unless told otherwise."""

    client: AIOKafkaClient
    node: int
    topic: str
    producer_id: int

    async def send(self, sequence: int, *values: bytes, epoch: int = 0) -> tuple[int, int]:
        """Return (error code, offset)."""
        return await self.send_bytes(batch(self.producer_id, epoch, sequence, list(values)))

    async def send_bytes(self, data: bytes, partition: int = 0) -> tuple[int, int]:
        request = ProduceRequest(None, -1, 10_000, [(self.topic, [(partition, data)])])
        response = await self.client.send(self.node, request)
        _, partitions = response.topics[0]
        return partitions[0][1], partitions[0][2]


@pytest.fixture
async def raw(bootstrap_servers: str, new_topic: Factory) -> AsyncIterator[RawProducer]:
    client = AIOKafkaClient(bootstrap_servers=bootstrap_servers)
    await client.bootstrap()
    topic = await new_topic()
    await client.force_metadata_update()
    client.add_topic(topic)
    await client._wait_on_metadata(topic)
    node = next(iter(client.cluster.brokers())).nodeId
    answer = await client.send(node, InitProducerIdRequest(None, 0))
    assert answer.error_code == 0
    yield RawProducer(client, node, topic, answer.producer_id)
    await client.close()


async def values(read_all: Factory, raw: RawProducer) -> list[bytes]:
    return [record.value for record in await read_all(raw.topic)]


async def test_a_repeated_batch_is_acknowledged_with_its_first_offset(raw: RawProducer, read_all: Factory) -> None:
    assert await raw.send(0, b"a", b"b") == (NONE, 0)
    assert await raw.send(2, b"c") == (NONE, 2)
    assert await raw.send(2, b"c") == (NONE, 2)
    assert await raw.send(0, b"a", b"b") == (NONE, 0)
    assert await raw.send(3, b"d") == (NONE, 3)
    assert await values(read_all, raw) == [b"a", b"b", b"c", b"d"]


async def test_the_last_five_batches_are_remembered(raw: RawProducer, read_all: Factory) -> None:
    for number in range(8):
        assert await raw.send(number, b"%d" % number) == (NONE, number)
    for number in range(3, 8):
        assert await raw.send(number, b"%d" % number) == (NONE, number)
    code, _ = await raw.send(0, b"0")
    assert code != NONE
    assert await values(read_all, raw) == [b"%d" % number for number in range(8)]


async def test_a_gap_is_refused(raw: RawProducer, read_all: Factory) -> None:
    assert await raw.send(0, b"a") == (NONE, 0)
    assert (await raw.send(2, b"c"))[0] == OUT_OF_ORDER
    assert await raw.send(1, b"b") == (NONE, 1)
    assert await values(read_all, raw) == [b"a", b"b"]


async def test_an_older_epoch_is_fenced(raw: RawProducer, read_all: Factory) -> None:
    assert await raw.send(0, b"a", epoch=1) == (NONE, 0)
    assert (await raw.send(1, b"old", epoch=0))[0] == INVALID_EPOCH
    assert (await raw.send(5, b"gap", epoch=2))[0] == OUT_OF_ORDER
    assert await raw.send(0, b"b", epoch=2) == (NONE, 1)
    assert await values(read_all, raw) == [b"a", b"b"]


async def test_a_damaged_batch_is_refused(raw: RawProducer, read_all: Factory) -> None:
    damaged = bytearray(batch(-1, -1, -1, [b"value"]))
    damaged[-3] ^= 0xFF
    assert (await raw.send_bytes(bytes(damaged)))[0] == CORRUPT_MESSAGE
    assert await values(read_all, raw) == []


def resealed(data: bytes, start: int, piece: bytes) -> bytes:
    """The batch with other bytes from `start` on, and the checksum of these."""
    changed = bytearray(data)
    changed[start : start + len(piece)] = piece
    changed[17:21] = calc_crc32c(bytes(changed[21:])).to_bytes(4, "big")
    return bytes(changed)


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        pytest.param(61, b"\x7f", id="a record longer than the batch"),
        pytest.param(21, b"\x00\x04", id="no zstd"),
        pytest.param(21, b"\x00\x01", id="no gzip"),
        pytest.param(21, b"\x00\x20", id="a control batch"),
        pytest.param(57, b"\x00\x00\x00\x09", id="more records than there are"),
    ],
)
async def test_what_no_reader_could_read_is_refused(
    raw: RawProducer, read_all: Factory, start: int, piece: bytes
) -> None:
    code, _ = await raw.send_bytes(resealed(batch(-1, -1, -1, [b"one", b"two"]), start, piece))
    assert code != NONE
    assert await values(read_all, raw) == []


async def test_a_header_name_that_is_no_utf8_is_read_escaped(raw: RawProducer, bootstrap_servers: str) -> None:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000_000)
    for index in range(3):
        builder.append(index, 1_700_000_000_000, b"k", b"%d" % index, [("NAME", b"v")] if index == 1 else [])
    data = bytes(builder.build())
    assert (await raw.send_bytes(resealed(data, data.index(b"NAME"), b"\xff\xfeA\xc3")))[0] == NONE
    async with open_reader(bootstrap_servers, "test") as reader:
        records = await read_range(reader, TopicPartition(raw.topic, 0), 0, 3)
    assert [(record.value, record.headers) for record in records] == [
        (b"0", ()),
        (b"1", ((r"\xff\xfeA\xc3", b"v"),)),
        (b"2", ()),
    ]


async def test_an_unknown_partition_is_an_error(raw: RawProducer) -> None:
    assert (await raw.send_bytes(batch(-1, -1, -1, [b"value"]), partition=7))[0] == UNKNOWN_PARTITION


async def test_the_stock_idempotent_producer(new_topic: Factory, new_producer: Factory, read_all: Factory) -> None:
    topic = await new_topic(partitions=2)
    producer = await new_producer(enable_idempotence=True, linger_ms=2)
    for number in range(2000):
        await producer.send(topic, b"%d" % number, partition=number % 2)
    await producer.flush()
    assert sorted(int(record.value) for record in await read_all(topic)) == list(range(2000))
