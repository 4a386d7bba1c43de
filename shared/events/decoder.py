"""Read records in every wire form that is accepted: single-object Avro always, others where configured. Pure."""

from collections.abc import Callable
from typing import Any, Generic, TypeAlias

from shared.events.avro import CONFLUENT_MAGIC, MAGIC, ParsedSchema, R, codec
from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.records import TrafficEvent
from shared.events.topics import TRAFFIC_EVENTS

CONFLUENT_HEADER_BYTES = 5
JSON_STARTS = frozenset(b"{ \t\r\n\xef")

# Finds the schema that a Confluent schema id stands for, parsed and readable as the given record type:
# `shared.schemas.registry.SchemaRegistry.writer`. Raises RejectedEventError (UNKNOWN_SCHEMA), or
# SchemaRegistryUnavailableError, which says nothing about the message.
WriterLookup: TypeAlias = Callable[[type[Any], int], ParsedSchema]

# Reads a JSON object as an event; the second argument is the event_id of an event that has none of its own.
ReadJson: TypeAlias = Callable[[bytes, str], TrafficEvent]


class Decoder(Generic[R]):
    """Decodes messages of one record type: Avro single-object encoding, and Confluent's where `writers` is given."""

    def __init__(self, kind: type[R], writers: WriterLookup | None = None) -> None:
        self._codec = codec(kind)
        self._writers = writers

    def __call__(self, data: bytes) -> R:
        """The record in a message.

        Raises:
            RejectedEventError: UNDECODABLE or UNKNOWN_SCHEMA.
            SchemaRegistryUnavailableError: the schema registry does not answer; the message may be good, try again.
        """
        if self._writers is None or not data.startswith(CONFLUENT_MAGIC):
            return self._codec.decode(data)
        if len(data) < CONFLUENT_HEADER_BYTES:
            detail = f"{len(data)} bytes are too few for the Confluent wire format"
            raise RejectedEventError(RejectionReason.UNDECODABLE, detail)
        schema_id = int.from_bytes(data[1:CONFLUENT_HEADER_BYTES], "big", signed=True)
        writer = self._writers(self._codec.kind, schema_id)
        return self._codec.read(data, CONFLUENT_HEADER_BYTES, writer, self._codec.schema)


class EventDecoder:
    """Decodes values of `traffic-events`: what `Decoder` reads, and JSON objects where `read_json` is given."""

    def __init__(self, writers: WriterLookup | None = None, read_json: ReadJson | None = None) -> None:
        self._decode_avro = codec(TrafficEvent).decode
        self._decode = Decoder(TrafficEvent, writers)
        self._read_json = read_json

    def __call__(self, value: bytes, partition: int, offset: int) -> TrafficEvent:
        """The event in the value at `offset` of `partition`; raises as `Decoder` does, and MAPPING_FAILED."""
        if value.startswith(MAGIC):
            return self._decode_avro(value)
        if self._read_json is not None and value and value[0] in JSON_STARTS:
            return self._read_json(value, f"{TRAFFIC_EVENTS.name}+{partition}+{offset}")
        return self._decode(value)
