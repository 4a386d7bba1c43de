"""`metrla schemas`: show the records on the log, and keep their schemas readable for ever."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrla.cli.querying.output import Column, FormatOption, OutOption, Output
from metrla.terminal import say
from shared.events.errors import ConfigurationError, MetrlaError

if TYPE_CHECKING:
    from shared.events.published import PublishedSchema

COLUMNS = tuple(map(Column, ("field", "type", "unit", "default", "description")))

app = typer.Typer(help="Show and check the Avro schemas of the records on the log.", no_args_is_help=True)

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--folder", help="Folder of the .avsc files.", show_default="metrla's own", exists=True, file_okay=False
    ),
]


@app.command()
def check(folder: FolderOption = None) -> None:
    """Fail on a change that breaks readers of older data, or older readers of new data.

    Every schema is held against all its published versions, both ways. One that is not among them fails too, so that
    publishing a schema is deliberate: see `metrla schemas record`.
    """
    from shared.schemas.history import faults, orphans  # noqa: PLC0415 - avro is slow to import

    schemas, place = _schemas(folder)
    found = [*(fault for schema in schemas for fault in faults(schema, place)), *orphans(schemas, place)]
    _leave_with(found)
    say(f"{len(schemas)} schemas: each is published, reads all its versions and is read by them.")


@app.command()
def record(folder: FolderOption = None) -> None:
    """Make schemas that changed published versions; nothing is recorded if one of them breaks readers."""
    from shared.schemas import history  # noqa: PLC0415 - avro is slow to import

    schemas, place = _schemas(folder)
    new = [schema for schema in schemas if not history.is_recorded(schema, place)]
    _leave_with([fault for schema in new for fault in history.breaks_of(schema, place)])
    for schema in new:
        try:
            version = history.record(schema, place)
        except OSError as refused:
            raise MetrlaError(f"{refused.filename}: {refused.strerror}") from refused
        say(f"{version.label}: recorded, fingerprint {version.fingerprint.hex()}")
    if not new:
        say("Every schema is recorded already.")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A record, as TrafficEvent.", show_default=False)],
    form: FormatOption = None,
    out: OutOption = None,
    folder: FolderOption = None,
) -> None:
    """Show the fields of a record with their units."""
    schemas, _ = _schemas(folder)
    chosen = next((schema for schema in schemas if schema.name.lower() == name.lower()), None)
    if chosen is None:
        raise ConfigurationError(f"{name} is not one of {', '.join(schema.name for schema in schemas)}")
    output = Output.choose(form, out)
    if output.on_screen:
        say(f"{chosen.name}, fingerprint {chosen.fingerprint.hex()}\n{chosen.definition['doc']}\n")
    output.write(COLUMNS, _fields(chosen.definition), f"{chosen.name} has no fields.")


def _schemas(folder: Path | None) -> "tuple[tuple[PublishedSchema, ...], Path]":
    from shared.events.published import SCHEMAS_FOLDER, current_schemas  # noqa: PLC0415 - fastavro is slow to import

    place = folder or SCHEMAS_FOLDER
    return current_schemas(place), place


def _leave_with(faults: list[str]) -> None:
    for fault in faults:
        say(fault, err=True)
    if faults:
        raise typer.Exit(1)


def _fields(definition: dict[str, Any], within: str = "") -> Iterator[tuple[str, str, str, str, str]]:
    """One row per field; those of a nested record follow the field that holds them."""
    for field in definition["fields"]:
        name = f"{within}{field['name']}"
        default = json.dumps(field["default"]) if "default" in field else ""
        yield name, _type(field["type"]), field.get("unit", ""), default, field.get("doc", "")
        items = field["type"].get("items") if isinstance(field["type"], dict) else None
        if isinstance(items, dict) and items.get("type") == "record":
            yield from _fields(items, f"{name}[].")


def _type(schema: Any) -> str:  # noqa: ANN401 - any JSON that Avro takes for a type
    if isinstance(schema, list):
        return " or ".join(map(_type, schema))
    if not isinstance(schema, dict):
        return str(schema)
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("logicalType") or schema.get("name") or schema["type"])
