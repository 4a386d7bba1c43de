"""The windows group: events → windows → store and topic, then the commit. Dead-letters and re-keys on the way."""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import inf

import structlog
from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition

from services.ingest.checkpoint import Checkpoint
from services.ingest.intake import VALIDATE, validate, validate_all
from services.ingest.merge import Lane, horizon, is_behind, passing
from services.ingest.sensor_reports import SensorReports
from services.ingest.validator import EventValidator
from services.ingest.windows import FailedWindow, PartitionWindows, WindowPolicy, emission_order
from shared.events.avro import encode
from shared.events.errors import RejectionReason
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficEvent
from shared.events.topics import AGGREGATES, REKEYED_FROM, SENSOR_TIMES, TRAFFIC_EVENTS
from shared.kafka.consumer import Committed, GroupMember, Records
from shared.kafka.deadletter import DeadLetter, DeadLetterLimit, DeadLetterWriter, unprocessable
from shared.kafka.partitioning import partition_of
from shared.kafka.producer import Message, send_all
from shared.kafka.progress import WINDOWS_GROUP
from shared.kafka.quarantine import Quarantine, sift
from shared.runtime.clock import Clock
from shared.runtime.metrics import IngestMetrics
from shared.store.port import Store
from shared.traffic.health.times import write_times
from shared.traffic.network import Network

log = structlog.stdlib.get_logger(__name__)

AGGREGATE, STORE, SEND = "aggregate", "store", "send windows"


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
    start: Checkpoint
    since: int
    """Offset at or before the first reading of every window that may still be emitted."""


@dataclass(frozen=True, slots=True)
class _Suspects:
    """The readings of a partition that some stage failed on: the one at an offset, or all of a sensor's window."""

    partition: TopicPartition
    stage: str
    fault: Exception
    offset: int | None = None
    window: FailedWindow | None = None

    def include(self, event: TrafficEvent, offset: int) -> bool:
        """Whether a reading is one of them."""
        window = self.window
        return offset == self.offset or (
            window is not None
            and (event.network_id, event.sensor_id) == (window.network_id, window.sensor_id)
            and window.start <= event.timestamp < window.end
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregation:
    """The windows group: what it works with, whatever its partitions.

    Attributes:
        networks: the networks whose sensors are known.
        validator: says which events can be used.
        store: where windows are kept.
        producer: how windows, dead letters and re-keyed events are sent.
        dead_letters: writes each of them once.
        limit: notices when rejection is the rule.
        quarantine: knows what was put aside.
        metrics: what is counted.
        window_policy: when windows close.
        merge_policy: how far partitions are held back for each other.
        commit_interval_s: least time between two commits.
        clock: wall time, to judge timestamps in the future.
        monotonic: seconds that only go forward, for idleness and commits.
    """

    networks: Mapping[NetworkId, Network]
    validator: EventValidator
    store: Store
    producer: AIOKafkaProducer
    dead_letters: DeadLetterWriter
    limit: DeadLetterLimit
    quarantine: Quarantine
    metrics: IngestMetrics
    window_policy: WindowPolicy
    merge_policy: MergePolicy
    commit_interval_s: float
    clock: Clock
    monotonic: Callable[[], float]

    async def begin(self, member: GroupMember, committed: Mapping[TopicPartition, Committed]) -> "Aggregator":
        """Start each partition from its checkpoint."""
        partitions = await member.persist("read partitions", lambda: self.producer.partitions_for(TRAFFIC_EVENTS.name))
        sensors = _sensors_of(partitions)
        held = {partition: self._from(partition, one, sensors) for partition, one in committed.items()}
        aggregator = Aggregator(self, member, held)
        self.dead_letters.expect(committed, aggregator.confirm)
        return aggregator

    def _from(
        self, partition: TopicPartition, commit: Committed, sensors: Callable[[int, Network], Collection[SensorId]]
    ) -> _Partition:
        checkpoint = Checkpoint.read(commit.offset, commit.metadata)
        if checkpoint is None:
            if commit.metadata:
                log.warning("checkpoint not readable", partition=partition.partition, metadata=commit.metadata)
            checkpoint = Checkpoint(commit.offset, commit.offset)
        return _Partition(
            lane=Lane(commit.offset),
            windows=PartitionWindows(
                self.networks, self.window_policy, checkpoint, partial(sensors, partition.partition)
            ),
            handled=checkpoint.handled,
            committed=None,
            start=checkpoint,
            since=commit.offset,
        )


class Aggregator:
    """The `AssignedWork` of the windows group on the partitions of one assignment.

    Per batch: bad events to the dead-letter topic, mis-keyed ones back to their topic under the right key, the rest
    through the merge into the windows of their partition; emitted windows to the store, then to their topic; then,
    at most every `commit_interval_s`, offsets and checkpoints. Any failure in between leaves the commit where it was.
    What fails for the sake of some readings has these put on the dead-letter topic, and goes on without them.
    """

    def __init__(
        self, aggregation: Aggregation, member: GroupMember, held: Mapping[TopicPartition, _Partition]
    ) -> None:
        self._with = aggregation
        self._member = member
        self._held = held
        self._next_commit_s = 0.0
        self._suspects: list[_Suspects] = []
        self._put_aside: set[tuple[TopicPartition, int]] = set()
        self._reports = SensorReports(aggregation.metrics, aggregation.clock())

    def hungry(self) -> Collection[TopicPartition]:
        """Those whose lane has room."""
        room = self._with.merge_policy.buffer_events
        return [partition for partition, held in self._held.items() if len(held.lane.waiting) < room]

    def positions(self) -> Mapping[TopicPartition, int]:
        """The first record of each partition that is in no window yet."""
        return {partition: held.lane.position for partition, held in self._held.items()}

    async def handle(self, records: Records) -> None:
        """One batch, from records to commit."""
        now_s = self._with.monotonic()
        with self._with.metrics.batch_seconds.labels(WINDOWS_GROUP).time():
            if any(partition in self._held for partition in records):
                await self._take_in(records)
            await self._emit(self._advance(now_s))
            await self._put_suspects_aside()
            await self._tell(now_s)
            if now_s >= self._next_commit_s:
                await self._commit()
            for held in self._held.values():
                held.lane.note_empty(self._with.monotonic())

    async def confirm(self) -> None:
        """Return when it is certain that the partitions are still ours; raises `CommitFailedError` where they are not.

        Commits what is committed: a process that was suspended learns from it that it came too late.
        """
        known = {partition: held.committed or held.start for partition, held in self._held.items()}
        await self._member.commit(_offsets(known.items()))

    async def finish(self) -> None:
        """Commit what is done; events that wait for their turn are left to whoever reads them next."""
        self._reports.close()
        await self._commit()

    async def _take_in(self, records: Records) -> None:
        ours = {partition: batch for partition, batch in records.items() if partition in self._held}
        validated = await self._member.persist(
            "validate", lambda: asyncio.to_thread(validate_all, self._with.validator, ours, self._with.clock)
        )
        rejected: list[DeadLetter] = []
        rekeyed: list[Message] = []
        seen: Counter[NetworkId] = Counter()
        for partition, batch in validated.items():
            held = self._held[partition]
            handled = held.handled
            rejected += [letter for letter in batch.rejected if letter.record.offset >= handled]
            for event, record in batch.events:
                if record.key == event.sensor_id.encode():
                    # A record without a time of its own, as -1, says nothing of clocks.
                    held.lane.put(event, record.offset, record.timestamp if record.timestamp > 0 else inf)
                    seen[event.network_id] += 1
                elif record.offset >= handled:
                    rekeyed.append(_rekeyed(record, event.sensor_id))
            held.lane.read = ours[partition][-1].offset + 1
            end = self._member.end_seen(partition)
            held.lane.fetched_ms = 0 if end is None else end.heard_ms
            held.handled = max(handled, held.lane.read)
        await self._send_aside(rejected, rekeyed)
        self._with.limit.count(sum(map(len, ours.values())), sum(len(batch.rejected) for batch in validated.values()))
        for network_id, count in seen.items():
            self._with.metrics.events.labels(network_id).inc(count)

    async def _send_aside(self, rejected: list[DeadLetter], rekeyed: list[Message]) -> None:
        if rejected:
            written = await self._member.persist("dead-letter", lambda: self._with.dead_letters.write(rejected))
            for letter in written:
                self._with.metrics.rejected.labels(letter.reason.value).inc()
                if letter.reason is RejectionReason.UNPROCESSABLE and letter.stage == VALIDATE:
                    self._with.quarantine.note(letter.stage, "{}-{}@{}".format(*letter.source), letter.detail)
        if rekeyed:
            await self._member.persist("re-key", lambda: send_all(self._with.producer, rekeyed))

    def _advance(self, now_s: float) -> list[ProcessedTrafficAggregate]:
        lanes = [held.lane for held in self._held.values()]
        behind = [
            held.lane
            for partition, held in self._held.items()
            if held.lane.empty_s(now_s) <= self._with.merge_policy.wait_s
            and is_behind(held.lane, self._member.end_seen(partition), lanes)
        ]
        until = horizon(lanes, behind)
        emitted: list[ProcessedTrafficAggregate] = []
        for partition, held in self._held.items():
            if until is not None:
                for event, offset, logged_ms in passing(held.lane, until):
                    try:
                        held.windows.add(event, offset, now_s, logged_ms)
                    except Exception as fault:  # noqa: BLE001 - the last net: no reading may stop a partition
                        self._suspects.append(_Suspects(partition, AGGREGATE, fault, offset=offset))
                emitted += held.windows.drain()
            emitted += held.windows.drain_idle(now_s)
            self._suspects += [
                _Suspects(partition, AGGREGATE, window.fault, window=window) for window in held.windows.failed
            ]
            held.windows.failed.clear()
            self._count(partition.partition, held.windows, now_s)
        off = {partition.partition: held.windows.off() for partition, held in self._held.items()}
        self._reports.clocks(off, now_s)
        return sorted(emitted, key=emission_order)

    def _count(self, partition: int, windows: PartitionWindows, now_s: float) -> None:
        counts = windows.take_counts()
        self._with.metrics.duplicates.inc(counts.duplicates)
        self._with.metrics.merged.inc(counts.merged)
        self._reports.late(counts.too_late, partition, now_s)
        self._with.metrics.windows.labels("first").inc(counts.first)
        self._with.metrics.windows.labels("revised").inc(counts.revised)

    async def _emit(self, emitted: list[ProcessedTrafficAggregate]) -> None:
        async def store(windows: Sequence[ProcessedTrafficAggregate]) -> None:
            await asyncio.to_thread(self._with.store.put_aggregates, windows)

        async def send(windows: Sequence[ProcessedTrafficAggregate]) -> None:
            messages = [Message(AGGREGATES.name, window.network_id.encode(), encode(window)) for window in windows]
            await send_all(self._with.producer, messages)

        stored, refused = await sift(self._member.persist, STORE, emitted, store)
        _, unsent = await sift(self._member.persist, SEND, stored, send)
        for culprit in (*refused, *unsent):
            one = culprit.item
            window = FailedWindow(one.network_id, one.sensor_id, one.window_start, one.window_end, culprit.fault)
            # A sensor's readings are in one partition, but for those from before the number of partitions changed.
            self._suspects += [
                _Suspects(partition, culprit.stage, culprit.fault, window=window) for partition in self._held
            ]

    async def _put_suspects_aside(self) -> None:
        """Dead-letter the readings on which a stage failed, as they are on the log; once each."""
        suspects, self._suspects = self._suspects, []
        letters: dict[tuple[TopicPartition, int], DeadLetter] = {}
        for partition in {suspect.partition for suspect in suspects}:
            held = self._held[partition]
            look_up = partial(
                self._with.dead_letters.on_log, partition.topic, partition.partition, held.since, held.lane.read
            )
            records = await self._member.persist("look-up", look_up)
            for event, record in validate(self._with.validator, records, self._with.clock).events:
                for suspect in suspects:
                    if suspect.partition == partition and suspect.include(event, record.offset):
                        letters[partition, record.offset] = unprocessable(record, suspect.fault, suspect.stage)
        new = [letter for place, letter in letters.items() if place not in self._put_aside]
        self._put_aside |= letters.keys()
        await self._send_aside(new, [])
        for letter in new:
            self._with.quarantine.note(letter.stage, "{}-{}@{}".format(*letter.source), letter.detail)

    async def _tell(self, now_s: float) -> None:
        held = [partition.partition for partition in self._held]
        news = self._reports.news(held, self._with.networks, now_s, self._with.clock())
        if news:
            messages = [Message(SENSOR_TIMES.name, times.key.encode(), write_times(times)) for times in news]
            await self._member.persist("send sensor times", lambda: send_all(self._with.producer, messages))

    async def _commit(self) -> None:
        self._next_commit_s = self._with.monotonic() + self._with.commit_interval_s
        due: dict[TopicPartition, Checkpoint] = {}
        for partition, held in self._held.items():
            checkpoint = held.windows.checkpoint(held.lane.position, held.handled)
            if checkpoint != held.committed:
                due[partition] = checkpoint
        await self._member.commit(_offsets(due.items()))
        for partition, checkpoint in due.items():
            self._held[partition].committed = checkpoint
            self._held[partition].since = checkpoint.position


def _sensors_of(partitions: Collection[int]) -> Callable[[int, Network], Collection[SensorId]]:
    """Which of a network's sensors a partition of `traffic-events` is to have."""

    @cache
    def home(sensor_id: SensorId) -> int:
        return partition_of(sensor_id, partitions)

    return lambda partition, network: [sensor for sensor in network.index if home(sensor) == partition]


def _offsets(due: Iterable[tuple[TopicPartition, Checkpoint]]) -> dict[TopicPartition, tuple[int, str]]:
    return {partition: (checkpoint.position, checkpoint.metadata()) for partition, checkpoint in due}


def _rekeyed(record: ConsumerRecord, sensor_id: str) -> Message:
    origin = f"{record.partition}:{record.offset}".encode()
    return Message(TRAFFIC_EVENTS.name, sensor_id.encode(), record.value, [*record.headers, (REKEYED_FROM, origin)])
