"""The outcome of a run as tables on a terminal and in Markdown."""

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from tests.chaos.run import Outcome, Request

FOUND = ("what", "expected", "found", "lost", "doubled", "repeated")

Rows = Sequence[Sequence[str]]


def command(request: Request) -> str:
    """The command that makes this run again."""
    how = f"READINGS={request.readings} KILLS={request.service_kills} SEED={request.seed}"
    return f"make chaos {how} STACK={request.stack}{' HOSTILE=1' if request.hostile else ''}"


def terminal(outcome: Outcome) -> RenderableType:
    """Tables for a terminal."""
    return Group(
        _rich("fed", ("message", "times"), _fed(outcome)),
        _rich("injected", ("target", "fault", "times"), _injected(outcome)),
        _rich("found", FOUND, _found(outcome)),
        *_remarks(outcome),
    )


def markdown(request: Request, outcome: Outcome) -> str:
    """The same as Markdown."""
    parts = [
        f"`{command(request)}`: {outcome.seconds / 60:.1f} minutes, result `{outcome.findings.line}`",
        _pipes(("fed", "messages"), _fed(outcome)),
        _pipes(("target", "fault", "times"), _injected(outcome)),
        _pipes(FOUND, _found(outcome)),
        *(f"- {remark}" for remark in _remarks(outcome)),
    ]
    return "\n\n".join(parts) + "\n"


def _fed(outcome: Outcome) -> Rows:
    return [(sort.value, f"{count:,}") for sort, count in sorted(outcome.fed.items())]


def _injected(outcome: Outcome) -> Rows:
    return [(target, strike.value, str(count)) for (target, strike), count in sorted(outcome.injected.items())]


def _found(outcome: Outcome) -> Rows:
    return [
        (
            area.name,
            *(f"{number:,}" for number in (area.expected, area.found, area.lost, area.doubled, area.repeats)),
        )
        for area in outcome.findings.areas
    ]


def _remarks(outcome: Outcome) -> list[str]:
    ended = [f"{name} ended by itself {times} times" for name, times in sorted(outcome.ended.items())]
    return ended + [f"{area.name}: {example}" for area in outcome.findings.areas for example in area.examples]


def _rich(title: str, headings: Iterable[str], rows: Rows) -> Table:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number and rows and rows[0][number][:1].isdigit() else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _pipes(headings: Sequence[str], rows: Rows) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
