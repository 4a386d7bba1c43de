"""`metrla dead-letters`: what could not be used, and back to where it came from once the cause is mended."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress, TaskID

from metrla.cli.broker import BootstrapOption, answered, servers_of
from metrla.cli.querying.output import progress
from metrla.cli.querying.selection import FromOption, ToOption, read_range
from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import confirm, say
from shared.events.errors import ConfigurationError, MetrlaError, RejectionReason
from shared.events.text import one_line, quoted, shown
from shared.runtime.output_file import output_file

if TYPE_CHECKING:
    from shared.kafka.letters import Contents, Letter, LetterChoice

app = typer.Typer(
    help="Show what could not be used, and send it to where it came from once the cause is mended.",
    no_args_is_help=True,
)

SHOWN_BYTES = 2_048
HEX_ROW = 16
SPACE, DELETE = 0x20, 0x7F
DETAIL_CHARACTERS = 100

ReasonOption = Annotated[
    list[RejectionReason] | None, typer.Option("--reason", help="Only of this class of fault; repeatable.")
]
StageOption = Annotated[
    list[str] | None, typer.Option("--stage", help="Only those that failed there, as decode; repeatable.")
]
TopicOption = Annotated[
    list[str] | None, typer.Option("--topic", help="Only those that came from this topic; repeatable.")
]
LetterArgument = Annotated[str, typer.Argument(metavar="ID", help="Id of the letter, topic:partition:offset.")]


@app.command(name="list")
def list_letters(
    reason: ReasonOption = None,
    stage: StageOption = None,
    topic: TopicOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Show the newest so many.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    bootstrap_servers: BootstrapOption = None,
) -> None:
    """List dead letters, the newest last; --from and --to are about when they were written.

    A letter that was written twice is listed once.
    """
    found = _found(bootstrap_servers, _choice((), reason, stage, topic, begin, end))
    newest = found[-limit:]
    if as_json:
        say(json.dumps([_as_json(letter) for letter in newest], indent=2))
        return
    if not found:
        say("No dead letters.", err=True)
        return
    table = plain_table(("id", "written_at", "reason", "stage", "sent", "detail"))
    for letter in newest:
        row = _as_json(letter)
        detail = one_line(letter.detail, DETAIL_CHARACTERS)
        table.add_row(*(str(row[name] or "") for name in ("id", "written_at", "reason", "stage", "sent")), detail)
    print_tables(table)
    reasons = ", ".join(f"{count:,} {name}" for name, count in Counter(one.reason for one in found).most_common())
    say(f"{len(newest):,} of {len(found):,} dead letters: {reasons}", err=True)


@app.command()
def show(
    letter_id: LetterArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the bytes of its value to this file.", dir_okay=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all bytes as base64.")] = False,
    bootstrap_servers: BootstrapOption = None,
) -> None:
    """Show one dead letter: why it is there, its headers, its key and its bytes as they came."""
    from shared.kafka.letters import read_contents  # noqa: PLC0415 - aiokafka is slow to import

    found = _found(bootstrap_servers, _choice([letter_id], None, None, None, None, None))
    if not found:
        raise MetrlaError(f"there is no dead letter {quoted(letter_id)}")
    servers = servers_of(bootstrap_servers)
    contents = answered(servers, read_contents(servers, found[0]))
    if out is not None:
        with output_file(out, binary=True, option="--out") as file:
            file.write(contents.value or b"")
        say(f"{len(contents.value or b''):,} bytes in {out}", err=True)
    if as_json:
        say(json.dumps(_as_json(found[0]) | _bytes_as_json(contents), indent=2))
    elif out is None:
        _print(found[0], contents)


@app.command()
def send(
    letter_ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]...", help="Ids of letters; without, all that the options say.")
    ] = None,
    reason: ReasonOption = None,
    stage: StageOption = None,
    topic: TopicOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them, where nothing else is said.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that were sent before.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    bootstrap_servers: BootstrapOption = None,
) -> None:
    """Publish dead letters again, key and bytes as they came, to the topic and partition they came from; each once."""
    from shared.kafka.letters import Sending, send_letters, why_not  # noqa: PLC0415 - aiokafka is slow to import

    ids = letter_ids or ()
    if not (ids or reason or stage or topic or begin or end or everything):
        raise ConfigurationError("which ones? Name ids, or say --reason, --stage, --topic, --from, --to or --all")
    found = _found(bootstrap_servers, _choice(ids, reason, stage, topic, begin, end))
    if missing := sorted(set(ids) - {letter.letter_id for letter in found}):
        raise MetrlaError(f"there is no dead letter {quoted(missing[0])}")
    before = [letter for letter in found if letter.sent is Sending.DONE]
    if before and ids and not again:
        raise MetrlaError(f"{before[0].letter_id} was sent before (--again sends it once more)")
    left = found if again else [letter for letter in found if letter.sent is not Sending.DONE]
    sendable = [letter for letter in left if why_not(letter) is None]
    for letter in left:
        if (unfit := why_not(letter)) is not None:
            say(f"{letter.letter_id}: {unfit}", err=True)
    if before and not again:
        say(f"{len(before):,} were sent before (--again sends them once more)", err=True)
    if not sendable:
        say("Nothing to send.", err=True)
        return
    to = ", ".join(f"{count:,} to {name}" for name, count in Counter(one.topic for one in sendable).most_common())
    if dry_run:
        say(f"Would send {to}")
        return
    if not yes:
        confirm(f"Send {to}?")
    servers = servers_of(bootstrap_servers)
    with progress("letters") as bar:
        task = bar.add_task("sending", total=len(sendable))
        sent = answered(servers, send_letters(servers, sendable, partial(_advance, bar, task)))
    there = len(sendable) - sent
    say(f"{sent:,} sent" + (f"; {there:,} were there already, from a sending that broke off" if there else ""))


def _choice(
    ids: Sequence[str],
    reason: list[RejectionReason] | None,
    stage: list[str] | None,
    topic: list[str] | None,
    begin: str | None,
    end: str | None,
) -> "LetterChoice":
    from shared.kafka.letters import LetterChoice  # noqa: PLC0415 - aiokafka is slow to import

    start, stop = read_range(begin, end, UTC)
    reasons = {one.value for one in reason or ()}
    return LetterChoice(frozenset(ids), reasons, frozenset(stage or ()), frozenset(topic or ()), start, stop)


def _found(bootstrap_servers: str | None, choice: "LetterChoice") -> "list[Letter]":
    from shared.kafka.letters import read_letters  # noqa: PLC0415 - aiokafka is slow to import

    servers = servers_of(bootstrap_servers)
    with progress("messages") as bar:
        task = bar.add_task("reading", total=None)
        return answered(servers, read_letters(servers, choice, partial(_advance, bar, task)))


def _advance(bar: Progress, task: TaskID, done: int, total: int) -> None:
    bar.update(task, completed=done, total=total)


def _as_json(letter: "Letter") -> dict[str, object]:
    return {
        "id": letter.letter_id,
        "written_at": letter.written_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "reason": letter.reason,
        "stage": letter.stage,
        "detail": letter.detail,
        "topic": letter.topic,
        "partition": None if letter.source is None else letter.source[0],
        "offset": None if letter.source is None else letter.source[1],
        "records": len(letter.places),
        "whole": letter.whole,
        "sent": None if letter.sent is None else letter.sent.value,
    }


def _bytes_as_json(contents: "Contents") -> dict[str, object]:
    def text(data: bytes | None) -> str | None:
        return None if data is None else base64.b64encode(data).decode()

    return {
        "key": text(contents.key),
        "value": text(contents.value),
        "headers": [[shown(name), text(value)] for name, value in contents.headers],
    }


def _print(letter: "Letter", contents: "Contents") -> None:
    for name, value in _as_json(letter).items():
        say(f"{name}: {'-' if value is None else value}")
    say(f"key: {_readable(contents.key)}")
    for name, value in contents.headers:
        say(f"header {one_line(name)}: {_readable(value)}")
    say(f"value: {_readable(contents.value)}")


def _readable(data: bytes | None) -> str:
    """Bytes for a terminal: text where they are some, else as a hex dump; the first of many."""
    if data is None:
        return "-"
    rest = (
        f"\n… and {len(data) - SHOWN_BYTES:,} more bytes (--out or --json has all)" if len(data) > SHOWN_BYTES else ""
    )
    head = data[:SHOWN_BYTES]
    text = head.decode(errors="replace")
    if shown(text) == text and "\ufffd" not in text and "\n" not in text:
        return f"{text} ({len(data):,} bytes){rest}"
    rows = [f"  {at:06x}  {_hex(head[at : at + HEX_ROW])}" for at in range(0, len(head), HEX_ROW)]
    return "\n".join([f"{len(data):,} bytes", *rows]) + rest


def _hex(row: bytes) -> str:
    readable = "".join(chr(byte) if SPACE <= byte < DELETE else "." for byte in row)
    return f"{row.hex(' '):<{3 * HEX_ROW}} {readable}"
