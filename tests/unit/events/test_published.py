"""Dataclass and `.avsc` agree; every field says what it is."""

from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, NewType, get_args, get_origin, get_type_hints

import pytest

from shared.events.published import SCHEMAS_FOLDER, current_schema, current_schemas, published_versions
from shared.events.records import Record

KINDS: tuple[type[Any], ...] = get_args(Record)
SCALARS: dict[object, set[object]] = {str: {"string"}, int: {"int", "long"}, float: {"double"}, bool: {"boolean"}}
TIMESTAMP = {"type": "long", "logicalType": "timestamp-millis"}


def assert_agree(hint: Any, schema: Any, where: str, known: dict[str, Any]) -> None:  # noqa: ANN401  hints and JSON
    """That values of the Python type `hint` are exactly the values of the Avro type `schema`."""
    if isinstance(schema, str) and schema in known:
        schema = known[schema]
    if isinstance(hint, NewType):
        assert_agree(hint.__supertype__, schema, where, known)
    elif isinstance(hint, UnionType):
        (member,) = (member for member in get_args(hint) if member is not NoneType)
        assert isinstance(schema, list), f"{where} may be None, the schema says {schema}"
        assert schema[0] == "null", where
        assert len(schema) == 2, where
        assert_agree(member, schema[1], where, known)
    elif hint is datetime:
        assert schema == TIMESTAMP, where
    elif get_origin(hint) is tuple:
        assert schema["type"] == "array", where
        assert_agree(get_args(hint)[0], schema["items"], f"{where}[]", known)
    elif isinstance(hint, type) and issubclass(hint, Enum):
        known[schema["name"]] = schema
        assert (schema["type"], schema["name"]) == ("enum", hint.__name__), where
        assert schema["symbols"] == [member.value for member in hint], where
        assert schema["default"] in schema["symbols"], where
    elif isinstance(hint, type) and is_dataclass(hint):
        assert (schema["type"], schema["name"]) == ("record", hint.__name__), where
        hints = get_type_hints(hint)
        assert [field["name"] for field in schema["fields"]] == [field.name for field in fields(hint)], where
        for field in schema["fields"]:
            assert_agree(hints[field["name"]], field["type"], f"{where}.{field['name']}", known)
    else:
        assert schema in SCALARS[hint], where


def every_field(schema: dict[str, Any]) -> list[dict[str, Any]]:
    nested = [
        inner
        for field in schema["fields"]
        if isinstance(field["type"], dict) and isinstance(field["type"].get("items"), dict)
        for inner in every_field(field["type"]["items"])
    ]
    return [*schema["fields"], *nested]


@pytest.mark.parametrize("kind", KINDS)
def test_dataclass_and_schema_agree(kind: type[Any]) -> None:
    definition = current_schema(kind.__name__).definition
    assert definition["namespace"] == "metrla"
    assert_agree(kind, definition, kind.__name__, {})


def test_every_record_has_a_schema_and_every_schema_a_record() -> None:
    assert {schema.name for schema in current_schemas()} == {kind.__name__ for kind in KINDS}
    assert {path.stem for path in SCHEMAS_FOLDER.glob("*.avsc")} == {kind.__name__ for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_says_what_it_is(kind: type[Any]) -> None:
    for field in every_field(current_schema(kind.__name__).definition):
        assert field["doc"].endswith("."), field["name"]
        unit = field.get("unit")
        if unit == "ms":
            assert "UTC, milliseconds since 1970-01-01" in field["doc"]
        elif unit:
            assert f", {unit}, " in field["doc"], f"{field['name']}: {field['doc']} lacks {unit}"
        numeric = {"double", "int", "long"} & set(map(str, [field["type"]]) if isinstance(field["type"], str) else [])
        assert unit or not numeric, f"{field['name']} has no unit"


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_missing_has_a_default(kind: type[Any]) -> None:
    for field in every_field(current_schema(kind.__name__).definition):
        if isinstance(field["type"], list):
            assert field["default"] is None, field["name"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_current_schema_is_the_latest_published_version(kind: type[Any]) -> None:
    assert published_versions(kind.__name__)[-1].fingerprint == current_schema(kind.__name__).fingerprint
