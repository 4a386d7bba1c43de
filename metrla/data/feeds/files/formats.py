"""The formats of files of readings, and which reader each of them needs."""

from pathlib import Path

from metrla.data.feeds.files.pems import PemsStationFile
from metrla.data.feeds.files.readings_file import ReadingsFile
from metrla.data.feeds.files.times import PLAIN, TimeReading
from metrla.data.feeds.files.wide_table import WideTable
from shared.events.errors import ConfigurationError

WIDE_SUFFIXES = (".h5", ".hdf5", ".parquet", ".csv", ".csv.gz")
PEMS_SUFFIXES = (".txt", ".txt.gz")


def open_readings(path: Path, times: TimeReading = PLAIN) -> ReadingsFile:
    """The reader for a file, by its name; raises `ConfigurationError` where there is no such file or no reader.

    `times` says how its times are written, where they do not say so themselves.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file")
    if path.name.endswith(WIDE_SUFFIXES):
        return WideTable(path, times)
    if path.name.endswith(PEMS_SUFFIXES):
        return PemsStationFile(path, times)
    raise ConfigurationError(f"{path}: not one of {', '.join((*WIDE_SUFFIXES, *PEMS_SUFFIXES))}")
