"""Plain readers without a group: rebuild state from the log, or follow it from a point on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.kafka.batches import read_any_batch

FIRST_LOOK_BACK = 2_000
POLL_MS = 1_000
FOLLOWING_WAIT_MS = 500
REBUILDING_WAIT_MS = 10

LogRecord: TypeAlias = ConsumerRecord


@asynccontextmanager
async def open_reader(
    bootstrap_servers: str, client_id: str, *, max_wait_ms: int = FOLLOWING_WAIT_MS
) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without a group; the caller assigns and seeks.

    Args:
        bootstrap_servers: Kafka brokers to start from.
        client_id: name in the brokers' logs.
        max_wait_ms: how long a fetch at the end of a partition waits. The next partition has to wait for it too, so
            `REBUILDING_WAIT_MS` suits those who read one partition after the other.
    """
    read_any_batch()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        client_id=client_id,
        enable_auto_commit=False,
        fetch_max_wait_ms=max_wait_ms,
        auto_offset_reset="earliest",
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await stop_consumer(consumer)


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also one whose broker is gone.

    aiokafka 0.14 cancels its pending fetches in `stop`, and the cancellation of one that waits to be tried again
    escapes as if the caller were cancelled; its connections then stay open and go on looking for the broker.
    """
    stopping = asyncio.create_task(consumer.stop())
    await asyncio.wait({stopping})
    if stopping.cancelled():
        await consumer._client.close()  # noqa: SLF001 - what `stop` did not come to
    else:
        stopping.result()


async def read_range(consumer: AIOKafkaConsumer, partition: TopicPartition, start: int, end: int) -> list[LogRecord]:
    """Every record of `partition` with start <= offset < end that the log still has, in order.

    Assigns the consumer to this partition alone. Returns also when compaction left nothing at the end of the range.
    """
    consumer.assign([partition])
    beginning = (await consumer.beginning_offsets([partition]))[partition]
    consumer.seek(partition, max(start, beginning))
    records: list[LogRecord] = []
    while await consumer.position(partition) < end:
        batch = await consumer.getmany(partition, timeout_ms=POLL_MS)
        records.extend(record for record in batch.get(partition, ()) if record.offset < end)
    return records


async def read_back(
    consumer: AIOKafkaConsumer,
    partition: TopicPartition,
    end: int,
    enough: Callable[[Sequence[LogRecord]], bool],
) -> list[LogRecord]:
    """The last records before offset `end`: goes back, each time twice as far, until `enough(records)` or the start."""
    beginning = (await consumer.beginning_offsets([partition]))[partition]
    start, look_back, records = end, FIRST_LOOK_BACK, list[LogRecord]()
    while start > beginning and not (records and enough(records)):
        earlier = max(beginning, start - look_back)
        records = await read_range(consumer, partition, earlier, start) + records
        start, look_back = earlier, look_back * 2
    return records
