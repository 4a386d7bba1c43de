"""Keep a view in step with the topics, without a consumer group: rebuild on start, follow, rebuild after any outage."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from services.gateway.log.records import FOLLOWED, WHOLE, Followed, LookBack, read
from services.gateway.views.ages import DataAges
from services.gateway.views.traffic import TrafficView
from shared.events.errors import RejectedEventError
from shared.events.present import logged_at
from shared.events.records import AdvisoryId, AlertId, TrafficAdvisory, TrafficAlert
from shared.events.topics import ADVISORIES, ALERTS
from shared.kafka.admin import ensure_topics, partitions_of
from shared.kafka.dated import require_dated
from shared.kafka.following import FOLLOW, advance, keep_following, watch_logs
from shared.kafka.persistence import of_record
from shared.kafka.quarantine import Quarantine
from shared.kafka.reader_letters import NOT_OURS, ReaderLetters
from shared.kafka.replay import REBUILDING_WAIT_MS, LogRecord, open_reader, read_back
from shared.runtime.clock import wall_clock
from shared.runtime.metrics import GatewayMetrics
from shared.traffic.health.times import SensorTimes, require_times_present

log = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-gateway"
POLL_MS = 500
MAX_RECORDS = 500
REJECTION_LOG_INTERVAL_S = 10.0


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
        self.quarantine = Quarantine(lambda stage: metrics.quarantined.labels(stage).inc())
        self.letters = ReaderLetters(bootstrap_servers, CLIENT_ID, self.quarantine)
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
        partitions = await self._partitions()
        self._positions.clear()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(watch_logs(consumer, partitions, self._positions, self._partitions, self._show_lag))
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
        self._positions.update(ends)
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
            advance(self._positions, partition, messages)
            for message in messages:
                self._take(message)
        self._changed()

    async def _partitions(self) -> Sequence[TopicPartition]:
        return await partitions_of(self._bootstrap_servers, FOLLOWED)

    def _show_lag(self, ends: Mapping[TopicPartition, int]) -> None:
        self._ages.note_broker()
        behind = sum(end - self._positions.get(partition, end) for partition, end in ends.items())
        self._metrics.lag.set(max(0, behind))

    def _take(self, message: LogRecord) -> Followed | None:
        try:
            record = read(message)
            require_dated(record, message)
            if isinstance(record, str):
                self._forget(message, record)
                return None
            if isinstance(record, TrafficAdvisory):
                self._view.advisories.apply(record, message.offset)
            elif isinstance(record, SensorTimes):
                require_times_present(record, logged_at(message.timestamp, wall_clock()))
                self._view.apply_times(record, message.offset)
            elif self._view.apply(record) and not isinstance(record, TrafficAlert):
                self._ages.note_record(record, self._written_ms(message))
        except RejectedEventError as rejected:
            self._reject(message, rejected)
            return None
        except Exception as fault:
            if not of_record(fault):
                raise
            self.letters.put(message, fault, FOLLOW)
            return None
        return record

    def _written_ms(self, message: LogRecord) -> int | None:
        """When a record that is read back got onto the log; `None` for one that has just come."""
        return None if self.waiting_for is None else message.timestamp

    def _forget(self, message: LogRecord, gone: str) -> None:
        if message.topic == ADVISORIES.name:
            self._view.advisories.forget(AdvisoryId(gone), message.offset)
        elif message.topic == ALERTS.name:
            self._view.alerts.forget(AlertId(gone))

    def _reject(self, message: LogRecord, rejected: RejectedEventError) -> None:
        self._metrics.rejected.inc()
        if rejected.reason not in NOT_OURS:
            self.letters.put(message, rejected, rejected.stage)
            return
        self._rejected_since_log += 1
        now = asyncio.get_running_loop().time()
        if now >= self._next_rejection_log:
            log.warning(
                "records of strangers",
                count=self._rejected_since_log,
                last_topic=message.topic,
                last_offset=message.offset,
                last_reason=str(rejected),
            )
            self._rejected_since_log = 0
            self._next_rejection_log = now + REJECTION_LOG_INTERVAL_S
