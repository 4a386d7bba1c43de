"""Rows for people and for programs: as a table, CSV, JSON or Parquet, to standard output or to a file."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import console, say
from shared.events.errors import ConfigurationError
from shared.events.text import shown
from shared.runtime.output_file import output_file

TABLE_ROWS = 1_000
PARQUET_ROWS = 50_000


class OutputFormat(StrEnum):
    """The forms that rows can take."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    TEXTS = "texts"
    INTEGER = "integer"
    NUMBER = "number"
    INSTANT = "instant"
    FLAG = "flag"
    OBJECTS = "objects"
    """A list of JSON objects; CSV, Parquet and tables have it as JSON text."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of every row; only those `in_table` fit on a screen and are shown in tables."""

    name: str
    kind: Kind = Kind.TEXT
    in_table: bool = True


Row = Sequence[Any]

FormatOption = Annotated[
    OutputFormat | None,
    typer.Option("--format", help="Form of the rows.", show_default="what the suffix of --out says, else table"),
]
OutOption = Annotated[
    Path | None,
    typer.Option("--out", help="File to write instead of standard output.", dir_okay=False, metavar="FILE"),
]


@dataclass(frozen=True, slots=True)
class Output:
    """Where rows go, in which form, with instants in which zone."""

    form: OutputFormat
    out: Path | None
    zone: tzinfo = UTC

    @classmethod
    def choose(cls, form: OutputFormat | None, out: Path | None, zone: tzinfo = UTC) -> "Output":
        """What the options ask for; raises `ConfigurationError` for Parquet on a terminal."""
        if form is None:
            suffix = out.suffix.lstrip(".").lower() if out else ""
            form = OutputFormat(suffix) if suffix in list(OutputFormat) else OutputFormat.TABLE
        if form is OutputFormat.PARQUET and out is None and sys.stdout.isatty():
            raise ConfigurationError("Parquet is not for terminals: name a file with --out")
        return cls(form, out, zone)

    @property
    def on_screen(self) -> bool:
        """Whether rows go to a terminal, where a progress bar would run through them."""
        return self.out is None and sys.stdout.isatty()

    def write(self, columns: Sequence[Column], rows: Iterable[Row], empty: str | Callable[[], str]) -> None:
        """Write all rows, a few at a time; where there are none, say `empty` on standard error, or raise what it does.

        A file appears whole or not at all, also on Ctrl-C.
        """
        rest = iter(rows)
        first = list(islice(rest, 1))
        if not first:
            say(empty if isinstance(empty, str) else empty(), err=True)
            if self.form is OutputFormat.TABLE:
                return
        writers: dict[OutputFormat, Callable[[IO[Any], Sequence[Column], Iterator[Row]], None]] = {
            OutputFormat.TABLE: self._table,
            OutputFormat.CSV: self._csv,
            OutputFormat.JSON: self._json,
            OutputFormat.PARQUET: self._parquet,
        }
        with _destination(self.out, binary=self.form is OutputFormat.PARQUET) as file:
            writers[self.form](file, columns, chain(first, rest))

    def instant(self, value: datetime) -> str:
        """ISO 8601 in the zone: `2012-05-02T07:00:00Z`, or with an offset."""
        timespec = "milliseconds" if value.microsecond else "seconds"
        return value.astimezone(self.zone).isoformat(timespec=timespec).replace("+00:00", "Z")

    def _table(self, file: IO[Any], columns: Sequence[Column], rows: Iterator[Row]) -> None:
        shown = [place for place, column in enumerate(columns) if column.in_table]
        table = plain_table()
        for place in shown:
            table.add_column(
                columns[place].name.replace("_", "\n") if file.isatty() else columns[place].name,
                justify="right" if columns[place].kind in {Kind.INTEGER, Kind.NUMBER} else "left",
                vertical="bottom",
            )
        most = TABLE_ROWS if self.out is None else None
        for row in islice(rows, most):
            table.add_row(*(self._cell(row[place], columns[place].kind) for place in shown))
        print_tables(table, file=file, wide=True)
        if next(rows, None) is not None:
            say(f"Only the first {TABLE_ROWS:,} rows: --out or --format csv gives all.", err=True)

    def _cell(self, value: Any, kind: Kind) -> str:  # noqa: ANN401 - a value of any kind
        if value is None:
            return ""
        if kind is Kind.NUMBER:
            return f"{value:.2f}"
        return str(self._plain(value, kind)) if kind is not Kind.TEXTS else " ".join(value)

    def _plain(self, value: Any, kind: Kind) -> Any:  # noqa: ANN401 - a value of any kind
        if kind is Kind.OBJECTS:
            return json.dumps(value, ensure_ascii=False)
        return self.instant(value) if kind is Kind.INSTANT and value is not None else value

    def _csv(self, file: IO[Any], columns: Sequence[Column], rows: Iterator[Row]) -> None:
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow([column.name for column in columns])
        kinds = [column.kind for column in columns]
        for row in rows:
            plain = (self._plain(value, kind) for value, kind in zip(row, kinds, strict=True))
            lines.writerow([_for(file, _text(value)) for value in plain])

    def _json(self, file: IO[Any], columns: Sequence[Column], rows: Iterator[Row]) -> None:
        separator = "[\n"
        for row in rows:
            values = {
                c.name: value if c.kind is Kind.OBJECTS else self._plain(value, c.kind)
                for c, value in zip(columns, row, strict=True)
            }
            file.write(_for(file, separator + json.dumps(values, ensure_ascii=False)))
            separator = ",\n"
        file.write("[]\n" if separator == "[\n" else "\n]\n")

    def _parquet(self, file: IO[Any], columns: Sequence[Column], rows: Iterator[Row]) -> None:
        import pyarrow as pa  # noqa: PLC0415 - slow to import, needed by few commands
        from pyarrow import parquet  # noqa: PLC0415 - likewise

        types = {
            Kind.TEXT: pa.string(),
            Kind.TEXTS: pa.list_(pa.string()),
            Kind.INTEGER: pa.int64(),
            Kind.NUMBER: pa.float64(),
            Kind.INSTANT: pa.timestamp("ms", tz=str(self.zone)),
            Kind.FLAG: pa.bool_(),
            Kind.OBJECTS: pa.string(),
        }
        kinds = [column.kind for column in columns]
        schema = pa.schema([(column.name, types[column.kind]) for column in columns])
        with parquet.ParquetWriter(file, schema, compression="zstd") as writer:
            while some := list(islice(rows, PARQUET_ROWS)):
                arrays = [
                    pa.array(values if kind is not Kind.OBJECTS else map(json.dumps, values), type=field.type)
                    for values, field, kind in zip(zip(*some, strict=True), schema, kinds, strict=True)
                ]
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _for(file: IO[Any], value: Any) -> Any:  # noqa: ANN401 - a value of any kind
    """A value as it is, and for a terminal with what is not printable escaped."""
    return shown(value) if isinstance(value, str) and file.isatty() else value


def _text(value: Any) -> Any:  # noqa: ANN401 - a value of any kind
    """A value as CSV has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, tuple) else value


@contextmanager
def progress(unit: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A progress bar on standard error; none where that is not a terminal, or on `quiet`."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit, markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    terminal = console(err=True)
    # Standard output is for the reader of the rows, not for the bar's console.
    with Progress(
        *columns,
        console=terminal,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
        disable=quiet or not terminal.is_terminal,
    ) as bar:
        yield bar


@contextmanager
def _destination(out: Path | None, *, binary: bool) -> Iterator[IO[Any]]:
    if out is None:
        yield sys.stdout.buffer if binary else sys.stdout
        return
    with output_file(out, binary=binary, option="--out") as file:
        yield file
