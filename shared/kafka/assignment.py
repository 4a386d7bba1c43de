"""What a worker does with the partitions it is given: create, rebuild, handle, deliver, close.

What is done with one partition is an object of its own (`Processing`): created when the partition is assigned, with
what the log and the archive know of it, and closed when it is revoked. So no method carries a partition around, and
nothing of a partition that is no longer ours can stay behind. The idea is that of arroyo's processing strategies.

Nothing is lost, whenever the process dies, because
1. a record counts as handled only when every output that was due by it is acknowledged (`handle` returns then),
2. state is a function of the log: before the first record of a partition is handled, the records before the committed
   offset are read back, and the processing makes due again whatever may still have waited in memory (`rebuild`),
3. positions are kept: records that come again are skipped, and records that the consumer skipped are read from the log.
Outputs may be delivered twice, so they are idempotent by key.

A record that cannot be handled for its own sake is dead-lettered, and the state is made anew from the log without it,
for it may be half changed. Where that happens again and again, what is remembered is at fault and not the record in
hand: then the work goes on without a past, which costs what waited in memory and ends no process.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.topics import Topic
from shared.kafka.admin import open_admin
from shared.kafka.dated import require_dated
from shared.kafka.deadletter import DECODE
from shared.kafka.delivery import Outbox
from shared.kafka.persistence import Persistence, of_record
from shared.kafka.quarantine import TRIES, Quarantine
from shared.kafka.replay import LogRecord, open_reader, read_back, read_range

log = structlog.stdlib.get_logger(__name__)

In = TypeVar("In")
Out = TypeVar("Out")
In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)

HANDLE, TICK, REBUILD = "handle", "tick", "rebuild"
LOOK_BACK_SECONDS = 60.0
"""Read back at least this much wall time, so that a slow network beside a fast one finds its last steps as well."""


class Processing(Protocol[In_contra, Out_co]):
    """What is done with one partition while it is ours. Decides; does no I/O. `now`: seconds of a monotonic clock.

    Work that needs several partitions at once is an `AssignedWork` (`shared.kafka.consumer`).
    """

    def enough(self, records: Sequence[In_contra]) -> bool:
        """Whether these last records before a point are all that state at that point depends on."""

    def rebuild(self, records: Sequence[In_contra], now: float) -> None:
        """Set state from records handled before; what may not have got out becomes due at a later call. Called once."""

    def handle(self, records: Sequence[In_contra], now: float) -> Iterable[Out_co]:
        """Take new records in; returns what is due by them."""

    def tick(self, now: float) -> Iterable[Out_co]:
        """What is due because time has passed."""

    def close(self) -> None:
        """Let go of what is shared with others: the partition is no longer ours."""


@dataclass(frozen=True, slots=True)
class Input(Generic[In, Out]):
    """A topic to read, how bytes become records, what happens to those that do not, and what is done with a partition.

    Attributes:
        topic: to read.
        decode: raises `RejectedEventError`.
        dead_letter: returns when the log has acknowledged the dead letter.
        create: makes what is done with a partition, with the state that is kept elsewhere than in the topic. It may be
            cancelled, and may be called again.
        formerly: the group that read the topic in an earlier release: where our group committed nothing for a
            partition yet, it begins where that one stopped.
    """

    topic: Topic
    decode: Callable[[bytes], In]
    dead_letter: Callable[[LogRecord, RejectedEventError], Awaitable[None]]
    create: Callable[[int], Awaitable[Processing[In, Out]]]
    formerly: str | None = None


@dataclass(slots=True)
class _Partition(Generic[In, Out]):
    ready: asyncio.Task[None]
    processing: Processing[In, Out] | None = None
    position: int | None = None
    faults: int = 0
    """How often in a row handling or a tick failed."""
    aside: set[int] = field(default_factory=set)
    """Offsets of records that were put aside."""


class Assignment(Generic[In, Out]):
    """The partitions of one input that this process works on, whoever reads them. One event loop only."""

    def __init__(
        self,
        bootstrap_servers: str,
        group: str,
        source: Input[In, Out],
        outbox: Outbox[Out],
        persist: Persistence,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._group = group
        self._source = source
        self._outbox = outbox
        self._persist = persist
        self._quarantine = Quarantine() if quarantine is None else quarantine
        self._partitions: dict[int, _Partition[In, Out]] = {}

    def assign(self, partitions: Iterable[int]) -> None:
        """Start to rebuild the state of partitions that are new here; their records wait for it."""
        for partition in partitions:
            if partition not in self._partitions:
                ready = asyncio.create_task(
                    self._rebuild(partition), name=f"rebuild {self._source.topic.name}-{partition}"
                )
                self._partitions[partition] = _Partition(ready)  # the task begins after this

    def __contains__(self, partition: int) -> bool:
        """Whether a partition is worked on."""
        return partition in self._partitions

    def revoke(self, partitions: Iterable[int]) -> None:
        """Drop the state of partitions that are no longer ours."""
        for partition in partitions:
            held = self._partitions.pop(partition, None)
            if held is not None:
                held.ready.cancel()
                if held.processing is not None:
                    held.processing.close()

    async def handle(self, record: LogRecord) -> bool:
        """Handle one record; returns when every output due by it is acknowledged.

        Returns:
            Whether the record may be acknowledged; not, where the partition was taken from us meanwhile.

        Raises:
            StoppingError: it may not, for the service stops first.
        """
        self.assign([record.partition])
        held = self._partitions[record.partition]
        await asyncio.wait([held.ready])
        if self._partitions.get(record.partition) is not held:
            return False
        held.ready.result()
        if held.position is None or record.offset >= held.position:
            if held.position is not None and record.offset > held.position:
                for skipped in await self._read_skipped(record.partition, held.position, record.offset):
                    await self._handle_one(held, skipped)
            await self._handle_one(held, record)
        await self._outbox.drain()
        return True

    async def tick(self) -> None:
        """Deliver what is due because time has passed, and what an interrupted delivery left behind."""
        for partition, held in tuple(self._partitions.items()):
            if held.ready.done():
                held.ready.result()
                if held.processing is not None:
                    await self._tick_one(partition, held, held.processing)
        await self._outbox.drain()

    @property
    def rebuilding(self) -> int:
        """How many partitions are not ready yet."""
        return sum(not held.ready.done() for held in self._partitions.values())

    def revoke_all(self) -> None:
        """Drop all state."""
        self.revoke(tuple(self._partitions))

    async def _handle_one(self, held: _Partition[In, Out], record: LogRecord) -> None:
        try:
            decoded = await self._decoded(record)
            await self._put_in(held, record, decoded)
        except RejectedEventError as rejected:
            reason = rejected
            if rejected.reason is RejectionReason.UNPROCESSABLE:
                self._quarantine.note(rejected.stage, f"{record.topic}-{record.partition}@{record.offset}", reason)
            await self._persist("dead letter", lambda: self._source.dead_letter(record, reason))
        held.position = record.offset + 1

    async def _put_in(self, held: _Partition[In, Out], record: LogRecord, decoded: In) -> None:
        """Hand a record over; raises `RejectedEventError` where the work fails on it, after the state is made anew."""
        await asyncio.wait([held.ready])  # a tick may just be making the state anew
        if held.processing is None:  # what is ready has one
            raise RuntimeError(f"partition {record.partition} is not rebuilt")
        try:
            outputs = list(held.processing.handle([decoded], time.monotonic()))
        except Exception as fault:
            if not of_record(fault):
                raise
            held.aside.add(record.offset)
            held.position = record.offset
            await self._renew(record.partition, held)
            raise _unprocessable(fault, HANDLE) from fault
        held.faults = 0
        self._outbox.put(outputs)

    async def _tick_one(self, partition: int, held: _Partition[In, Out], processing: Processing[In, Out]) -> None:
        try:
            outputs = list(processing.tick(time.monotonic()))
        except Exception as fault:
            if not of_record(fault):
                raise
            self._quarantine.note(TICK, f"{self._source.topic.name}-{partition}", fault)
            await self._renew(partition, held)
        else:
            self._outbox.put(outputs)

    async def _decoded(self, record: LogRecord) -> In:
        async def attempt() -> In:
            decoded = self._source.decode(record.value or b"")
            require_dated(decoded, record)
            return decoded

        # A schema registry that is away says nothing about the record.
        try:
            return await self._persist("decoding", attempt)
        except RejectedEventError:
            raise
        except Exception as fault:
            if not of_record(fault):
                raise
            raise _unprocessable(fault, DECODE) from fault

    async def _read_skipped(self, partition: int, start: int, end: int) -> Sequence[LogRecord]:
        async def read() -> Sequence[LogRecord]:
            async with open_reader(self._bootstrap_servers, f"{self._group}-catch-up") as reader:
                return await read_range(reader, TopicPartition(self._source.topic.name, partition), start, end)

        return await self._persist("reading of skipped records", read)

    async def _renew(self, partition: int, held: _Partition[In, Out]) -> None:
        """Make the state anew as of the position; without a past once that has not helped for several times."""
        held.faults += 1
        end = held.position if held.faults < TRIES else None

        async def attempt() -> None:
            await self._make(partition, held, end)

        held.ready = asyncio.create_task(
            self._persist(f"rebuilding of {self._source.topic.name}-{partition}", attempt),
            name=f"renew {self._source.topic.name}-{partition}",
        )
        await asyncio.wait([held.ready])
        if not held.ready.cancelled():  # else the partition was taken from us meanwhile
            held.ready.result()

    async def _rebuild(self, partition: int) -> None:
        held = self._partitions[partition]

        async def attempt() -> None:
            committed = await self._committed(partition)
            await self._make(partition, held, committed)
            held.position = committed

        await self._persist(f"rebuilding of {self._source.topic.name}-{partition}", attempt)

    async def _make(self, partition: int, held: _Partition[In, Out], end: int | None) -> None:
        """Create what is done with a partition, with its state as of the record before offset `end`; `None`: no state.

        Records of the past on which the work fails are left out, and the whole past where there are many of them.
        """
        past: list[LogRecord] = []
        processing = await self._created(partition, held)
        if end is not None:
            async with open_reader(self._bootstrap_servers, f"{self._group}-rebuild") as reader:
                where = TopicPartition(self._source.topic.name, partition)
                past = await self._read_back(reader, where, end, processing)
        for _ in range(TRIES):
            records = self._decodable(past, held.aside)
            try:
                processing.rebuild(records, time.monotonic())
            except Exception as fault:
                if not of_record(fault):
                    raise
                culprit = await self._first_failing(partition, held, past)
                self._quarantine.note(REBUILD, f"{self._source.topic.name}-{partition}@{culprit}", fault)
                held.aside.add(culprit)
                processing = await self._created(partition, held)
            else:
                break
        else:
            records = []
            processing.rebuild(records, time.monotonic())
        log.info("partition ready", topic=self._source.topic.name, partition=partition, records_read=len(records))

    async def _created(self, partition: int, held: _Partition[In, Out]) -> Processing[In, Out]:
        if held.processing is not None:
            held.processing.close()
            held.processing = None
        held.processing = await self._source.create(partition)
        return held.processing

    async def _first_failing(self, partition: int, held: _Partition[In, Out], past: Sequence[LogRecord]) -> int:
        """The offset of the record at which a rebuild begins to fail, found by halving."""
        works, fails = 0, len(past)
        while fails - works > 1:
            middle = (works + fails) // 2
            processing = await self._created(partition, held)
            try:
                processing.rebuild(self._decodable(past[:middle], held.aside), time.monotonic())
            except Exception as fault:
                if not of_record(fault):
                    raise
                fails = middle
            else:
                works = middle
        return int(past[fails - 1].offset) if past else -1

    async def _committed(self, partition: int) -> int | None:
        where = TopicPartition(self._source.topic.name, partition)
        async with open_admin(self._bootstrap_servers) as admin:
            for group in (self._group, self._source.formerly):
                if group is not None:
                    found = (await admin.list_consumer_group_offsets(group, partitions=[where])).get(where)
                    if found is not None and found.offset >= 0:
                        return int(found.offset)
        return None

    async def _read_back(
        self, reader: AIOKafkaConsumer, where: TopicPartition, end: int, processing: Processing[In, Out]
    ) -> list[LogRecord]:
        def enough(records: Sequence[LogRecord]) -> bool:
            reached_seconds = (records[-1].timestamp - records[0].timestamp) / 1000
            return reached_seconds >= LOOK_BACK_SECONDS and processing.enough(self._decodable(records))

        return await read_back(reader, where, end, enough)

    def _decodable(self, records: Sequence[LogRecord], without: Collection[int] = ()) -> list[In]:
        decoded: list[In] = []
        for record in records:
            if record.offset in without:
                continue
            try:
                one = self._source.decode(record.value or b"")
                require_dated(one, record)
                decoded.append(one)
            except Exception as fault:
                if not isinstance(fault, RejectedEventError) and not of_record(fault):
                    raise
                continue  # dead-lettered when it was handled
        return decoded


def _unprocessable(fault: Exception, stage: str) -> RejectedEventError:
    return RejectedEventError(RejectionReason.UNPROCESSABLE, f"{stage} failed: {type(fault).__name__}: {fault}", stage)
