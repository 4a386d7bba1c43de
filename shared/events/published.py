"""The published schemas: `schemas/<Record>.avsc` is current, `schemas/history/<Record>/` holds every version."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastavro.schema import SchemaParseException, fingerprint, parse_schema, to_parsing_canonical_form

from shared.events.errors import ConfigurationError

SCHEMAS_FOLDER = Path(__file__).parents[2] / "schemas"
SUFFIX = ".avsc"


@dataclass(frozen=True, slots=True)
class PublishedSchema:
    """One version of one schema. `definition` is the file's JSON; `fingerprint` is CRC-64-AVRO, little-endian."""

    path: Path
    definition: dict[str, Any]

    @property
    def name(self) -> str:
        """Name of the record, without its namespace."""
        return str(self.definition["name"]).rpartition(".")[2]

    @property
    def fingerprint(self) -> bytes:
        """The 8 bytes that stand for this schema on the wire (Avro specification, 'Schema Fingerprints')."""
        canonical = to_parsing_canonical_form(self.definition)
        return bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))

    @property
    def label(self) -> str:
        """How messages name it: 'TrafficEvent version 1' or 'TrafficEvent'."""
        return f"{self.name} version {self.path.stem}" if self.path.stem.isdigit() else self.name


def read_schema(path: Path) -> PublishedSchema:
    """Read one `.avsc`; raises `ConfigurationError` in one line where it is missing, no JSON or no record schema."""
    try:
        definition = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(definition, dict) or definition.get("type") != "record" or not definition.get("fields"):
            raise ConfigurationError(f"{path}: not the schema of a record")
        parse_schema(definition)
    except OSError as unreadable:
        raise ConfigurationError(f"{path}: {unreadable.strerror}") from unreadable
    # A missing attribute is a KeyError; fastavro's UnknownType is a ValueError.
    except (SchemaParseException, ValueError, KeyError, TypeError, AttributeError) as damaged:
        raise ConfigurationError(f"{path}: {damaged}") from damaged
    return PublishedSchema(path, definition)


def current_schema(name: str, folder: Path = SCHEMAS_FOLDER) -> PublishedSchema:
    """The current schema of the record `name`."""
    schema = read_schema(folder / f"{name}{SUFFIX}")
    if schema.name != name:
        raise ConfigurationError(f"{schema.path}: describes a {schema.name}, not a {name}")
    return schema


def current_schemas(folder: Path = SCHEMAS_FOLDER) -> tuple[PublishedSchema, ...]:
    """Every current schema, by name; raises `ConfigurationError` where the folder holds none."""
    names = sorted(path.stem for path in folder.glob(f"*{SUFFIX}"))
    if not names:
        raise ConfigurationError(f"{folder}: no {SUFFIX} files here")
    return tuple(current_schema(name, folder) for name in names)


def published_versions(name: str, folder: Path = SCHEMAS_FOLDER) -> tuple[PublishedSchema, ...]:
    """Every version of `name` that was ever published, oldest first.

    Raises:
        ConfigurationError: a file there is damaged, or its name is not a version number.
    """
    paths = list((folder / "history" / name).glob(f"*{SUFFIX}"))
    for path in paths:
        if not path.stem.isdecimal():
            raise ConfigurationError(f"{path}: a published version is named by its number, as 1{SUFFIX}")
    return tuple(read_schema(path) for path in sorted(paths, key=lambda path: int(path.stem)))
