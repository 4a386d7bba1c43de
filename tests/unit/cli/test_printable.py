"""Nothing from outside reaches a terminal as it came: what would steer it is shown as text."""

import io
import json
from collections.abc import Sequence

import pytest

from metrla.cli.querying.output import Column, Kind, Output, OutputFormat
from metrla.cli.tables import plain_table, print_tables
from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.events.errors import ConfigurationError, StoreError

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
