"""`metrla keys`: API keys of the gateway in a file, which a running gateway reads again by itself."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import say
from services.gateway.access.keys import MOST_NAME_CHARACTERS, AccessKey, KeyRing, read_keys, sole_writer, write_keys
from services.gateway.access.principals import Scope
from services.gateway.settings import GatewaySettings
from shared.events.errors import ConfigurationError
from shared.events.text import composed, fault_of
from shared.runtime.clock import wall_clock
from shared.runtime.settings import read_settings

app = typer.Typer(help="Make, list, rotate and revoke API keys of the gateway.", no_args_is_help=True)

FileOption = Annotated[
    Path | None, typer.Option("--file", help="File of keys; METRLA_GATEWAY_KEYS_FILE by default.", dir_okay=False)
]
DaysOption = Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires; never by default.")]
KeyArgument = Annotated[str, typer.Argument(help="Id of the key, or its name where one key has it.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Who or what will use it, such as 'import of district 7'.")],
    scope: Annotated[
        list[Scope],
        typer.Option(
            help="read, operate (alerts, single advisories), ingest (documents of feeds) or admin; repeatable."
        ),
    ],
    days: DaysOption = None,
    file: FileOption = None,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    path = _path(file)
    with sole_writer(path):
        ring, _, text = _there(path).created(_name(name), scope, wall_clock(), _lifetime(days))
        write_keys(path, ring)
    say(text)


@app.command(name="list")
def list_keys(
    file: FileOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show all keys: whose, for what, until when. Never the keys themselves."""
    now = wall_clock()
    keys = sorted(read_keys(_path(file)).keys.values(), key=lambda key: key.created_at)
    if as_json:
        say(json.dumps([_row(key, now) for key in keys], indent=2))
        return
    headings = ("id", "name", "scopes", "state", "created_at", "expires_at")
    table = plain_table(headings)
    for key in keys:
        row = _row(key, now)
        table.add_row(
            *(" ".join(cell) if isinstance(cell := row[name], list) else str(cell or "") for name in headings)
        )
    print_tables(table)


@app.command()
def rotate(
    key: KeyArgument,
    overlap_hours: Annotated[float, typer.Option(min=0, max=8760, help="Hours that the old one stays good.")] = 24.0,
    days: DaysOption = None,
    file: FileOption = None,
) -> None:
    """Make a successor of a key with its name and scopes, and print it; the old one expires after the overlap."""
    path = _path(file)
    with sole_writer(path):
        ring, _, text = read_keys(path).rotated(key, wall_clock(), timedelta(hours=overlap_hours), _lifetime(days))
        write_keys(path, ring)
    say(text)


@app.command()
def revoke(key: KeyArgument, file: FileOption = None) -> None:
    """Make a key worthless at once."""
    path = _path(file)
    with sole_writer(path):
        write_keys(path, read_keys(path).revoked(key, wall_clock()))
    say(f"{key}: revoked")


def _path(given: Path | None) -> Path:
    path = given or read_settings(GatewaySettings).keys_file
    if path is None:
        raise ConfigurationError("which file? Say --file, or set METRLA_GATEWAY_KEYS_FILE")
    # Whatever name leads to it: the lock, the change and the gateway are about one file.
    return path.resolve()


def _there(path: Path) -> KeyRing:
    return read_keys(path) if path.exists() else KeyRing({})


def _name(name: str) -> str:
    given = composed(name.strip())
    fault = fault_of(given, MOST_NAME_CHARACTERS) if given else "is empty"
    if fault is not None:
        raise ConfigurationError(f"the name {fault}: it has 1 to {MOST_NAME_CHARACTERS} printable characters")
    return given


def _lifetime(days: int | None) -> timedelta | None:
    return None if days is None else timedelta(days=days)


def _row(key: AccessKey, now: datetime) -> dict[str, object]:
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": sorted(key.scopes),
        "state": key.state(now),
        "created_at": key.created_at.isoformat(timespec="seconds"),
        "expires_at": None if key.expires_at is None else key.expires_at.isoformat(timespec="seconds"),
    }
