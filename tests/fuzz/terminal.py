"""What the command prints for people: it shows what came from outside, and no terminal runs any of it."""

import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from typing import Any
from unittest.mock import patch

from hypothesis import strategies as st

from metrla.cli.advising.report import Imported, print_report
from metrla.cli.main import main
from metrla.cli.querying.output import Column, Kind, Output, OutputFormat
from shared.alerts.advisories.documents.draft import DocumentFormat, Rejected
from shared.alerts.advisories.documents.importing import ImportResult, Unmatched
from tests.fuzz.mutation import TAINTS, texts
from tests.fuzz.oracle import demand_clean
from tests.fuzz.target import Target

MOST_LINES_OF_A_REFUSAL = 1
COMMANDS = (("network", "show"), ("feed", "replay"), ("schemas", "show"))
COLUMNS = (Column("id"), Column("sensors", Kind.TEXTS), Column("speed", Kind.NUMBER))
SHOWN = 30_000


def _said(run: Callable[[], None]) -> tuple[str, str]:
    """What goes to standard output, and to standard error."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        run()
    for text in (out.getvalue(), err.getvalue()):
        # Lines may be many and long; each is looked at.
        for line in text.splitlines():
            demand_clean(line[:SHOWN])
    return out.getvalue(), err.getvalue()


def _refusal(case: tuple[tuple[str, ...], str]) -> None:
    command, argument = case
    codes: list[object] = []

    def run() -> None:
        with patch.object(sys, "argv", ["metrla", *command, argument]):
            try:
                main()
                codes.append(0)
            except SystemExit as left:
                codes.append(left.code)

    _, err = _said(run)
    assert all(codes), f"a refusal ends well: {command} of {argument!r:.60}"
    if err.strip():
        assert len(err.strip().split("\n")) <= MOST_LINES_OF_A_REFUSAL, f"a refusal of several lines: {err!r:.200}"


def _report(case: tuple[str, str, str]) -> None:
    place, publisher_id, title = case
    outcome = ImportResult(DocumentFormat.WZDX, 1, (Rejected(0, publisher_id, title),))
    outcome.unmatched.append(Unmatched(1, publisher_id, title))
    _said(lambda: print_report([Imported(place, outcome), Imported(place, None, title)], dry_run=True))


def _table(rows: list[tuple[Any, ...]]) -> None:
    _said(lambda: Output(OutputFormat.TABLE, None).write(COLUMNS, rows, "nothing"))


_TAINTED = st.builds("{}{}{}".format, st.text(max_size=5), st.sampled_from(TAINTS), st.text(max_size=5)) | texts
# What a shell can pass on: no NUL, no unpaired surrogate, and no option.
_ARGUMENTS = _TAINTED.filter(
    lambda text: bool(text.strip("./")) and "\0" not in text and not text.startswith("-") and text.isprintable()
) | st.sampled_from(["\x1b]0;title\x07", "a\nb", "a\x7f", "\u202egnp", "a" * 300])

TARGETS = (
    Target("refusals", st.tuples(st.sampled_from(COMMANDS), _ARGUMENTS), _refusal, 40),
    Target("reports", st.tuples(_TAINTED, _TAINTED, _TAINTED), _report, 40),
    Target(
        "tables",
        st.lists(
            st.tuples(_TAINTED, st.lists(_TAINTED, max_size=2).map(tuple), st.none() | st.floats()),
            max_size=2,
        ),
        _table,
        40,
    ),
)
