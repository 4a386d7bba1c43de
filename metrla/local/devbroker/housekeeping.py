"""What happens between requests: retention by age, compaction, expiry of groups and producers."""

import asyncio
import time

import structlog

from metrla.local.devbroker.handlers.context import BrokerState
from metrla.local.devbroker.log.compaction import compact
from metrla.local.devbroker.log.partition import PartitionLog
from metrla.local.devbroker.log.topics import StoredTopic

# After a pass of t seconds comes a pause of at least this many times t: compaction costs a tenth of a core at most.
_PAUSE_PER_WORK = 9.0

log = structlog.get_logger(__name__)


async def keep_house(state: BrokerState) -> None:
    """Run passes until cancelled."""
    pause_s = state.settings.housekeeping_interval_s
    while True:
        await asyncio.sleep(pause_s)
        started = time.monotonic()
        try:
            await one_pass(state)
        except Exception:
            # The boundary of one pass: a fault must not end retention and compaction for good.
            log.exception("housekeeping failed")
        work_s = time.monotonic() - started
        pause_s = max(state.settings.housekeeping_interval_s, _PAUSE_PER_WORK * work_s)


async def one_pass(state: BrokerState) -> None:
    """Apply every rule once."""
    now, now_ms = time.monotonic(), time.time_ns() // 1_000_000
    state.groups.expire(now)
    for topic in state.topics:
        for index, partition in enumerate(list(topic.partitions)):
            partition.producers.expire(now - state.settings.producer_expiry_s)
            if "delete" in topic.config.cleanup_policy and topic.config.retention_ms >= 0:
                partition.drop_older_than(now_ms - topic.config.retention_ms)
            if topic.config.compacted and _is_dirty(topic, partition):
                await _compact(topic, index, partition, now_ms)


def _is_dirty(topic: StoredTopic, partition: PartitionLog) -> bool:
    dirty = partition.size - partition.clean_bytes
    return dirty > 0 and dirty >= topic.config.min_cleanable_dirty_ratio * partition.size


async def _compact(topic: StoredTopic, index: int, partition: PartitionLog, now_ms: int) -> None:
    before = partition.size
    closed = list(partition.close_segment())
    # In a thread: the closed segments no longer change, and the broker answers meanwhile.
    cleaned = await asyncio.to_thread(
        compact,
        closed,
        now_ms=now_ms,
        delete_retention_ms=topic.config.delete_retention_ms,
        segment_bytes=topic.config.partition_segment_bytes(),
        end_offset=partition.end_offset,
    )
    if partition.replace_segments(closed, cleaned):
        log.debug("compacted", topic=topic.name, partition=index, bytes_before=before, bytes_after=partition.size)
