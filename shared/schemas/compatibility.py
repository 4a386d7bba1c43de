"""What breaks between two versions of a schema, by Avro's resolution rules and by the logical types. Pure.

Types, unions, enums and promotions are judged by the Avro project's own checker (`avro.compatibility`). Records are
walked here, because it reports all faults of a record as one, and logical types are compared here, because it ignores
them: from milliseconds to microseconds the fingerprint stays the same and every time shifts by a factor of 1,000.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType, lookup_writer_field
from avro.errors import IgnoredLogicalType
from avro.schema import ArraySchema, EnumSchema, MapSchema, RecordSchema, Schema, UnionSchema, parse


def breaks(reader: Mapping[str, Any], writer: Mapping[str, Any]) -> tuple[str, ...]:
    """Why `reader` cannot read what `writer` wrote: one line per break, empty where it can.

    Both are record schemas as their `.avsc` has them.

    Raises:
        avro.errors.AvroException: one of them is not a valid schema.
    """
    with warnings.catch_warnings():
        # A foreign writer's own logical types are plain values to us, as the specification wants.
        warnings.simplefilter("ignore", IgnoredLogicalType)
        read, written = parse(json.dumps(reader)), parse(json.dumps(writer))
    return (*_type_breaks(read, written, _shown(read)), *_logical_breaks(read, written, _shown(read)))


def _type_breaks(reader: Schema, writer: Schema, where: str) -> Iterator[str]:
    if isinstance(reader, RecordSchema) and isinstance(writer, RecordSchema):
        if reader.name != writer.name:
            yield f"{where}: the writer's record is a {writer.name}"
            return
        for field in reader.fields:
            counterpart = lookup_writer_field(writer, field)
            if counterpart is not None:
                yield from _type_breaks(field.type, counterpart.type, f"{where}.{field.name}")
            elif not field.has_default:
                yield f"{where}.{field.name}: the writer has no such field and the reader no default for it"
    elif isinstance(reader, ArraySchema) and isinstance(writer, ArraySchema):
        yield from _type_breaks(reader.items, writer.items, f"{where}[]")
    else:
        checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # its constructor lacks "-> None"
        result = checker.get_compatibility(reader, writer)
        if result.compatibility is SchemaCompatibilityType.incompatible:
            yield f"{where}: written as {_shown(writer)}, read as {_shown(reader)}"


def _logical_breaks(reader: Schema, writer: Schema, where: str) -> Iterator[str]:
    """Where both sides have the same type but another meaning of it."""
    if isinstance(reader, UnionSchema) or isinstance(writer, UnionSchema):
        for read in _branches(reader):
            for written in _branches(writer):
                yield from _logical_breaks(read, written, where)
    elif isinstance(reader, RecordSchema) and isinstance(writer, RecordSchema):
        for field in reader.fields:
            if (counterpart := lookup_writer_field(writer, field)) is not None:
                yield from _logical_breaks(field.type, counterpart.type, f"{where}.{field.name}")
    elif isinstance(reader, ArraySchema) and isinstance(writer, ArraySchema):
        yield from _logical_breaks(reader.items, writer.items, f"{where}[]")
    elif isinstance(reader, MapSchema) and isinstance(writer, MapSchema):
        yield from _logical_breaks(reader.values, writer.values, f"{where}{{}}")
    elif reader.type == writer.type and _meaning(reader) != _meaning(writer):
        yield f"{where}: written as {_shown(writer)}, read as {_shown(reader)}"


def _branches(schema: Schema) -> list[Schema]:
    return list(schema.schemas) if isinstance(schema, UnionSchema) else [schema]


def _meaning(schema: Schema) -> str | None:
    meaning = getattr(schema, "logical_type", None)
    return None if meaning is None else str(meaning)


def _shown(schema: Schema) -> str:
    """A type as a line of text can carry it."""
    if isinstance(schema, UnionSchema):
        return " or ".join(map(_shown, schema.schemas))
    if isinstance(schema, EnumSchema):
        return f"one of {', '.join(schema.symbols)}"
    return _meaning(schema) or str(getattr(schema, "name", None) or schema.type)
