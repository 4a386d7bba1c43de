"""METR-LA and PEMS-BAY as published: one row per time, one column per sensor: `.h5`, `.csv` (`.gz`), `.parquet`."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrla.data.feeds.files.readings_file import RecordedStep
from shared.events.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.parquet as pq

ROWS_AT_ONCE = 2048
PARQUET_INDEX = "__index_level_0__"


class WideTable:
    """One file of speeds in mph.

    Args:
        path: file; its suffix says what it is. Of an HDF5 file the only table is read, or `df`, or `speed`.

    Raises:
        ConfigurationError: on first use, naming the file and what is wrong with it.
    """

    zero_is_missing = True

    def __init__(self, path: Path) -> None:
        self.path = path

    def sensor_ids(self) -> Sequence[str]:
        """Column names, in the order of the file."""
        return [_sensor_id(name) for name in next(self._chunks(1)).columns]

    def extent(self) -> tuple[datetime, datetime]:
        """First and last local time."""
        first = last = None
        for times in self._times():
            if len(times):
                first, last = first or times[0].to_pydatetime(), times[-1].to_pydatetime()
        if first is None or last is None:
            raise ConfigurationError(f"{self.path}: the table has no rows")
        return first, last

    def steps(self) -> Iterator[RecordedStep]:
        """All rows; raises `ConfigurationError` where the first column holds no times."""
        for chunk in self._chunks(ROWS_AT_ONCE):
            sensor_ids = [_sensor_id(name) for name in chunk.columns]
            for time, speeds in zip(_time_index(self.path, chunk.index), chunk.to_numpy(), strict=True):
                yield RecordedStep(time.to_pydatetime(), sensor_ids, speeds.tolist())

    def _times(self) -> Iterator["pd.DatetimeIndex"]:
        import pyarrow.parquet as pq  # noqa: PLC0415 - half a second that other commands need not wait

        if self.path.suffix == ".parquet":
            with self._readable(), pq.ParquetFile(self.path) as table:
                for batch in table.iter_batches(ROWS_AT_ONCE, columns=[_parquet_index(self.path, table)]):
                    yield _time_index(self.path, batch.to_pandas(ignore_metadata=True).iloc[:, 0])
        else:
            for chunk in self._chunks(ROWS_AT_ONCE, times_only=self.path.suffix != ".h5"):
                yield _time_index(self.path, chunk.index)

    def _chunks(self, rows: int, *, times_only: bool = False) -> Iterator["pd.DataFrame"]:
        reader = {".parquet": self._parquet, ".h5": self._hdf5, ".hdf5": self._hdf5}.get(self.path.suffix, self._csv)
        with self._readable():
            for chunk in reader(rows, times_only=times_only):
                yield chunk.astype("float64")

    def _parquet(self, rows: int, *, times_only: bool) -> Iterator["pd.DataFrame"]:
        import pyarrow.parquet as pq  # noqa: PLC0415 - likewise

        del times_only
        with pq.ParquetFile(self.path) as table:
            index = _parquet_index(self.path, table)
            for batch in table.iter_batches(rows):
                yield batch.to_pandas(ignore_metadata=True).set_index(index)

    def _csv(self, rows: int, *, times_only: bool) -> Iterator["pd.DataFrame"]:
        import pandas as pd  # noqa: PLC0415 - likewise

        with pd.read_csv(self.path, index_col=0, chunksize=rows, usecols=[0] if times_only else None) as chunks:
            yield from chunks

    def _hdf5(self, rows: int, *, times_only: bool) -> Iterator["pd.DataFrame"]:
        import pandas as pd  # noqa: PLC0415 - likewise
        from tables import HDF5ExtError  # noqa: PLC0415 - likewise

        del times_only
        try:
            yield from self._hdf5_tables(pd.HDFStore(self.path, mode="r"), rows)
        except HDF5ExtError as damaged:
            raise ConfigurationError(f"{self.path}: not a readable HDF5 file") from damaged

    def _hdf5_tables(self, opened: "pd.HDFStore", rows: int) -> Iterator["pd.DataFrame"]:
        with opened:
            store: Any = opened
            keys = store.keys()
            key = keys[0] if len(keys) == 1 else next((key for key in ("/df", "/speed") if key in keys), None)
            if key is None:
                raise ConfigurationError(
                    f"{self.path}: of the tables {', '.join(keys) or '(none)'} none is df or speed"
                )
            for first in range(0, store.get_storer(key).shape[0], rows):
                table: Any = store.select(key, start=first, stop=first + rows)
                yield table

    def _readable(self) -> "_Readable":
        return _Readable(self.path)


class _Readable:
    """Turns what readers of files raise into one error that names the file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        if not self._path.is_file():
            raise ConfigurationError(f"{self._path}: no such file")

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, OSError | ValueError | KeyError):
            raise ConfigurationError(f"{self._path}: {error}") from error


def _parquet_index(path: Path, table: "pq.ParquetFile") -> str:
    names = table.schema_arrow.names
    described = (table.schema_arrow.pandas_metadata or {}).get("index_columns") or []
    for name in (*(one for one in described if isinstance(one, str)), PARQUET_INDEX, "timestamp", names[0]):
        if name in names:
            return str(name)
    raise ConfigurationError(f"{path}: no column of times")


def _time_index(path: Path, index: "pd.Index[Any] | pd.Series[Any]") -> "pd.DatetimeIndex":
    import pandas as pd  # noqa: PLC0415 - likewise

    try:
        times = pd.DatetimeIndex(index)
    except (ValueError, TypeError) as wrong:
        raise ConfigurationError(f"{path}: the first column holds no times: {wrong}") from wrong
    return times if times.tz is None else times.tz_localize(None)


def _sensor_id(name: object) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
