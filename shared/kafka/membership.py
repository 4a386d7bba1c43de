"""Connect a member of a consumer group, and let it leave."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer

from shared.kafka.batches import read_any_batch
from shared.kafka.consumer import GroupMember
from shared.kafka.replay import stop_consumer

# A process that is killed is noticed within the session time-out, so another one takes over soon.
SESSION_TIMEOUT_MS = 6_000
HEARTBEAT_MS = 2_000
# How long a rebalance waits for members that finish their batch; a member that asks for nothing for so long leaves.
REBALANCE_TIMEOUT_MS = 30_000
MAX_POLL_INTERVAL_MS = 300_000


@asynccontextmanager
async def open_member(
    bootstrap_servers: str, group_id: str, client_id: str, stop: asyncio.Event
) -> AsyncIterator[GroupMember]:
    """A connected member that has not joined yet and works until `stop` is set; on leaving it leaves the group."""
    read_any_batch()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap_servers,
        group_id=group_id,
        client_id=client_id,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
    )
    try:
        await consumer.start()
        yield GroupMember(consumer, group_id, bootstrap_servers, stop)
    finally:
        await stop_consumer(consumer)
