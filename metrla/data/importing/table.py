"""Published tables, whatever they call their columns."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from shared.events.errors import ConfigurationError
from shared.events.text import one_line, quoted
from shared.traffic.folder import NUMBER
from shared.traffic.text_file import other_separator, read_text

MOST = 1e12
"""No degree, mile, metre or lane count is more; squares of such numbers can still be summed."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with columns under our names; `rows` hold stripped text, empty where the file has none."""

    path: Path
    columns: frozenset[str]
    rows: tuple[Mapping[str, str], ...]

    def number(self, row: int, column: str, least: float = -MOST, most: float = MOST) -> float | None:
        """A cell as a number, `None` where it is empty; raises `ConfigurationError` naming file and row."""
        text = self.rows[row].get(column, "")
        if not text:
            return None
        if not NUMBER.fullmatch(text) or abs(value := float(text)) > MOST:
            raise ConfigurationError(f"{self.path}, row {row + 1}: {column} {quoted(text)} is not a number")
        if not least <= value <= most:
            raise ConfigurationError(
                f"{self.path}, row {row + 1}: {column} {quoted(text)} is not within {least:g} to {most:g}"
            )
        return value


def read_table(
    path: Path, aliases: Mapping[str, Sequence[str]], required: Sequence[str], headerless: Sequence[str]
) -> Table:
    """Read a comma- or tab-separated table.

    Args:
        path: file.
        aliases: our column names, each with the names that published files use (any case, any punctuation).
        required: those of our names that must be there.
        headerless: our names for the columns of a file whose first line is data already.

    Raises:
        ConfigurationError: the file cannot be read or lacks columns; the message names them and those it has.
    """
    text = read_text(path).lstrip()
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    try:
        found = [cells for cells in csv.reader(StringIO(text, newline=""), delimiter=delimiter) if any(cells)]
    except csv.Error as wrong:
        raise ConfigurationError(f"{path}: {one_line(wrong)}") from wrong
    if not found:
        raise ConfigurationError(f"{path}: the file is empty")
    first = found[0]
    if _is_data(first):
        names: list[str | None] = list(headerless[: len(first)])
        body = found
    else:
        by_alias = {_plain(alias): name for name, known in aliases.items() for alias in (name, *known)}
        names = [by_alias.get(_plain(heading)) for heading in first]
        body = found[1:]
    missing = [name for name in required if name not in names]
    if missing:
        if separator := other_separator(text.partition("\n")[0]):
            raise ConfigurationError(f"{path}: its columns are to be separated by commas or tabs, not by {separator}")
        expected = "; ".join(f"{name} (or {', '.join(aliases[name])})" for name in missing)
        raise ConfigurationError(f"{path}: no column {expected}. It has: {one_line(', '.join(first))}")
    return Table(path, frozenset(filter(None, names)), tuple(_rows(path, body, names)))


def _rows(path: Path, body: Sequence[Sequence[str]], names: Sequence[str | None]) -> Iterator[Mapping[str, str]]:
    for number, cells in enumerate(body, 1):
        if len(cells) < len(names) or any(cells[len(names) :]):
            raise ConfigurationError(f"{path}, row {number}: {len(cells)} cells, but {len(names)} columns")
        # Of two columns with one meaning the first one counts.
        row: dict[str, str] = {}
        for name, cell in zip(names, cells, strict=False):
            if name is not None:
                row.setdefault(name, cell.strip())
        yield row


def _is_data(cells: Sequence[str]) -> bool:
    return bool(cells) and all(re.fullmatch(r"\s*-?\d+(\.\d+)?([eE]-?\d+)?\s*", cell) for cell in cells)


def _plain(heading: str) -> str:
    return re.sub(r"[^a-z0-9]", "", heading.lower())
