"""Caltrans PeMS clearinghouse, 'Station 5-Minute' files (`d07_text_station_5min_2024_01_15.txt.gz`).

No header; columns as the clearinghouse documents them: timestamp (start of the five minutes, MM/DD/YYYY HH:MM:SS,
local), station, district, freeway, direction, lane type, station length, samples, % observed (0-100), total flow
(vehicles per five minutes), average occupancy (0-1), average speed (mph), then five columns for each lane. What was not
observed is blank.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from metrla.data.feeds.files.faults import readable
from metrla.data.feeds.files.readings_file import RecordedStep
from metrla.data.feeds.files.text_rows import TextRows, opened_text
from metrla.data.feeds.files.times import PLAIN, TimeReading, extent_of, read_times
from shared.events.errors import ConfigurationError
from shared.events.text import quoted

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {
    0: "time",
    1: "station",
    4: "direction",
    5: "lane_type",
    8: "observed",
    9: "flow",
    10: "occupancy",
    11: "speed",
}
STATION_CELLS, LANE_CELLS = 12, 5
NUMBERS = ("observed", "flow", "occupancy", "speed")
DIRECTIONS = frozenset("NSEW")
TIME_FORMAT = "%m/%d/%Y %H:%M:%S"
ROWS_AT_ONCE = 50_000
KIND = "a PeMS station_5min file"


class PemsStationFile:
    """One station_5min file, plain or gzipped.

    Raises:
        ConfigurationError: on first use, naming the file and what is wrong with it.
    """

    zero_is_missing = False

    def __init__(self, path: Path, reading: TimeReading = PLAIN) -> None:
        self.path = path
        self.reading = reading if reading.form else TimeReading(TIME_FORMAT, reading.zone)

    def sensor_ids(self) -> Sequence[str]:
        """The stations of the first five minutes: PeMS writes a row for each station and time."""
        for step in self.steps():
            return step.sensor_ids
        raise ConfigurationError(f"{self.path}: the table has no rows")

    def times(self) -> Iterator[datetime]:
        """The times of all steps."""
        with readable(self.path, KIND):
            for _, time, _ in self._steps():
                yield time

    def extent(self) -> tuple[datetime, datetime]:
        """First and last time."""
        return extent_of(self.path, self.times())

    def steps(self) -> Iterator[RecordedStep]:
        """One step for each time of the file; raises `ConfigurationError` at a row that is none."""
        with readable(self.path, KIND):
            for row, time, rows in self._steps():
                _, stations, _, _, observed, flow, occupancy, speed = zip(*rows, strict=True)
                if len(set(stations)) < len(stations):
                    twice = next(one for number, one in enumerate(stations) if one in stations[:number])
                    raise ConfigurationError(f"{self.path}, row {row}: station {twice} is there twice at {time}")
                yield RecordedStep(
                    time=time,
                    sensor_ids=list(stations),
                    speed_mph=speed,
                    volume_vehicles=flow,
                    occupancy=occupancy,
                    share_observed=[share / 100.0 for share in observed],
                )

    def _steps(self) -> Iterator[tuple[int, datetime, list[tuple[Any, ...]]]]:
        """Each time with its rows and the number of the first of them."""
        first = 1
        for text, group in groupby(self._rows(), key=itemgetter(0)):
            rows = list(group)
            (time,) = read_times(self.path, [text], self.reading, first)
            yield first, time, rows
            first += len(rows)

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for chunk in self._chunks():
            yield from chunk.itertuples(index=False, name=None)

    def _chunks(self) -> Iterator["pd.DataFrame"]:
        import pandas as pd  # noqa: PLC0415 - half a second that other commands need not wait

        with (
            opened_text(self.path) as lines,
            pd.read_csv(
                cast("Any", TextRows(self.path, lines, _fault)),
                header=None,
                usecols=list(COLUMNS),
                names=list(COLUMNS.values()),
                dtype={name: "float64" if name in NUMBERS else "str" for name in COLUMNS.values()},
                keep_default_na=True,
                chunksize=ROWS_AT_ONCE,
            ) as chunks,
        ):
            first = 1
            for chunk in chunks:
                self._check(chunk, first)
                first += len(chunk)
                # A time that is missing would be another NaN, and a step of its own, in each row.
                yield chunk.assign(time=chunk["time"].fillna(""))

    def _check(self, chunk: "pd.DataFrame", first: int) -> None:
        """Station files of other kinds (raw, hour) have other columns, which would be read as these."""
        for name, faulty, what in (
            ("station", chunk["station"].isna(), "has no station"),
            ("direction", ~chunk["direction"].isin(DIRECTIONS), "has no direction N, S, E or W in its fifth column"),
            (
                "lane_type",
                ~chunk["lane_type"].str.fullmatch("[A-Z]{2}", na=False),
                "has no lane type in its sixth column",
            ),
        ):
            if faulty.any():
                row = int(faulty.to_numpy().argmax())
                raise ConfigurationError(
                    f"{self.path}: not {KIND}: row {first + row} {what} but {quoted(chunk[name].iloc[row])}"
                )


def _fault(cells: int) -> str:
    """A row has those of the station, and five for each lane; what is cut within a lane of them has another number."""
    if cells >= STATION_CELLS and (cells - STATION_CELLS) % LANE_CELLS == 0:
        return ""
    return f"not {KIND}: {cells} cells, but {STATION_CELLS} of a station and {LANE_CELLS} of each lane were to be"
