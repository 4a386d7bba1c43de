"""Which records are copies that ingest published under the right key, by proof and not by their word.

A copy is not archived, for its original is. Whoever sends readings can set the header of a copy as well, and would keep
a reading out of the archive with it. So the original is looked up where the header says that it is: a copy has its
value, and the original is valid, has another key, and claims to be no copy itself. What is not proven is archived.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from services.ingest.intake import validate
from services.ingest.validator import EventValidator
from shared.events.records import TrafficEvent
from shared.events.topics import REKEYED_FROM, TRAFFIC_EVENTS
from shared.kafka.admin import partitions_of
from shared.kafka.replay import REBUILDING_WAIT_MS, open_reader, read_range
from shared.runtime.clock import Clock

log = structlog.stdlib.get_logger(__name__)

Place: TypeAlias = tuple[int, int]
"""Partition and offset on `traffic-events`."""

ReadOrigins: TypeAlias = Callable[[Collection[Place]], Awaitable[Mapping[Place, ConsumerRecord]]]
"""The records at these places, as far as the log has them; raises `KafkaError`."""

GAP = 50
"""Places no further apart are read together."""
MOST_RUNS = 32
"""So many stretches of the log are read for one batch, those with most places first: honest copies lie close together,
and whoever makes up places must not make the archive slow."""


def claimed_origin(record: ConsumerRecord) -> Place | None:
    """Where the record says that its original is; `None` where it does not claim to be a copy. Never raises."""
    for name, value in reversed(record.headers or ()):
        if name == REKEYED_FROM:
            partition, _, offset = bytes(value or b"").partition(b":")
            if partition.isdigit() and offset.isdigit() and len(partition) < 10 and len(offset) < 20:  # noqa: PLR2004 - 31, 63 bits
                return int(partition), int(offset)
            return None
    return None


def proven_copies(
    events: Iterable[tuple[TrafficEvent, ConsumerRecord]],
    originals: Mapping[Place, ConsumerRecord],
    validator: EventValidator,
    clock: Clock,
) -> set[Place]:
    """The places of those records whose originals are in the archive in their stead."""
    valid = {
        (original.partition, original.offset): original
        for _, original in validate(validator, list(originals.values()), clock).events
    }
    proven = set()
    for event, record in events:
        place = claimed_origin(record)
        original = None if place is None else valid.get(place)
        if original is not None and _is_copy(event, record, original):
            proven.add((record.partition, record.offset))
    return proven


def _is_copy(event: TrafficEvent, record: ConsumerRecord, original: ConsumerRecord) -> bool:
    key = event.sensor_id.encode()
    return (
        record.value == original.value
        and record.key == key
        and original.key != key
        and claimed_origin(original) is None
    )


def origins_on(bootstrap_servers: str, client_id: str) -> ReadOrigins:
    """Reads originals from the log."""

    async def read(places: Collection[Place]) -> Mapping[Place, ConsumerRecord]:
        partitions = await partitions_of(bootstrap_servers, [TRAFFIC_EVENTS])
        async with open_reader(bootstrap_servers, client_id, max_wait_ms=REBUILDING_WAIT_MS) as reader:
            return await read_origins(reader, partitions, places, MOST_RUNS)

    return read


async def read_origins(
    reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition], places: Collection[Place], most_runs: int
) -> dict[Place, ConsumerRecord]:
    """The records at these places, as far as the log has them, of at most so many stretches of it."""
    ends = await reader.end_offsets(partitions)
    there = [
        (partition, offset)
        for partition in partitions
        for of, offset in places
        if of == partition.partition and offset < ends[partition]
    ]
    runs = _runs(sorted(there))
    if len(runs) > most_runs:
        log.warning("copies left unproven, and archived", stretches=len(runs) - most_runs)
    found: dict[Place, ConsumerRecord] = {}
    for partition, offsets in sorted(runs, key=lambda run: -len(run[1]))[:most_runs]:
        for record in await read_range(reader, partition, offsets[0], offsets[-1] + 1):
            found[record.partition, record.offset] = record
    return {place: found[place] for place in places if place in found}


def _runs(there: Iterable[tuple[TopicPartition, int]]) -> list[tuple[TopicPartition, list[int]]]:
    runs: list[tuple[TopicPartition, list[int]]] = []
    for partition, offset in there:
        if runs and runs[-1][0] == partition and offset - runs[-1][1][-1] <= GAP:
            runs[-1][1].append(offset)
        else:
            runs.append((partition, [offset]))
    return runs
