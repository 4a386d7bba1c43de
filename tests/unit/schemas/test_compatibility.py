"""What breaks between two versions of a schema, and what does not; fastavro agrees."""

import copy
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import fastavro
import pytest

from shared.events.published import current_schemas
from shared.schemas.compatibility import breaks

Definition = dict[str, Any]

BASE: Definition = {
    "type": "record",
    "name": "Reading",
    "namespace": "metrla",
    "fields": [
        {"name": "id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "count", "type": "int"},
        {"name": "speed", "type": ["null", "double"], "default": None},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["a", "b"], "default": "a"}},
        {
            "name": "parts",
            "type": {
                "type": "array",
                "items": {"type": "record", "name": "Part", "fields": [{"name": "length", "type": "float"}]},
            },
        },
        {"name": "previous", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": None},
        {"name": "labels", "type": {"type": "map", "values": "string"}, "default": {}},
    ],
}
VALUES: Definition = {
    "id": "x",
    "at": datetime(2012, 5, 2, tzinfo=UTC),
    "count": 1,
    "speed": 2.5,
    "kind": "b",
    "parts": [{"length": 0.5}],
    "previous": None,
    "labels": {},
}


def field(definition: Definition, name: str) -> Definition:
    return next(each for each in definition["fields"] if each["name"] == name)


def changed(change: Callable[[Definition], object]) -> Definition:
    definition = copy.deepcopy(BASE)
    change(definition)
    return definition


def retyped(name: str, type_: object) -> Definition:
    return changed(lambda definition: field(definition, name).update(type=type_))


def without(name: str) -> Definition:
    return changed(lambda definition: definition["fields"].remove(field(definition, name)))


def with_field(new: Definition) -> Definition:
    return changed(lambda definition: definition["fields"].append(new))


MICROS = {"type": "long", "logicalType": "timestamp-micros"}
HARMLESS = {
    "nothing": BASE,
    "a new field with a default": with_field({"name": "new", "type": "string", "default": ""}),
    "another order of the fields": changed(lambda definition: definition["fields"].reverse()),
    "an enum symbol more, where readers have a default": changed(
        lambda definition: field(definition, "kind")["type"]["symbols"].append("c")
    ),
    "another namespace": changed(lambda definition: definition.update(namespace="com.example")),
    "an optional field less": without("speed"),
}
# (the changed schema, what it cannot read of the old one, what the old one cannot read of it)
BREAKING: dict[str, tuple[Definition, str, str]] = {
    "a new field without a default": (
        with_field({"name": "new", "type": "string"}),
        "Reading.new: the writer has no such field and the reader no default for it",
        "",
    ),
    "a required field less": (without("id"), "", "Reading.id: the writer has no such field"),
    "a renamed field": (
        changed(lambda definition: field(definition, "id").update(name="key")),
        "Reading.key",
        "Reading.id",
    ),
    "another type": (retyped("id", "int"), "Reading.id: written as string, read as int", "Reading.id"),
    "a promotion": (retyped("count", "double"), "", "Reading.count: written as double, read as int"),
    "no longer missing": (retyped("speed", "double"), "Reading.speed: written as null or double, read as double", ""),
    "may be missing now": (retyped("id", ["null", "string"]), "", "Reading.id: written as null or string"),
    "another branch": (retyped("speed", ["null", "double", "string"]), "", "Reading.speed"),
    "other milliseconds": (retyped("at", MICROS), "timestamp-millis, read as timestamp-micros", "Reading.at"),
    "other milliseconds that may be missing": (retyped("previous", ["null", MICROS]), "Reading.previous", "micros"),
    "no instant any more": (retyped("at", "long"), "Reading.at", "Reading.at: written as long"),
    "an enum symbol less, without a default": (
        retyped("kind", {"type": "enum", "name": "Kind", "symbols": ["a"]}),
        "Reading.kind: written as one of a, b, read as one of a",
        "",
    ),
    "a nested field more": (
        changed(
            lambda definition: field(definition, "parts")["type"]["items"]["fields"].append(
                {"name": "width", "type": "float"}
            )
        ),
        "Reading.parts[].width: the writer has no such field",
        "",
    ),
    "a nested type": (
        changed(lambda definition: field(definition, "parts")["type"]["items"]["fields"][0].update(type="double")),
        "",
        "Reading.parts[].length: written as double, read as float",
    ),
    "another nested record": (
        changed(lambda definition: field(definition, "parts")["type"]["items"].update(name="Piece")),
        "Reading.parts[]: the writer's record is a Part",
        "Piece",
    ),
    "other values of a map": (retyped("labels", {"type": "map", "values": "int"}), "Reading.labels", "Reading.labels"),
    "another record": (changed(lambda definition: definition.update(name="Other")), "is a Reading", "is a Other"),
}


def fastavro_reads(reader: Definition, writer: Definition) -> bool:
    body = BytesIO()
    names = {each["name"] for each in writer["fields"]}
    fastavro.schemaless_writer(body, writer, {name: value for name, value in VALUES.items() if name in names})
    body.seek(0)
    try:
        fastavro.schemaless_reader(body, writer, reader)
    except fastavro.read.SchemaResolutionError:
        return False
    return True


@pytest.mark.parametrize("version", HARMLESS.values(), ids=HARMLESS)
def test_what_breaks_nothing(version: Definition) -> None:
    assert breaks(version, BASE) == ()
    assert breaks(BASE, version) == ()


@pytest.mark.parametrize(("version", "old_data", "old_reader"), BREAKING.values(), ids=BREAKING)
def test_what_breaks(version: Definition, old_data: str, old_reader: str) -> None:
    for found, expected in ((breaks(version, BASE), old_data), (breaks(BASE, version), old_reader)):
        assert len(found) == bool(expected), found
        assert expected in "".join(found)


@pytest.mark.parametrize("name", ["a new field without a default", "a nested field more", "a promotion"])
def test_fastavro_agrees(name: str) -> None:
    version, old_data, _ = BREAKING[name]
    assert fastavro_reads(version, BASE) == (not old_data)


@pytest.mark.parametrize("schema", current_schemas(), ids=lambda schema: schema.name)
def test_every_schema_reads_itself(schema: Any) -> None:  # noqa: ANN401  a schema of the project
    assert breaks(schema.definition, schema.definition) == ()


def test_every_break_has_its_line() -> None:
    several = changed(lambda definition: [each.update(type="bytes") for each in definition["fields"][1:3]])
    assert len(breaks(several, BASE)) == 2
