"""The rows of a text table, for pandas, which would fill up a row that was cut: each must have all its cells."""

import csv
import gzip
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from shared.events.errors import ConfigurationError
from shared.traffic.text_file import BEGINNING_BYTES, other_kind

MAX_ROW_CHARACTERS = 4 * 1024 * 1024
PACKED = ".gz"


@contextmanager
def opened_text(path: Path) -> Iterator[IO[str]]:
    """A text file, plain or gzipped as its name says; raises `ConfigurationError` where it is something else."""
    packed = path.name.endswith(PACKED)
    try:
        with (gzip.open if packed else open)(path, "rb") as file:
            other = other_kind(file.read(BEGINNING_BYTES))
    except gzip.BadGzipFile as wrong:
        raise ConfigurationError(f"{path}: its name ends with {PACKED}, but it is not compressed with gzip") from wrong
    if other:
        raise ConfigurationError(f"{path}: it is {other}")
    with (gzip.open if packed else open)(path, "rt", encoding="utf-8-sig") as lines:
        yield lines


class TextRows:
    """A text stream of whole rows, without empty lines.

    Args:
        path: of the file, for the error.
        lines: where it is read from.
        fault: what is wrong with a row of so many cells, in words; empty where nothing is.

    Raises:
        ConfigurationError: while it is read, naming the row (the first one that is read is 1) that is at fault.
    """

    def __init__(self, path: Path, lines: IO[str], fault: Callable[[int], str]) -> None:
        self._path, self._lines, self._fault = path, lines, fault
        self._row = 0
        self._left = ""

    def __iter__(self) -> Iterator[str]:
        """The rows, each with its line end."""
        while line := self.row():
            yield line

    def read(self, size: int = -1) -> str:
        """Up to `size` characters, all by default."""
        pieces, length = [self._left], len(self._left)
        while (size < 0 or length < size) and (line := self.row()):
            pieces.append(line)
            length += len(line)
        text = "".join(pieces)
        end = length if size < 0 else size
        self._left = text[end:]
        return text[:end]

    def row(self) -> str:
        """The next row with its line end; empty where there is none."""
        while (line := self._line()) and not line.strip():
            pass
        if not line:
            return ""
        self._row += 1
        if fault := self._fault(cells_of(line)):
            raise ConfigurationError(f"{self._path}, row {self._row}: {fault}")
        return line

    def _line(self) -> str:
        line = self._lines.readline(MAX_ROW_CHARACTERS)
        # Inside quotes a line goes on.
        while (
            line.count('"') % 2
            and len(line) < MAX_ROW_CHARACTERS
            and (more := self._lines.readline(MAX_ROW_CHARACTERS))
        ):
            line += more
        if len(line) >= MAX_ROW_CHARACTERS:
            raise ConfigurationError(f"{self._path}, row {self._row + 1}: it does not end")
        return line


def cells_of(line: str) -> int:
    """How many cells a row has."""
    return line.count(",") + 1 if '"' not in line else sum(len(cells) for cells in csv.reader([line]))
