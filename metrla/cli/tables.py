"""Tables for a terminal, all in one look."""

import sys
from collections.abc import Collection, Sequence
from typing import IO, Any

from rich.console import RenderableType
from rich.table import Table

from metrla.terminal import console
from shared.events.text import shown

PIPED_WIDTH = 1_000
"""As wide as any table: in a file or a pipe nothing is cut, and a narrow terminal wraps lines instead of columns."""


class _PlainTable(Table):
    """A table of texts that may come from anywhere: what is not printable is escaped before columns are measured."""

    def add_row(self, *cells: RenderableType | None, **options: Any) -> None:  # noqa: ANN401 - as overridden
        """Add a row."""
        super().add_row(*(shown(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def plain_table(
    headings: Sequence[str] = (), *, right: Collection[str] = (), title: str | None = None, caption: str | None = None
) -> Table:
    """A table without lines; `right` are the headings of the columns that are aligned to the right."""
    table = _PlainTable(
        box=None, header_style="bold", pad_edge=False, title=title, caption=caption,
        title_justify="left", caption_justify="left",
    )  # fmt: skip
    for heading in headings:
        table.add_column(heading, justify="right" if heading in right else "left")
    return table


def print_tables(*shown: RenderableType, file: IO[str] | None = None, wide: bool = False) -> None:
    """Print to standard output or `file`: as wide as the terminal, or as need be: where there is none, or if `wide`."""
    terminal = (file or sys.stdout).isatty() and not wide
    console(file=file, width=None if terminal else PIPED_WIDTH).print(*shown, sep="\n")
