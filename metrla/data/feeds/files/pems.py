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
from typing import TYPE_CHECKING, Any

from metrla.data.feeds.files.readings_file import RecordedStep
from shared.events.errors import ConfigurationError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {0: "time", 1: "station", 8: "observed", 9: "flow", 10: "occupancy", 11: "speed"}
TIME_FORMAT = "%m/%d/%Y %H:%M:%S"
ROWS_AT_ONCE = 50_000


class PemsStationFile:
    """One station_5min file, plain or gzipped.

    Raises:
        ConfigurationError: on first use, naming the file and what is wrong with it.
    """

    zero_is_missing = False

    def __init__(self, path: Path) -> None:
        self.path = path

    def sensor_ids(self) -> Sequence[str]:
        """The stations of the first five minutes: PeMS writes a row for each station and time."""
        return next(self.steps()).sensor_ids

    def extent(self) -> tuple[datetime, datetime]:
        """First and last local time."""
        times = [chunk["time"] for chunk in self._chunks((0,))]
        return self._time(times[0].iloc[0]), self._time(times[-1].iloc[-1])

    def steps(self) -> Iterator[RecordedStep]:
        """One step for each time of the file; raises `ConfigurationError` at a row that is none."""
        for time, rows in groupby(self._rows(), key=itemgetter(0)):
            _, stations, observed, flow, occupancy, speed = zip(*rows, strict=True)
            yield RecordedStep(
                local_time=self._time(time),
                sensor_ids=[str(station) for station in stations],
                speed_mph=speed,
                volume_vehicles=flow,
                occupancy=occupancy,
                share_observed=[share / 100.0 for share in observed],
            )

    def _rows(self) -> Iterator[tuple[Any, ...]]:
        for chunk in self._chunks(tuple(COLUMNS)):
            yield from chunk.itertuples(index=False, name=None)

    def _chunks(self, columns: tuple[int, ...]) -> Iterator["pd.DataFrame"]:
        import pandas as pd  # noqa: PLC0415 - half a second that other commands need not wait

        names = [COLUMNS[column] for column in columns]
        numbers = {name: "float64" for name in names if name not in {"time", "station"}}
        try:
            with pd.read_csv(
                self.path,
                header=None,
                usecols=list(columns),
                names=names,
                dtype={"time": "str", "station": "str", **numbers},
                chunksize=ROWS_AT_ONCE,
            ) as chunks:
                yield from chunks
        except (OSError, ValueError, EOFError) as wrong:
            raise ConfigurationError(f"{self.path}: not a PeMS station_5min file: {wrong}") from wrong

    def _time(self, text: str) -> datetime:
        try:
            return datetime.strptime(text, TIME_FORMAT)  # noqa: DTZ007 - local by definition of the file
        except (TypeError, ValueError) as wrong:
            raise ConfigurationError(f"{self.path}: {text!r} is not a time such as 01/31/2024 23:55:00") from wrong
