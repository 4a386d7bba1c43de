"""Nothing from outside reaches a terminal as it came: what would steer it is shown as text."""

import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from rich.progress import Progress, TextColumn
from typer.core import TyperGroup
from typer.main import get_command

from metrla.cli.main import app, main
from metrla.cli.querying.output import Column, Kind, Output, OutputFormat
from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import console, say
from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.archive.layout import CARD_FILE, model_prefix
from shared.archive.local import LocalArchive
from shared.events.errors import ConfigurationError, StoreError
from shared.events.records import NetworkId
from shared.events.text import fault_of

HOSTILE = "Crash\x1b]0;owned\x07\x9b2J\u202e"
SHOWN = "Crash\\u001b]0;owned\\u0007\\u009b2J\\u202e"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(form: OutputFormat, file: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("sys.stdout", file)
    columns: Sequence[Column] = [Column("title", Kind.TEXT), Column("sensors", Kind.TEXTS)]
    Output(form, None).write(columns, [(HOSTILE, (HOSTILE,))], "none")
    return file.getvalue()


@pytest.mark.parametrize("form", [OutputFormat.TABLE, OutputFormat.CSV, OutputFormat.JSON])
def test_rows_on_a_terminal(form: OutputFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    text = printed(form, Terminal(), monkeypatch)
    assert "owned" in text
    assert not {"\x07", "\x9b", "\u202e"} & set(text)
    assert "\x1b]" not in text


def test_rows_in_a_file_are_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert json.loads(printed(OutputFormat.JSON, io.StringIO(), monkeypatch))[0]["title"] == HOSTILE


def test_tables() -> None:
    table, file = plain_table(("title",)), io.StringIO()
    table.add_row(HOSTILE)
    print_tables(table, file=file)
    assert SHOWN in file.getvalue()


@pytest.mark.parametrize("kind", [ConfigurationError, StoreError, UnreadableAdvisoriesError])
def test_what_errors_say(kind: type[Exception]) -> None:
    assert str(kind(HOSTILE)) == SHOWN
    assert str(kind("two\nlines, Straße")) == "two\nlines, Straße"


def test_what_is_said_or_drawn() -> None:
    file = io.StringIO()
    terminal = console(file=file, width=200)
    terminal.print(HOSTILE, "[/no markup]", soft_wrap=True)
    with Progress(TextColumn("{task.description}", markup=False), console=terminal) as bar:
        bar.add_task(HOSTILE + "[/x]")
    said = file.getvalue()
    assert said.count("Crash\\u001b]0;owned") == 2
    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said)
    assert "[/no markup]" in said


def test_a_line_is_not_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    say("0 faults\rfine\r\nnext")
    assert capsys.readouterr().out == "0 faults\\u000dfine\r\nnext\n"


def test_the_card_of_a_model_that_somebody_else_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    card = json.dumps({"made_by": "x\x7f\x9b2J\u202e\r"}, ensure_ascii=False)
    archive = LocalArchive(tmp_path)
    archive.write(f"{model_prefix(NetworkId('n'))}/xgboost/v1/{CARD_FILE}", card.encode() + b"\xff")
    for command in ("show", "list"):
        called = ["metrla", "models", command, *(["xgboost"] if command == "show" else [])]
        monkeypatch.setattr(sys, "argv", [*called, "--network", "n", "--archive-url", tmp_path.as_uri()])
        with pytest.raises(SystemExit):
            main()
        said = capsys.readouterr()
        assert fault_of(said.out + said.err, 10_000, prose=True) is None
        assert "\r" not in said.out


def commands(group: TyperGroup, *names: str) -> Iterator[tuple[str, ...]]:
    """The words that call each command there is, groups too."""
    yield names
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, *names, name)
        else:
            yield (*names, name)


def all_commands() -> list[tuple[str, ...]]:
    root = get_command(app)
    assert isinstance(root, TyperGroup)
    return list(commands(root))


@pytest.mark.parametrize("command", all_commands(), ids=" ".join)
@pytest.mark.parametrize("wrong", ["--" + HOSTILE, "--no-such\noption"])
def test_a_wrong_call_of_any_command_is_one_plain_line(
    command: tuple[str, ...], wrong: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if command == ("stack", "hbase-shell"):
        pytest.skip("it passes all options on")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "argv", ["metrla", *command, wrong])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("metrla: No such option")
    assert "--help` says more" in said.err
    assert fault_of(said.err.removesuffix("\n"), 1_000) is None


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("models", "lst"), "No such command 'lst'"),
        (("models", "show"), "Missing argument"),
        (("demo", "--port", "x" * 100_000), "--port"),
        (("demo", "--port", HOSTILE), "--port"),
        (("keys", "create", "x", "--scope", "[/red]"), "--scope"),
        (("models", "list", "--format", "\r"), "--format"),
        (("stack", "status", "--run", __file__), "--run"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_other_wrong_calls_are_one_plain_line_too(
    arguments: tuple[str, ...], part: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr(sys, "argv", ["metrla", *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    said = capsys.readouterr()
    assert (said.out, said.err[:8]) == ("", "metrla: ")
    assert part in said.err
    assert fault_of(said.err.removesuffix("\n"), 1_000) is None


def test_without_arguments_the_help_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["metrla", "models"])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr()
    assert left.value.code == 2
    assert "promote" in said.out + said.err
    assert "metrla: " not in said.err
