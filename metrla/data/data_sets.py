"""Published data sets: where they are, their shape, and fetching them. A file is checked before it gets its name."""

from dataclasses import dataclass
from pathlib import Path

import httpx

from metrla.data.feeds.files.formats import open_readings
from metrla.data.web import DownloadProgress, FetchError, download
from shared.events.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class DataSet:
    """A published file: where it is, what it is called here, and its shape."""

    name: str
    title: str
    url: str
    file_name: str
    steps: int
    sensors: int


METR_LA = DataSet(
    name="metr-la",
    title="METR-LA: loop detectors in Los Angeles, 2012-03-01 to 2012-06-27 (Li et al. 2018)",
    url="https://zenodo.org/records/5146275/files/METR-LA.csv?download=1",
    file_name="METR-LA.csv",
    steps=34_272,
    sensors=207,
)
DATA_SETS = {data_set.name: data_set for data_set in (METR_LA,)}


def fetch_data_set(data_set: DataSet, folder: Path, url: str | None, progress: DownloadProgress) -> Path:
    """Download a data set into `folder` and check its shape.

    What has come is kept in a `.partial` file, from which the next attempt goes on.

    Raises:
        FetchError: the server cannot be reached, refuses, or sends something else.
        ConfigurationError: the folder cannot be written.
    """
    # A link stays one: what it names is made anew.
    target = (folder / data_set.file_name).resolve()
    if target.exists() and not target.is_file():
        raise ConfigurationError(f"{target}: there is something that is no file")
    partial = target.with_name(f"{data_set.file_name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        download(url or data_set.url, partial, progress)
    except httpx.TransportError as unreachable:
        raise FetchError(
            f"{url or data_set.url} cannot be reached ({type(unreachable).__name__}: {unreachable}). "
            f"Is there a network? The file can be fetched elsewhere and put at {target}; what has come so far is kept"
        ) from unreachable
    except httpx.HTTPStatusError as refused:
        raise FetchError(f"{url or data_set.url}: the server answers {refused.response.status_code}") from refused
    except OSError as unwritable:
        raise ConfigurationError(f"{folder}: {unwritable.strerror}") from unwritable
    checked = target.with_name(f".checking-{data_set.file_name}")
    partial.replace(checked)
    try:
        check_shape(checked, data_set)
    except ConfigurationError as wrong:
        checked.unlink()
        raise FetchError(f"{url or data_set.url} is not {data_set.title}: {wrong}") from wrong
    checked.replace(target)
    return target


def check_shape(path: Path, data_set: DataSet) -> None:
    """Count steps and sensors of a file; raises `ConfigurationError` where they are others than published."""
    recording = open_readings(path)
    sensors = len(recording.sensor_ids())
    steps = sum(1 for _ in recording.steps())
    if (steps, sensors) != (data_set.steps, data_set.sensors):
        raise ConfigurationError(
            f"{path}: {steps:,} x {sensors} values instead of {data_set.steps:,} x {data_set.sensors}"
        )
