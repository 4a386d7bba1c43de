"""The windows group: events → windows → store and topic, then the commit. Dead-letters and re-keys on the way."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from services.ingest.checkpoint import Checkpoint
from services.ingest.intake import Judged, judge
from services.ingest.merge import Lane, horizon, passing
from services.ingest.validate import EventValidator
from services.ingest.windows import PartitionWindows, WindowPolicy, emission_order
from shared.events.avro import encode
from shared.events.records import NetworkId, ProcessedTrafficAggregate
from shared.events.topics import AGGREGATES, REKEYED_FROM, TRAFFIC_EVENTS
from shared.kafka.consumer import Committed, GroupMember, Records
from shared.kafka.deadletter import DeadLetter, DeadLetterLimit, DeadLetterWriter
from shared.kafka.producer import Message, send_all
from shared.runtime.clock import Clock
from shared.runtime.metrics import IngestMetrics
from shared.store.port import Store
from shared.traffic.network import Network

log = structlog.stdlib.get_logger(__name__)

WINDOWS_GROUP = "metrla-ingest-windows"


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """How far partitions may be held back for each other."""

    buffer_events: int
    wait_s: float


@dataclass(slots=True)
class _Partition:
    lane: Lane
    windows: PartitionWindows
    handled: int
    committed: Checkpoint | None


class Aggregator:
    """The `PartitionWork` of the windows group.

    Per batch: bad events to the dead-letter topic, mis-keyed ones back to their topic under the right key, the rest
    through the merge into the windows of their partition; emitted windows to the store, then to their topic; then,
    at most every `commit_interval_s`, offsets and checkpoints. Any failure in between leaves the commit where it was.

    Args:
        networks: the networks whose sensors are known.
        validator: says which events can be used.
        store: where windows are kept.
        producer: how windows, dead letters and re-keyed events are sent.
        dead_letters: writes each of them once.
        limit: notices when rejection is the rule.
        metrics: what is counted.
        window_policy: when windows close.
        merge_policy: how far partitions are held back for each other.
        commit_interval_s: least time between two commits.
        clock: wall time, to judge timestamps in the future.
        monotonic: seconds that only go forward, for idleness and commits.
    """

    def __init__(
        self,
        *,
        networks: Mapping[NetworkId, Network],
        validator: EventValidator,
        store: Store,
        producer: AIOKafkaProducer,
        dead_letters: DeadLetterWriter,
        limit: DeadLetterLimit,
        metrics: IngestMetrics,
        window_policy: WindowPolicy,
        merge_policy: MergePolicy,
        commit_interval_s: float,
        clock: Clock,
        monotonic: Callable[[], float],
    ) -> None:
        self._networks = networks
        self._validator = validator
        self._store = store
        self._producer = producer
        self._dead_letters = dead_letters
        self._limit = limit
        self._metrics = metrics
        self._window_policy = window_policy
        self._merge_policy = merge_policy
        self._commit_interval_s = commit_interval_s
        self._clock = clock
        self._monotonic = monotonic
        self._held: dict[TopicPartition, _Partition] = {}
        self._next_commit_s = 0.0

    def hungry(self) -> Collection[TopicPartition]:
        """Those whose lane has room."""
        room = self._merge_policy.buffer_events
        return [partition for partition, held in self._held.items() if len(held.lane.waiting) < room]

    def positions(self) -> Mapping[TopicPartition, int]:
        """The first record of each partition that is in no window yet."""
        return {partition: held.lane.position for partition, held in self._held.items()}

    async def take(self, member: GroupMember, committed: Mapping[TopicPartition, Committed]) -> None:  # noqa: ARG002 - the port's
        """Start each partition from its checkpoint."""
        self._dead_letters.expect(committed)
        for partition, commit in committed.items():
            checkpoint = Checkpoint.read(commit.offset, commit.metadata)
            if checkpoint is None:
                if commit.metadata:
                    log.warning("checkpoint not readable", partition=partition.partition, metadata=commit.metadata)
                checkpoint = Checkpoint(commit.offset, commit.offset)
            self._held[partition] = _Partition(
                lane=Lane(commit.offset),
                windows=PartitionWindows(self._networks, self._window_policy, checkpoint),
                handled=checkpoint.handled,
                committed=None,
            )

    async def handle(self, member: GroupMember, records: Records) -> None:
        """One batch, from records to commit."""
        now_s = self._monotonic()
        with self._metrics.batch_seconds.labels(WINDOWS_GROUP).time():
            if any(partition in self._held for partition in records):
                await self._take_in(member, records)
            await self._emit(member, self._advance(member, now_s))
            if now_s >= self._next_commit_s:
                await self._commit(member)
            for held in self._held.values():
                held.lane.note_empty(self._monotonic())

    async def give_up(self, member: GroupMember) -> None:
        """Commit what is done; events that wait for their turn are left to whoever reads them next."""
        await self._commit(member)

    def drop(self) -> None:
        """Forget all partitions."""
        self._held.clear()

    async def _take_in(self, member: GroupMember, records: Records) -> None:
        ours = {partition: batch for partition, batch in records.items() if partition in self._held}
        judged = await member.persist("validate", lambda: asyncio.to_thread(self._judge, ours))
        if any(batch.rejected for batch in judged.values()):
            # A process that was suspended learns here that its partitions are another's, who has dead-lettered by now.
            await self._commit(member, unchanged=True)
        rejected: list[DeadLetter] = []
        rekeyed: list[Message] = []
        seen: Counter[NetworkId] = Counter()
        for partition, batch in judged.items():
            held = self._held[partition]
            handled = held.handled
            rejected += [letter for letter in batch.rejected if letter.record.offset >= handled]
            for event, record in batch.events:
                if record.key == event.sensor_id.encode():
                    held.lane.put(event, record.offset)
                    seen[event.network_id] += 1
                elif record.offset >= handled:
                    rekeyed.append(_rekeyed(record, event.sensor_id))
            held.lane.read = ours[partition][-1].offset + 1
            held.handled = max(handled, held.lane.read)
        await self._send_aside(member, rejected, rekeyed)
        self._limit.count(sum(map(len, ours.values())), sum(len(batch.rejected) for batch in judged.values()))
        for network_id, count in seen.items():
            self._metrics.events.labels(network_id).inc(count)

    def _judge(self, records: Records) -> Mapping[TopicPartition, Judged]:
        return {partition: judge(self._validator, batch, self._clock) for partition, batch in records.items()}

    async def _send_aside(self, member: GroupMember, rejected: list[DeadLetter], rekeyed: list[Message]) -> None:
        if rejected:
            written = await member.persist("dead-letter", lambda: self._dead_letters.write(rejected))
            for letter in written:
                self._metrics.rejected.labels(letter.reason.value).inc()
        if rekeyed:
            await member.persist("re-key", lambda: send_all(self._producer, rekeyed))

    def _advance(self, member: GroupMember, now_s: float) -> list[ProcessedTrafficAggregate]:
        lanes = [held.lane for held in self._held.values()]
        behind = [held.lane for partition, held in self._held.items() if self._behind(member, partition, held, now_s)]
        until = horizon(lanes, behind)
        emitted: list[ProcessedTrafficAggregate] = []
        for held in self._held.values():
            if until is not None:
                for event, offset in passing(held.lane, until):
                    held.windows.add(event, offset, now_s)
                emitted += held.windows.drain()
            emitted += held.windows.drain_idle(now_s)
            self._count(held.windows)
        return sorted(emitted, key=emission_order)

    def _behind(self, member: GroupMember, partition: TopicPartition, held: _Partition, now_s: float) -> bool:
        if held.lane.empty_s(now_s) > self._merge_policy.wait_s:
            return False
        end = member.end_seen(partition)
        return end is None or held.lane.read < end

    def _count(self, windows: PartitionWindows) -> None:
        counts = windows.take_counts()
        self._metrics.duplicates.inc(counts.duplicates)
        self._metrics.too_late.inc(counts.too_late)
        self._metrics.windows.labels("first").inc(counts.first)
        self._metrics.windows.labels("revised").inc(counts.revised)

    async def _emit(self, member: GroupMember, emitted: list[ProcessedTrafficAggregate]) -> None:
        if not emitted:
            return
        await member.persist("store", lambda: asyncio.to_thread(self._store.put_aggregates, emitted))
        messages = [Message(AGGREGATES.name, window.network_id.encode(), encode(window)) for window in emitted]
        await member.persist("send windows", lambda: send_all(self._producer, messages))

    async def _commit(self, member: GroupMember, *, unchanged: bool = False) -> None:
        self._next_commit_s = self._monotonic() + self._commit_interval_s
        due: dict[TopicPartition, Checkpoint] = {}
        for partition, held in self._held.items():
            checkpoint = held.windows.checkpoint(held.lane.position, held.handled)
            if unchanged or checkpoint != held.committed:
                due[partition] = checkpoint
        await member.commit(_offsets(due.items()))
        for partition, checkpoint in due.items():
            self._held[partition].committed = checkpoint


def _offsets(due: Iterable[tuple[TopicPartition, Checkpoint]]) -> dict[TopicPartition, tuple[int, str]]:
    return {partition: (checkpoint.position, checkpoint.metadata()) for partition, checkpoint in due}


def _rekeyed(record: ConsumerRecord, sensor_id: str) -> Message:
    origin = f"{record.partition}:{record.offset}".encode()
    return Message(TRAFFIC_EVENTS.name, sensor_id.encode(), record.value, [*record.headers, (REKEYED_FROM, origin)])
