"""Append records in one request, which leaves before a deadline or not at all.

The other way to send, `shared.kafka.producer`, keeps records for a moment and repeats requests by itself. That suits
what may be sent twice. Here nothing is kept, nothing is repeated, and the deadline is looked at in the last moment
before a request is written: what a process does when it wakes from a suspension is no more than that.
"""

import time
from collections.abc import Iterator, Sequence

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from shared.kafka.partitioning import partition_of
from shared.kafka.producer import Message

BATCH_BYTES = 512 * 1024
TIMEOUT_MS = 30_000
ALL_REPLICAS = -1
_LZ4 = 3
_MAGIC = 2


class TooLateError(Exception):
    """The deadline passed before a request left. Those before it may have left."""


async def append(producer: AIOKafkaProducer, topic: str, messages: Sequence[Message], until_s: float) -> None:
    """Append messages to a topic, in order per key; returns when the log has acknowledged every one.

    Args:
        producer: whose connections are used. It is not fenced by, and does not repeat, what goes this way.
        topic: of all messages; their own partitions are kept where they say one.
        messages: of any size that the topic takes.
        until_s: seconds of the monotonic clock after which no request leaves.

    Raises:
        TooLateError: it was too late for some of them.
        KafkaError: the log refused some of them, or it is not known whether they arrived.
    """
    numbers = sorted(await producer.partitions_for(topic))
    by_partition: dict[int, list[Message]] = {}
    for message in messages:
        number = partition_of(message.key or b"", numbers) if message.partition is None else message.partition
        by_partition.setdefault(number, []).append(message)
    for number, these in by_partition.items():
        for batch in _batches(these):
            await _send(producer, topic, number, batch, until_s)


async def _send(producer: AIOKafkaProducer, topic: str, partition: int, batch: bytes, until_s: float) -> None:
    client = producer.client
    leader = client.cluster.leader_for_partition(TopicPartition(topic, partition))
    if leader is None or leader < 0 or not await client.ready(leader):
        client.force_metadata_update()
        raise LeaderNotAvailableError(f"{topic}-{partition}")
    request = ProduceRequest(None, ALL_REPLICAS, TIMEOUT_MS, [(topic, [(partition, batch)])])
    # Nothing may come between this line and the request: the connection is ready, so `send` writes it at once.
    if time.monotonic() > until_s:
        raise TooLateError(f"{topic}-{partition}")
    answer = await client.send(leader, request)
    ((_, ((_, code, *_),)),) = answer.topics
    if code:
        refused: type[KafkaError] = for_code(code)
        if getattr(refused, "invalid_metadata", False):
            client.force_metadata_update()
        raise refused(f"{topic}-{partition}")


def _batches(messages: Sequence[Message]) -> Iterator[bytes]:
    builder, count = _builder(), 0
    for message in messages:
        if not _added(builder, count, message):
            yield bytes(builder.build())
            builder, count = _builder(), 0
            _added(builder, count, message)  # the first is always taken, whatever its size
        count += 1
    if count:
        yield bytes(builder.build())


def _builder() -> DefaultRecordBatchBuilder:
    return DefaultRecordBatchBuilder(
        _MAGIC, _LZ4, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=-1, batch_size=BATCH_BYTES
    )


def _added(builder: DefaultRecordBatchBuilder, number: int, message: Message) -> bool:
    added = builder.append(number, None, message.key, message.value, list(message.headers))
    return added is not None
