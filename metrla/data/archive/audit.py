"""Audit the archive against the log: read both side by side and verify every offset."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from metrla.data.archive.events import raw_files
from metrla.data.archive.verification import LoggedRecord, PartitionVerification
from services.ingest.checkpoint import Checkpoint
from services.ingest.copies import Place, claimed_origin, proven_copies, read_origins
from services.ingest.intake import validate
from services.ingest.validator import EventValidator
from shared.archive.container import ArchivedEvent, decode_container
from shared.archive.layout import RawFile
from shared.archive.port import Archive
from shared.events.topics import TRAFFIC_EVENTS, TRAFFIC_EVENTS_DLQ
from shared.kafka.admin import open_admin, partitions_of
from shared.kafka.deadletter import source_of
from shared.kafka.progress import ARCHIVE_GROUP, WINDOWS_GROUP
from shared.kafka.replay import REBUILDING_WAIT_MS, open_reader, read_range
from shared.runtime.clock import Clock

CLIENT_ID = "metrla-archive-verify"
OFFSETS_AT_ONCE = 50_000

Advance = Callable[[int, int], None]
"""Told (offsets verified, offsets in all) as it goes."""


async def audit_archive(
    bootstrap_servers: str, archive: Archive, validator: EventValidator, clock: Clock, advance: Advance
) -> list[PartitionVerification]:
    """Verify every partition of the events topic up to what the archiver has committed.

    The pipeline may go on meanwhile. Memory holds some ten thousand events, the paths of the files that overlap the log
    and the offsets of the dead letters.

    Raises:
        TopicError: the log has no such topics.
        ArchiveError: the archive does not answer, or a file is damaged.
        KafkaError: the log does not answer.
    """
    archived_to, handled_to = await _committed(bootstrap_servers)
    partitions = await partitions_of(bootstrap_servers, [TRAFFIC_EVENTS])
    dlq_partitions = await partitions_of(bootstrap_servers, [TRAFFIC_EVENTS_DLQ])
    async with open_reader(bootstrap_servers, CLIENT_ID, max_wait_ms=REBUILDING_WAIT_MS) as reader:
        starts = await reader.beginning_offsets(partitions)
        ends = await reader.end_offsets(partitions)
        dead_letters = await _dead_letters(reader, dlq_partitions)
        verifications = [
            PartitionVerification(
                partition=partition.partition,
                log_start=starts[partition],
                committed=archived_to.get(partition, starts[partition]),
                log_end=ends[partition],
                dead_lettered=dead_letters[partition.partition],
                dead_lettered_before=handled_to.get(partition, 0),
            )
            for partition in partitions
        ]
        files = await asyncio.to_thread(_files, archive, verifications)
        total = sum(max(0, one.committed - one.log_start) for one in verifications)
        done = 0
        for one in verifications:
            for start in range(one.log_start, one.committed, OFFSETS_AT_ONCE):
                end = min(one.committed, start + OFFSETS_AT_ONCE)
                await _verify(reader, partitions, archive, files[one.partition], validator, clock, one, start, end)
                done += end - start
                advance(done, total)
    return verifications


async def _verify(
    reader: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    archive: Archive,
    files: Sequence[RawFile],
    validator: EventValidator,
    clock: Clock,
    verification: PartitionVerification,
    start: int,
    end: int,
) -> None:
    partition = TopicPartition(TRAFFIC_EVENTS.name, verification.partition)
    records = await read_range(reader, partition, start, end)
    # Retention may have taken the oldest records while we came here.
    start = max(start, (await reader.beginning_offsets([partition]))[partition])

    claims = {place for record in records if (place := claimed_origin(record)) is not None}
    originals = await read_origins(reader, partitions, claims, len(claims)) if claims else {}
    begins = {one.partition: at for one, at in (await reader.beginning_offsets(partitions)).items()}

    def compare() -> None:
        logged = _logged(validator, [record for record in records if record.offset >= start], clock, originals, begins)
        verification.check(start, end, logged, _archived(archive, files, start, end))

    await asyncio.to_thread(compare)


def _logged(
    validator: EventValidator,
    records: Sequence[ConsumerRecord],
    clock: Clock,
    originals: Mapping[Place, ConsumerRecord],
    begins: Mapping[int, int],
) -> Iterator[LoggedRecord]:
    judged = validate(validator, records, clock).events
    valid = {record.offset: event for event, record in judged}
    copies = proven_copies(judged, originals, validator, clock)
    for record in records:
        claimed = claimed_origin(record)
        unsure = claimed is not None and claimed[1] < begins.get(claimed[0], 0)
        copy = (record.partition, record.offset) in copies
        yield LoggedRecord(record.offset, valid.get(record.offset), copy or unsure, unsure)


def _archived(archive: Archive, files: Sequence[RawFile], start: int, end: int) -> Iterator[ArchivedEvent]:
    for file in files:
        if file.first_offset < end and file.last_offset >= start:
            yield from decode_container(archive.read(file.path), file.path)


def _files(archive: Archive, verifications: Iterable[PartitionVerification]) -> Mapping[int, list[RawFile]]:
    """The files that overlap what is verified, by partition."""
    by_partition = {one.partition: one for one in verifications}
    files: dict[int, list[RawFile]] = defaultdict(list)
    for file in raw_files(archive):
        one = by_partition.get(file.partition)
        if one is not None and file.last_offset >= one.log_start and file.first_offset < one.committed:
            files[file.partition].append(file)
    return files


async def _committed(bootstrap_servers: str) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
    """How far events are archived, and how far bad ones are dead-lettered."""
    async with open_admin(bootstrap_servers) as admin:
        archived: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(ARCHIVE_GROUP)
        windows: dict[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(WINDOWS_GROUP)
    handled = {}
    for partition, commit in windows.items():
        checkpoint = Checkpoint.read(commit.offset, commit.metadata)
        handled[partition] = commit.offset if checkpoint is None else checkpoint.handled
    return {partition: commit.offset for partition, commit in archived.items() if commit.offset >= 0}, handled


async def _dead_letters(reader: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> Mapping[int, set[int]]:
    """Offsets of the events topic that the dead-letter topic accounts for, by partition."""
    found: dict[int, set[int]] = defaultdict(set)
    for partition in partitions:
        start = (await reader.beginning_offsets([partition]))[partition]
        end = (await reader.end_offsets([partition]))[partition]
        for first in range(start, end, OFFSETS_AT_ONCE):
            for record in await read_range(reader, partition, first, min(end, first + OFFSETS_AT_ONCE)):
                source = source_of(record)
                if source is not None and source[0] == TRAFFIC_EVENTS.name:
                    found[source[1]].add(source[2])
    return found
