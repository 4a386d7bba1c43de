"""Keep a view in step with the topics, without a consumer group: rebuild on start, follow, rebuild after any outage."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from services.gateway.log.records import FOLLOWED, WHOLE, Followed, LogRecord, LookBack, read
from services.gateway.views.ages import DataAges
from services.gateway.views.traffic import TrafficView
from shared.events.errors import RejectedEventError
from shared.events.records import AdvisoryId, AlertId, TrafficAdvisory, TrafficAlert
from shared.events.topics import ADVISORIES
from shared.kafka.admin import TopicError, ensure_topics, partitions_of
from shared.kafka.following import keep_following
from shared.kafka.replay import REBUILDING_WAIT_MS, open_reader, read_back
from shared.runtime.metrics import GatewayMetrics

log = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-gateway"
POLL_MS = 500
MAX_RECORDS = 500
WATCH_INTERVAL_S = 2.0
WATCH_TIMEOUT_S = 5.0
PARTITIONS_EVERY = 30
REJECTION_LOG_INTERVAL_S = 10.0


class LogRestartedError(TopicError):
    """The log ends earlier than it did, or has other partitions: what was read is not what is there."""


class Follower:
    """Reads all partitions of the followed topics into `view`.

    Args:
        bootstrap_servers: Kafka brokers to start from.
        view: what the records are applied to.
        ages: where it is noted when they arrived, and when the log last answered.
        history: event time of windows and predictions to read back.
        metrics: where unreadable records and the lag are counted.
        changed: called after a batch changed the view, once it is caught up.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        view: TrafficView,
        ages: DataAges,
        history: timedelta,
        metrics: GatewayMetrics,
        changed: Callable[[], None],
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._view = view
        self._ages = ages
        self._history = history
        self._metrics = metrics
        self._changed = changed
        self._positions: dict[TopicPartition, int] = {}
        self._rejected_since_log = 0
        self._next_rejection_log = 0.0
        self.waiting_for: str | None = "the Kafka broker"

    async def run(self) -> None:
        """Follow until cancelled; a broker that is not there is asked again, less and less often."""
        await keep_following(self._reach, self._lost)

    async def _reach(self, reached: Callable[[], None]) -> None:
        await ensure_topics(self._bootstrap_servers)
        async with open_reader(self._bootstrap_servers, CLIENT_ID) as consumer:
            reached()
            await self._session(consumer)

    def _lost(self, failure: BaseException, pause_s: float) -> None:
        reason = self._reason(failure)
        self.waiting_for = f"the Kafka broker: {reason}"
        log.warning("lost the topics, trying again", reason=reason, pause_s=round(pause_s, 1))

    def _reason(self, lost: BaseException) -> str:
        if isinstance(lost, KafkaConnectionError | TimeoutError):
            return f"no broker answers at {self._bootstrap_servers}"
        return str(lost) or type(lost).__name__

    async def _session(self, consumer: AIOKafkaConsumer) -> None:
        self.waiting_for = "the view to be rebuilt from the topics"
        partitions = await partitions_of(self._bootstrap_servers, FOLLOWED)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch(consumer, partitions))
            tasks.create_task(self._rebuild_and_follow(consumer, partitions))

    async def _rebuild_and_follow(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        ends = await consumer.end_offsets(partitions)
        async with open_reader(self._bootstrap_servers, CLIENT_ID, max_wait_ms=REBUILDING_WAIT_MS) as reader:
            for partition in partitions:
                look_back = LookBack(self._take, None if partition.topic in WHOLE else self._history)
                look_back(await read_back(reader, partition, ends[partition], look_back))
        consumer.assign(partitions)
        for partition in partitions:
            consumer.seek(partition, ends[partition])
        self._positions = dict(ends)
        self.waiting_for = None
        self._ages.note_broker()
        self._ages.complete = True
        log.info("view rebuilt", event_time=str(self._view.event_time), alerts=len(self._view.alerts))
        self._changed()
        while True:
            batches = await consumer.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
            if batches:
                self._apply(batches)
                await asyncio.sleep(0)  # a long backlog must not keep requests waiting

    def _apply(self, batches: dict[TopicPartition, list[LogRecord]]) -> None:
        for partition, messages in batches.items():
            for message in messages:
                self._take(message)
            self._positions[partition] = messages[-1].offset + 1
        self._changed()

    async def _watch(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        """Ask the brokers where the logs end: the one way to learn that they are gone, since a fetch only waits."""
        known: dict[TopicPartition, int] = {}
        for look in count(1):
            async with asyncio.timeout(WATCH_TIMEOUT_S):
                ends: dict[TopicPartition, int] = await consumer.end_offsets(partitions)
                if any(end < known.get(partition, 0) for partition, end in ends.items()):
                    raise LogRestartedError("a log ends earlier than it did")
                if look % PARTITIONS_EVERY == 0:
                    present = await partitions_of(self._bootstrap_servers, FOLLOWED)
                    if present != partitions:
                        raise LogRestartedError("the topics have other partitions than they had")
            known = ends
            self._ages.note_broker()
            behind = sum(end - self._positions.get(partition, end) for partition, end in ends.items())
            self._metrics.lag.set(max(0, behind))
            await asyncio.sleep(WATCH_INTERVAL_S)

    def _take(self, message: LogRecord) -> Followed | None:
        try:
            record = read(message)
            if isinstance(record, str):
                self._forget(message, record)
                return None
            if isinstance(record, TrafficAdvisory):
                self._view.advisories.apply(record, message.offset)
            elif self._view.apply(record) and not isinstance(record, TrafficAlert):
                self._ages.note_record(record, self._written_ms(message))
        except RejectedEventError as rejected:
            self._reject(message, rejected)
            return None
        return record

    def _written_ms(self, message: LogRecord) -> int | None:
        """When a record that is read back got onto the log; `None` for one that has just come."""
        return None if self.waiting_for is None else message.timestamp

    def _forget(self, message: LogRecord, gone: str) -> None:
        if message.topic == ADVISORIES.name:
            self._view.advisories.forget(AdvisoryId(gone), message.offset)
        else:
            self._view.alerts.forget(AlertId(gone))

    def _reject(self, message: LogRecord, rejected: RejectedEventError) -> None:
        self._metrics.rejected.inc()
        self._rejected_since_log += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_rejection_log:
            log.warning(
                "records could not be read",
                count=self._rejected_since_log,
                last_topic=message.topic,
                last_offset=message.offset,
                last_reason=str(rejected),
            )
            self._rejected_since_log = 0
            self._next_rejection_log = now + REJECTION_LOG_INTERVAL_S
