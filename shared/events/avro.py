"""The wire form of every record: Avro single-object encoding. Pure, but for reading `schemas/` once per record type.

A message is C3 01, the CRC-64-AVRO fingerprint of the writer's schema (8 bytes, little-endian) and the Avro binary of
the record (Avro specification, 'Single object encoding'). Every version in `schemas/history/` can still be read.
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from io import BytesIO
from operator import attrgetter
from types import NoneType
from typing import Any, Generic, TypeVar, get_args, get_origin, get_type_hints

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.limits import FieldCheck, FieldFaultError, check_of
from shared.events.published import current_schema, published_versions
from shared.events.records import Record, TrafficEvent
from shared.events.text import cut

MAGIC = b"\xc3\x01"
CONFLUENT_MAGIC = b"\x00"
HEADER_BYTES = 10
SHOWN_BYTES = 16
SHOWN_FAULT_BYTES = 200

R = TypeVar("R", bound=Record)
Shaped = TypeVar("Shaped")
Plain = dict[str, Any]
ParsedSchema = Any

# What fastavro raises on bytes that are no record of the schema: short reads, an index beyond a union or an enum, text
# that is no UTF-8, a time beyond year 9999, a length beyond 64 bits or beyond memory.
DAMAGE = (EOFError, IndexError, KeyError, ValueError, OverflowError, TypeError, MemoryError)

JUDGED_BY_INGEST = frozenset({TrafficEvent})
"""Records whose fields are not checked here: ingest tells each kind of fault of an event by a reason of its own."""


class Shape(Generic[Shaped]):
    """How a dataclass of scalars, datetimes, enums and tuples of these becomes a dictionary by field name, and back.

    fastavro reads and writes such dictionaries; the mapping is derived from the dataclass itself. Where `held`, what is
    read is held to `shared.events.limits`.
    """

    def __init__(self, kind: type[Shaped], *, held: bool = True) -> None:
        hints = get_type_hints(kind)
        self.kind = kind
        self._held = held and kind not in JUDGED_BY_INGEST
        self.names = tuple(field.name for field in fields(kind))  # type: ignore[arg-type]  # Shaped is a dataclass
        self._values = attrgetter(*self.names)
        self._times = tuple(name for name in self.names if datetime in _members(hints[name]))
        self._inward: list[tuple[str, Callable[[Any], Any]]] = []
        self._outward: list[tuple[str, Callable[[Any], Any]]] = []
        for name in self.names:
            self._convert(name, hints[name])

    def record(self, plain: Plain) -> Shaped:
        """The record of what fastavro has read; `plain` may be changed. Raises `FieldFaultError`."""
        for name, convert in self._inward:
            plain[name] = convert(plain[name])
        return self.kind(**plain)

    def plain(self, record: Shaped) -> Plain:
        """What fastavro is to write; raises `ValueError` for a datetime without offset."""
        values: Plain = dict(zip(self.names, self._values(record), strict=True))
        for name in self._times:
            time = values[name]
            if time is not None and time.tzinfo is None:
                raise ValueError(f"{self.kind.__name__}.{name} has no UTC offset: {time}")
        for name, convert in self._outward:
            values[name] = convert(values[name])
        return values

    def _convert(self, name: str, hint: object) -> None:
        if isinstance(hint, type) and issubclass(hint, Enum):
            self._inward.append((name, hint))
        elif get_origin(hint) is tuple:
            item = get_args(hint)[0]
            if isinstance(item, type) and is_dataclass(item):
                shape: Shape[Any] = Shape(item, held=self._held)
                self._inward.append((name, lambda plains: tuple(map(shape.record, plains))))
                self._outward.append((name, lambda records: list(map(shape.plain, records))))
            else:
                check = check_of(name, _plain(item)) if self._held else None
                self._inward.append((name, tuple if check is None else _each(check)))
        elif isinstance(symbol := _members(hint)[0], type) and issubclass(symbol, Enum):
            self._inward.append((name, _unless_missing(symbol)))
        elif self._held:
            self._check(name, hint)

    def _check(self, name: str, hint: object) -> None:
        (member,) = _members(hint)
        check = check_of(name, _plain(member))
        if check is not None:
            self._inward.append((name, check if member is hint else _unless_missing(check)))


def _plain(hint: Any) -> type:  # noqa: ANN401 - a type hint has no type
    """The type that decides: an id is a `NewType` of text."""
    plain: type = getattr(hint, "__supertype__", hint)
    return plain


def _each(check: FieldCheck) -> FieldCheck:
    return lambda values: tuple(map(check, values))


def _unless_missing(check: FieldCheck) -> FieldCheck:
    return lambda value: None if value is None else check(value)


def _members(hint: object) -> tuple[object, ...]:
    """The types that a hint allows besides `None`."""
    return tuple(member for member in get_args(hint) or (hint,) if member is not NoneType)


class RecordCodec(Generic[R]):
    """Writes records of one type with their current schema, reads them from any version."""

    def __init__(self, kind: type[R]) -> None:
        current = current_schema(kind.__name__)
        self.kind = kind
        self.schema: ParsedSchema = parse_schema(current.definition)
        self._shape: Shape[R] = Shape(kind)
        self._stored: Shape[R] = Shape(kind, held=False)
        self._header = MAGIC + current.fingerprint
        self._writers: dict[bytes, tuple[ParsedSchema, ParsedSchema | None]] = {
            MAGIC + version.fingerprint: (parse_schema(version.definition), self.schema)
            for version in published_versions(kind.__name__)
        }
        # Without a reader schema fastavro skips resolution: the fast path of nearly every message.
        self._writers[self._header] = (self.schema, None)

    def encode(self, record: R) -> bytes:
        """The message of `record`; times are cut to milliseconds. Raises `ValueError` for a time without offset."""
        body = BytesIO()
        body.write(self._header)
        schemaless_writer(body, self.schema, self._shape.plain(record))
        return body.getvalue()

    def decode(self, data: bytes) -> R:
        """The record of a message; raises `RejectedEventError` for bytes that are none, or that break the limits."""
        writer = self._writers.get(data[:HEADER_BYTES])
        if writer is None:
            raise self._unknown(data)
        return self.read(data, HEADER_BYTES, *writer)

    def decode_stored(self, data: bytes) -> R:
        """As `decode`, for what a store has: it is shown whatever it holds, so that somebody can see what is wrong."""
        writer = self._writers.get(data[:HEADER_BYTES])
        if writer is None:
            raise self._unknown(data)
        return self._read(data, HEADER_BYTES, *writer, self._stored)

    def read(self, data: bytes, start: int, writer: ParsedSchema, reader: ParsedSchema | None) -> R:
        """The record that `writer` wrote from byte `start` to the end of `data`, resolved to `reader` where given."""
        return self._read(data, start, writer, reader, self._shape)

    def _read(self, data: bytes, start: int, writer: ParsedSchema, reader: ParsedSchema | None, shape: Shape[R]) -> R:
        body = BytesIO(data)
        body.seek(start)
        try:
            plain: Any = schemaless_reader(body, writer, reader)
        except DAMAGE as damaged:
            raise self._damaged(data, damaged) from damaged
        except SchemaResolutionError as unfit:
            raise RejectedEventError(RejectionReason.UNKNOWN_SCHEMA, cut(str(unfit), SHOWN_FAULT_BYTES)) from unfit
        if body.tell() != len(data):
            detail = f"{len(data) - body.tell()} bytes follow the {self.kind.__name__}"
            raise RejectedEventError(RejectionReason.UNDECODABLE, detail)
        try:
            return shape.record(plain)
        except FieldFaultError as unusable:
            raise RejectedEventError(RejectionReason.INVALID_FIELD, str(unusable)) from unusable
        except DAMAGE as damaged:
            raise self._damaged(data, damaged) from damaged

    def _damaged(self, data: bytes, damage: Exception) -> RejectedEventError:
        fault = cut(str(damage), SHOWN_FAULT_BYTES) or "they end too early"
        detail = f"{len(data)} bytes are not a {self.kind.__name__}: {fault}"
        return RejectedEventError(RejectionReason.UNDECODABLE, detail)

    def _unknown(self, data: bytes) -> RejectedEventError:
        if data.startswith(MAGIC) and len(data) >= HEADER_BYTES:
            detail = f"no {self.kind.__name__} schema has the fingerprint {data[2:HEADER_BYTES].hex()}"
            return RejectedEventError(RejectionReason.UNKNOWN_SCHEMA, detail)
        if data.startswith(CONFLUENT_MAGIC):
            detail = "Confluent wire format, but METRLA_SCHEMA_REGISTRY_URL is not set"
            return RejectedEventError(RejectionReason.UNKNOWN_SCHEMA, detail)
        shown = f"starting with {data[:SHOWN_BYTES].hex(' ')}" if data else "an empty value"
        detail = f"{len(data)} bytes, {shown}: not Avro single-object encoding"
        return RejectedEventError(RejectionReason.UNDECODABLE, detail)


_CODECS: dict[object, RecordCodec[Any]] = {}


def codec(kind: type[R]) -> RecordCodec[R]:
    """The codec of a record type, made on first use and kept."""
    known: RecordCodec[R] | None = _CODECS.get(kind)
    if known is None:
        known = _CODECS[kind] = RecordCodec(kind)
    return known


def encode(record: Record) -> bytes:
    """The message of `record` for its topic; times are cut to milliseconds.

    Raises:
        ValueError: a datetime of the record has no UTC offset.
    """
    return codec(type(record)).encode(record)


def decode(kind: type[R], data: bytes) -> R:
    """The record of type `kind` in a message.

    Raises:
        RejectedEventError: UNKNOWN_SCHEMA for a schema that was never published here, UNDECODABLE for bytes that are
            truncated, too long or no message at all, INVALID_FIELD for a record beyond `shared.events.limits`.
    """
    return codec(kind).decode(data)
