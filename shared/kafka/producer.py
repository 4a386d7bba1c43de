"""How metrla produces: idempotent, acknowledged by all replicas, a batch at a time."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer

LINGER_MS = 5
MAX_BATCH_BYTES = 256 * 1024
MAX_RECORD_BYTES = 1_000_000
"""What the client sends in one record, just below what a topic takes that is not told otherwise. The client has to
refuse what is larger: a batch that the broker refuses leaves a gap in an idempotent producer's numbers for good."""
FLUSH_S = 5.0

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """One record to send; `value=None` is a tombstone on a compacted topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    partition: int | None = None


@asynccontextmanager
async def open_producer(
    bootstrap_servers: str, client_id: str, *, idempotent: bool = True, max_record_bytes: int = MAX_RECORD_BYTES
) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer; on leaving, everything sent is flushed, for `FLUSH_S` at most."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        client_id=client_id,
        enable_idempotence=idempotent,
        acks="all",
        compression_type="lz4",
        linger_ms=LINGER_MS,
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=max_record_bytes,
    )
    await producer.start()
    try:
        yield producer
    finally:
        await _stop(producer)


async def _stop(producer: AIOKafkaProducer) -> None:
    stopping = asyncio.create_task(producer.stop())
    if not (await asyncio.wait({stopping}, timeout=FLUSH_S))[0]:
        # Nothing of it was acknowledged, so nobody has committed over it.
        log.warning("unsent messages dropped, the broker is away")
        stopping.cancel()
        await asyncio.wait({stopping})
        await producer._sender.close()  # noqa: SLF001 - what `stop` did not come to
        await producer.client.close()
        return
    stopping.result()


async def send_all(producer: AIOKafkaProducer, messages: Iterable[Message]) -> None:
    """Send all messages, in order per key, and return when the log has acknowledged every one.

    Raises:
        KafkaError: one of them was refused; the caller commits nothing and may send all of them again.
    """
    acknowledged = [
        await producer.send(
            message.topic,
            value=message.value,
            key=message.key,
            partition=message.partition,
            headers=list(message.headers),
        )
        for message in messages
    ]
    if acknowledged:
        await asyncio.gather(*acknowledged)
