"""METR-LA and PEMS-BAY as published: one row per time, one column per sensor: `.h5`, `.csv` (`.gz`), `.parquet`."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from metrla.data.feeds.files.faults import readable
from metrla.data.feeds.files.hdf5 import read_hdf5
from metrla.data.feeds.files.readings_file import RecordedStep
from metrla.data.feeds.files.text_rows import MAX_ROW_CHARACTERS, TextRows, opened_text
from metrla.data.feeds.files.times import PLAIN, TimeReading, extent_of, read_times
from shared.events.errors import ConfigurationError
from shared.events.text import quoted
from shared.traffic.folder import NUMBER
from shared.traffic.text_file import other_separator

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.parquet as pq

ROWS_AT_ONCE = 2048
PARQUET_INDEX = "__index_level_0__"
SHOWN_NAMES = 5
KIND = "a readable table"


class WideTable:
    """One file of speeds in mph.

    Args:
        path: file; its suffix says what it is. Of an HDF5 file the only table is read, or `df`, or `speed`.
        reading: how its times are written.

    Raises:
        ConfigurationError: on first use, naming the file and what is wrong with it.
    """

    zero_is_missing = True

    def __init__(self, path: Path, reading: TimeReading = PLAIN) -> None:
        self.path = path
        self.reading = reading

    def sensor_ids(self) -> Sequence[str]:
        """Column names, in the order of the file."""
        with readable(self.path, KIND):
            for chunk in self._chunks(1):
                return self._names(chunk.columns)
        raise ConfigurationError(f"{self.path}: the table has no rows")

    def times(self) -> Iterator[datetime]:
        """The times of all rows."""
        row = 1
        with readable(self.path, KIND):
            for cells in self._time_cells():
                yield from read_times(self.path, cells, self.reading, row)
                row += len(cells)

    def extent(self) -> tuple[datetime, datetime]:
        """First and last time."""
        return extent_of(self.path, self.times())

    def steps(self) -> Iterator[RecordedStep]:
        """All rows; raises `ConfigurationError` where the first column holds no times."""
        row = 1
        with readable(self.path, KIND):
            for chunk in self._chunks(ROWS_AT_ONCE):
                sensor_ids, speeds = self._names(chunk.columns), self._numbers(chunk)
                times = read_times(self.path, _cells(chunk.index), self.reading, row)
                for time, values in zip(times, speeds, strict=True):
                    yield RecordedStep(time, sensor_ids, values)
                row += len(speeds)

    def _names(self, columns: Iterable[object]) -> list[str]:
        names = [_sensor_id(name).strip() for name in columns]
        if not names:
            raise ConfigurationError(f"{self.path}: no column of a sensor beside that of the times")
        if not all(names):
            raise ConfigurationError(f"{self.path}: column {names.index('') + 2} has no name: it must be a sensor's id")
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            listed = ", ".join(map(quoted, twice[:SHOWN_NAMES]))
            raise ConfigurationError(f"{self.path}: columns are there twice: {listed}")
        return names

    def _numbers(self, chunk: "pd.DataFrame") -> list[list[float]]:
        for name, kind in chunk.dtypes.items():
            if kind.kind not in "iuf":
                self._require_numbers(str(name), chunk[name])
        numbers = chunk.astype("float64").to_numpy()
        values: list[list[float]] = numbers.tolist()
        return values

    def _require_numbers(self, name: str, column: "pd.Series[Any]") -> None:
        for cell in column:
            if not _is_number(cell):
                raise ConfigurationError(f"{self.path}: column {quoted(name)} holds {quoted(cell)}, which is no speed")

    def _time_cells(self) -> Iterator[Sequence[object]]:
        import pyarrow.parquet as pq  # noqa: PLC0415 - half a second that other commands need not wait

        if self.path.suffix == ".parquet":
            with pq.ParquetFile(self.path) as table:
                for batch in table.iter_batches(ROWS_AT_ONCE, columns=[_parquet_index(self.path, table)]):
                    yield _cells(batch.to_pandas(ignore_metadata=True).iloc[:, 0])
        else:
            for chunk in self._chunks(ROWS_AT_ONCE, times_only=True):
                yield _cells(chunk.index)

    def _chunks(self, rows: int, *, times_only: bool = False) -> Iterator["pd.DataFrame"]:
        reader = {".parquet": self._parquet, ".h5": self._hdf5, ".hdf5": self._hdf5}.get(self.path.suffix, self._csv)
        yield from reader(rows, times_only=times_only)

    def _parquet(self, rows: int, *, times_only: bool) -> Iterator["pd.DataFrame"]:
        import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

        del times_only
        with pq.ParquetFile(self.path) as table:
            index = _parquet_index(self.path, table)
            for batch in table.iter_batches(rows):
                yield batch.to_pandas(ignore_metadata=True).set_index(index)

    def _csv(self, rows: int, *, times_only: bool) -> Iterator["pd.DataFrame"]:
        import pandas as pd  # noqa: PLC0415 - likewise

        with opened_text(self.path) as lines:
            # Read apart: pandas renames columns that are there twice, and shifts rows that have more cells.
            header = self._csv_header(lines)
            width, columns = len(header), range(len(header))
            # Of the protocol of files, pandas uses what it has.
            rows_only: Any = TextRows(
                self.path, lines, lambda cells: "" if cells == width else f"{cells} cells, but {width} columns"
            )
            with pd.read_csv(
                rows_only,
                header=None,
                names=list(columns),
                dtype={0: "str"},
                usecols=[0] if times_only else None,
                chunksize=rows,
                low_memory=False,
                skip_blank_lines=True,
            ) as chunks:
                for chunk in chunks:
                    indexed = chunk.set_index(0)
                    indexed.columns = pd.Index([header[int(number)] for number in indexed.columns], dtype="object")
                    yield indexed

    def _csv_header(self, lines: IO[str]) -> list[str]:
        text = _line(lines)
        header = next(csv.reader([text]), [])
        if not header:
            raise ConfigurationError(f"{self.path}: No columns: the first line is to name the sensors")
        if separator := other_separator(text):
            raise ConfigurationError(f"{self.path}: its columns are to be separated by commas, not by {separator}")
        return header

    def _hdf5(self, rows: int, *, times_only: bool) -> Iterator["pd.DataFrame"]:
        del times_only
        for table in read_hdf5(self.path, rows):
            if table.ndim == 1:
                raise ConfigurationError(f"{self.path}: it holds a series, not a table with a column for each sensor")
            yield table


def _line(lines: IO[str]) -> str:
    text = lines.readline(MAX_ROW_CHARACTERS)
    if len(text) >= MAX_ROW_CHARACTERS:
        raise ValueError("its first line does not end")
    return text


def _parquet_index(path: Path, table: "pq.ParquetFile") -> str:
    names = table.schema_arrow.names
    described = (table.schema_arrow.pandas_metadata or {}).get("index_columns") or []
    for name in (*(one for one in described if isinstance(one, str)), PARQUET_INDEX, "timestamp", *names[:1]):
        if name in names:
            return str(name)
    raise ConfigurationError(f"{path}: no column of times")


def _cells(index: "pd.Index[Any] | pd.Series[Any]") -> list[object]:
    import pandas as pd  # noqa: PLC0415 - likewise

    times: Any = index
    if isinstance(index, pd.Series):
        times = pd.Index(index)
    if isinstance(times, pd.DatetimeIndex):
        times = pd.Index(times.floor("us").to_pydatetime(), dtype="object")
    cells: list[object] = [None if empty else cell for cell, empty in zip(times, times.isna(), strict=True)]
    return cells


def _is_number(cell: object) -> bool:
    if cell is None:
        return True
    if isinstance(cell, bool) or not isinstance(cell, str | int | float):
        return False
    return not isinstance(cell, str) or not cell.strip() or NUMBER.fullmatch(cell.strip()) is not None


def _sensor_id(name: object) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
