"""Wait until a pipeline has worked off everything that was fed."""

import asyncio
from collections.abc import Callable, Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from shared.events.errors import MetrlaError
from shared.events.topics import AGGREGATES, ALERTS, PREDICTIONS, TRAFFIC_EVENTS, TRAFFIC_EVENTS_DLQ, Topic
from tests.chaos.logs import end_offsets

# The windows group holds its commit at the first window that may still change, so its progress shows in what it sends.
GROUP_TOPICS = {
    "metrla-ingest-archive": TRAFFIC_EVENTS,
    "metrla-predictor": AGGREGATES,
    "metrla-alert-detector": AGGREGATES,
}
OUTPUTS = (AGGREGATES, PREDICTIONS, ALERTS, TRAFFIC_EVENTS_DLQ, TRAFFIC_EVENTS)
POLL_S = 2.0
QUIET_S = 15.0


class NotSettledError(MetrlaError):
    """Something is still not worked off when the patience is over."""


async def settle(
    bootstrap_servers: str,
    groups: Sequence[str],
    patience_s: float,
    on_wait: Callable[[str], None],
    quiet_s: float = QUIET_S,
) -> None:
    """Return when no group lags and no output has grown for `quiet_s`; raises `NotSettledError` after `patience_s`."""
    loop = asyncio.get_running_loop()
    deadline, since = loop.time() + patience_s, loop.time()
    known: dict[tuple[str, int], int] = {}
    while True:
        try:
            ends = await end_offsets(bootstrap_servers, [(topic.name, topic.partitions) for topic in OUTPUTS])
            lagging = {group: lag for group in groups if (lag := await _lag(bootstrap_servers, group, ends))}
        except KafkaError as away:
            ends, lagging = {}, {f"{away!r}": 0}
        now = loop.time()
        if ends != known or lagging:
            since, known = now, ends
        if now - since >= quiet_s:
            return
        on_wait(", ".join(f"{group} lags by {lag}" for group, lag in lagging.items()) or "the outputs to be quiet")
        if now > deadline:
            raise NotSettledError(f"not worked off after {patience_s:.0f} s: {lagging or 'outputs still grow'}")
        await asyncio.sleep(POLL_S)


async def _lag(bootstrap_servers: str, group: str, ends: dict[tuple[str, int], int]) -> int:
    topic: Topic = GROUP_TOPICS[group]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers, client_id="chaos-auditor")
    try:
        await admin.start()
        found = await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
    committed = {where.partition: max(0, at.offset) for where, at in found.items() if where.topic == topic.name}
    return sum(ends[topic.name, number] - committed.get(number, 0) for number in range(topic.partitions))
