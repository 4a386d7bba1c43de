"""Raw events as Avro object container files: self-describing, compressed, readable by every Avro library.

The schema is that of `TrafficEvent` with two more fields, `partition` and `offset`, the place of the event on the log.
The codec is deflate, which the Avro specification requires of every implementation.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cache
from io import BytesIO
from operator import itemgetter
from typing import Any, cast

import fastavro
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException

from shared.events.avro import DAMAGE
from shared.events.errors import ArchiveError
from shared.events.published import current_schema
from shared.events.records import TrafficEvent

CODEC = "deflate"
BLOCK_BYTES = 64 * 1024

# What fastavro raises on a header or a block that is cut or overwritten.
DAMAGED_FILE = (*DAMAGE, AttributeError, RecursionError, SchemaParseException, SchemaResolutionError, zlib.error)

_VALUES = itemgetter(*(field.name for field in fields(TrafficEvent)), "partition", "offset")


@dataclass(frozen=True, slots=True)
class ArchivedEvent:
    """An event and its place on the log."""

    event: TrafficEvent
    partition: int
    offset: int


@cache
def container_schema() -> dict[str, Any]:
    """The parsed schema of raw files."""
    schema = current_schema(TrafficEvent.__name__).definition
    place = [
        {"name": "partition", "type": "int", "doc": "Partition of traffic-events that the event was read from."},
        {"name": "offset", "type": "long", "doc": "Offset of the event in that partition."},
    ]
    described = {**schema, "name": "ArchivedTrafficEvent", "fields": [*schema["fields"], *place]}
    return cast("dict[str, Any]", fastavro.parse_schema(described))


def encode_container(events: Iterable[ArchivedEvent]) -> bytes:
    """The content of one file with these events, in their order."""
    content = BytesIO()
    fastavro.writer(
        content,
        container_schema(),
        map(_row, events),
        codec=CODEC,
        sync_interval=BLOCK_BYTES,
    )
    return content.getvalue()


def decode_container(content: bytes, path: str = "") -> Iterator[ArchivedEvent]:
    """The events of one file in their order; files written with an older schema read as well.

    Raises:
        ArchiveError: the content is damaged or no such file; names `path`.
    """
    try:
        rows = fastavro.reader(BytesIO(content))
        if cast("dict[str, Any]", rows.writer_schema).get("fields") != container_schema()["fields"]:
            # Resolution halves the speed, so only files of another age pay for it.
            rows = fastavro.reader(BytesIO(content), container_schema())
        for row in rows:
            *event, partition, offset = _VALUES(cast("dict[str, Any]", row))
            yield ArchivedEvent(TrafficEvent(*event), partition, offset)
    except DAMAGED_FILE as damaged:
        raise ArchiveError(f"archive: {path or 'file'} is not a readable container of events: {damaged}") from damaged


def _row(archived: ArchivedEvent) -> dict[str, object]:
    event = archived.event
    return {
        "event_id": event.event_id,
        "network_id": event.network_id,
        "sensor_id": event.sensor_id,
        "timestamp": event.timestamp,
        "speed_mph": event.speed_mph,
        "volume_vehicles": event.volume_vehicles,
        "occupancy": event.occupancy,
        "share_observed": event.share_observed,
        "latitude": event.latitude,
        "longitude": event.longitude,
        "partition": archived.partition,
        "offset": archived.offset,
    }
