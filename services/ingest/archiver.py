"""The archive group: every valid event of `traffic-events` into the archive, each offset once.

A flush notes its files (`intent`), writes them, commits, and removes the note. Whoever takes the partition up after a
crash deletes the files of a note whose records are not committed: they will be read, and written, again.

A process that was suspended, and wakes after another one has taken over, learns from a commit before each flush that
its partitions are lost. One gap is left, which needs a fencing token that file systems do not have: to be suspended
between that commit and the last file. `metrla archive verify` names the files that come of it.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog
from aiokafka import ConsumerRecord, TopicPartition

from services.ingest.copies import Place, ReadOrigins, claimed_origin, proven_copies
from services.ingest.intake import validate_all
from services.ingest.intent import PlannedFile, leftovers, write_intent
from services.ingest.validator import EventValidator
from shared.archive.container import ArchivedEvent, encode_container
from shared.archive.layout import hour_of, pending_path, raw_path
from shared.archive.port import Archive
from shared.events.records import NetworkId, TrafficEvent
from shared.kafka.consumer import Committed, GroupMember, Records
from shared.kafka.deadletter import DeadLetterWriter, unprocessable
from shared.kafka.persistence import of_record
from shared.kafka.progress import ARCHIVE_GROUP, GroupProgress
from shared.kafka.quarantine import Culprit, Quarantine, sift
from shared.runtime.clock import Clock
from shared.runtime.metrics import IngestMetrics

log = structlog.stdlib.get_logger(__name__)

ENCODE = "archive"

PutEventsAside = Callable[[TopicPartition, Sequence[Culprit[ArchivedEvent]]], Awaitable[None]]
"""Dead-letters events that cannot be archived, as they are on the log."""


@dataclass(frozen=True, slots=True)
class FlushPolicy:
    """When the events collected from one partition are written: after so long, or at this many events or bytes."""

    seconds: float
    events: int
    bytes: int


@dataclass(slots=True)
class _Partition:
    """What was read after the last commit; `next_offset` is what a flush commits."""

    next_offset: int
    committed: int
    events: list[ArchivedEvent] = field(default_factory=list)
    bytes: int = 0
    since_s: float = 0.0

    def due(self, policy: FlushPolicy, now_s: float) -> bool:
        """Whether to flush now; records without a valid event make a commit due by time as well."""
        if self.next_offset == self.committed:
            return False
        return self.full(policy) or now_s - self.since_s >= policy.seconds

    def full(self, policy: FlushPolicy) -> bool:
        """Whether nothing more is to be collected before a flush."""
        return len(self.events) >= policy.events or self.bytes >= policy.bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Archiving:
    """The archive group: what it works with, whatever its partitions.

    Attributes:
        validator: says which events can be used.
        archive: where they are kept.
        policy: when what was collected is written.
        put_aside: is given what cannot be encoded; raises what passes.
        origins: reads the originals of what claims to be a copy.
        metrics: what is counted.
        clock: wall time, to judge timestamps in the future.
        monotonic: seconds that only go forward, for the policy.
    """

    validator: EventValidator
    archive: Archive
    policy: FlushPolicy
    put_aside: PutEventsAside
    origins: ReadOrigins
    metrics: IngestMetrics
    clock: Clock
    monotonic: Callable[[], float]

    async def begin(self, member: GroupMember, committed: Mapping[TopicPartition, Committed]) -> "Archiver":
        """Remove the leftovers of a crash, then start from what was committed."""
        for partition, commit in committed.items():
            clean_up = partial(asyncio.to_thread, self._clean_up, partition.partition, commit.offset)
            removed = await member.persist("archive", clean_up)
            if removed:
                log.warning("leftovers of a crash removed", partition=partition.partition, files=removed)
        held = {partition: _Partition(commit.offset, commit.offset) for partition, commit in committed.items()}
        return Archiver(self, member, held)

    def _clean_up(self, partition: int, committed: int) -> int:
        note = pending_path(partition)
        folder = note.rpartition("/")[0]
        if not any(entry.path == note for entry in self.archive.list(folder)):
            return 0
        stale = leftovers(self.archive.read(note), committed)
        for path in stale:
            self.archive.delete(path)
        self.archive.delete(note)
        return len(stale)


def put_aside_with(letters: DeadLetterWriter, quarantine: Quarantine) -> PutEventsAside:
    """Puts events aside on the dead-letter topic."""

    async def put_aside(partition: TopicPartition, culprits: Sequence[Culprit[ArchivedEvent]]) -> None:
        found = []
        for culprit in culprits:
            offset = culprit.item.offset
            records = await letters.on_log(partition.topic, partition.partition, offset, offset + 1)
            found += [unprocessable(record, culprit.fault, culprit.stage) for record in records]
        letters.expect_also(partition.topic, partition.partition)
        for letter in await letters.write(found):
            quarantine.note(letter.stage, "{}-{}@{}".format(*letter.source), letter.detail)

    return put_aside


class Archiver:
    """The `AssignedWork` of the archive group on the partitions of one assignment.

    Rejected records are left to the windows group, which keeps them. A mis-keyed event is archived as it came, and the
    copy that ingest published under its right key is not, where it is proven to be one.
    """

    def __init__(self, archiving: Archiving, member: GroupMember, held: Mapping[TopicPartition, _Partition]) -> None:
        self._with = archiving
        self._member = member
        self._held = held
        self._metadata = GroupProgress(flush_s=archiving.policy.seconds).metadata()

    def hungry(self) -> Collection[TopicPartition]:
        """Those that are not full."""
        return [partition for partition, held in self._held.items() if not held.full(self._with.policy)]

    def positions(self) -> Mapping[TopicPartition, int]:
        """The first record of each partition that is not in the archive."""
        return {partition: held.committed for partition, held in self._held.items()}

    async def handle(self, records: Records) -> None:
        """Collect, and flush what is due."""
        with self._with.metrics.batch_seconds.labels(ARCHIVE_GROUP).time():
            await self._collect(records)
            now_s = self._with.monotonic()
            for partition, held in self._held.items():
                if held.due(self._with.policy, now_s):
                    await self._flush(partition, held)

    async def finish(self) -> None:
        """Flush everything."""
        for partition, held in self._held.items():
            if held.next_offset != held.committed:
                await self._flush(partition, held)

    async def _collect(self, records: Records) -> None:
        ours = {partition: batch for partition, batch in records.items() if partition in self._held}
        if not ours:
            return
        validated = await self._member.persist(
            "validate", lambda: asyncio.to_thread(validate_all, self._with.validator, ours, self._with.clock)
        )
        copies = await self._copies([pair for batch in validated.values() for pair in batch.events])
        for partition, batch in validated.items():
            held = self._held[partition]
            if held.next_offset == held.committed:
                held.since_s = self._with.monotonic()
                held.committed = ours[partition][0].offset
            for event, record in batch.events:
                if (record.partition, record.offset) not in copies:
                    held.events.append(ArchivedEvent(event, record.partition, record.offset))
                    held.bytes += len(record.value)
            held.next_offset = ours[partition][-1].offset + 1

    async def _copies(self, events: Sequence[tuple[TrafficEvent, ConsumerRecord]]) -> set[Place]:
        claims = {place for _, record in events if record.headers and (place := claimed_origin(record)) is not None}
        if not claims:
            return set()
        originals = await self._member.persist("look-up", lambda: self._with.origins(claims))
        claiming = [pair for pair in events if pair[1].headers]
        return await self._member.persist(
            "validate",
            lambda: asyncio.to_thread(proven_copies, claiming, originals, self._with.validator, self._with.clock),
        )

    async def _flush(self, partition: TopicPartition, held: _Partition) -> None:
        number = partition.partition
        if held.events:
            await self._member.commit({partition: (held.committed, self._metadata)})
            files = await self._written(partition, held)
            await self._member.commit({partition: (held.next_offset, self._metadata)})
            await self._member.persist(
                "archive", lambda: asyncio.to_thread(self._with.archive.delete, pending_path(number))
            )
            self._with.metrics.archived.inc(len(held.events))
            self._with.metrics.files.inc(files)
        else:
            await self._member.commit({partition: (held.next_offset, self._metadata)})
        held.committed = held.next_offset
        held.events = []
        held.bytes = 0

    async def _written(self, partition: TopicPartition, held: _Partition) -> int:
        """How many files it became; what cannot be encoded is put aside first."""
        number = partition.partition

        async def write() -> int:
            return await asyncio.to_thread(self._write, number, held.events)

        async def encode(events: Sequence[ArchivedEvent]) -> None:
            await asyncio.to_thread(encode_container, events)

        try:
            return await self._member.persist("archive", write)
        except Exception as fault:
            if not of_record(fault):
                raise
        held.events, culprits = await sift(self._member.persist, ENCODE, held.events, encode)
        await self._member.persist("dead-letter", lambda: self._with.put_aside(partition, culprits))
        return await self._member.persist("archive", write) if held.events else 0

    def _write(self, partition: int, events: list[ArchivedEvent]) -> int:
        by_hour: dict[tuple[NetworkId, datetime], list[ArchivedEvent]] = defaultdict(list)
        for archived in events:
            by_hour[archived.event.network_id, hour_of(archived.event.timestamp)].append(archived)
        files = {
            PlannedFile(
                raw_path(network_id, hour, partition, group[0].offset, group[-1].offset),
                group[0].offset,
                group[-1].offset,
            ): group
            for (network_id, hour), group in by_hour.items()
        }
        self._with.archive.write(pending_path(partition), write_intent(list(files)))
        for file, group in files.items():
            self._with.archive.write(file.path, encode_container(group))
        return len(files)
