"""A file of readings as one table of speeds, for training and evaluation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from metrla.data.feeds.files.readings_file import ReadingsFile
from metrla.data.feeds.local_time import timed_steps
from metrla.data.feeds.replay import check_sensors
from metrla.data.feeds.step_length import resampled
from shared.events.errors import ConfigurationError
from shared.events.records import SensorId
from shared.traffic.network import Network
from shared.traffic.readings import LeftOut, speeds_of_nobody, unfit

MOST_VALUES = 1_000_000_000
"""Four years of 2,000 sensors in windows of five minutes; 4 GB."""

SpeedGrid = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SpeedTable:
    """Speeds on the windows of a network.

    Attributes:
        start: start (UTC) of the first window.
        speed_mph: windows x sensors in network order: the mean of the readings in a window, NaN where there was none.
            Windows that the file leaves out are rows of NaN.
        left_out: readings that are no truth: what ingest rejects, and what is mostly imputed.
        skipped_windows: how many more windows the file has between its first and its last one: those that lie in the
            hour of local time that daylight saving skips, so that no instant belongs to them.
        resampled: what was made of several readings in a window, in one line; empty where each has one.
    """

    start: datetime
    speed_mph: SpeedGrid
    left_out: LeftOut
    skipped_windows: int
    resampled: str


def speed_table(
    recording: ReadingsFile,
    network: Network,
    begin: datetime | None = None,
    end: datetime | None = None,
    *,
    skip_unknown: bool = False,
) -> SpeedTable:
    """Read the speeds of a file onto the windows of a network.

    Args:
        recording: the file.
        network: its sensors must be the file's; its time zone is the file's.
        begin: first instant (aware), inclusive; `None` is the start of the file.
        end: last instant (aware), exclusive; `None` is the end of the file.
        skip_unknown: leave out sensors that the network does not have instead of refusing the file.

    Raises:
        ConfigurationError: the sensors or the distance of readings do not fit, no reading lies in the time asked for,
            or none of them is fit.
    """
    check_sensors(recording, network, skip_unknown=skip_unknown)
    means = resampled(recording, network)
    left_out = LeftOut()
    sums: dict[datetime, npt.NDArray[np.float64]] = {}
    counts: dict[datetime, npt.NDArray[np.int32]] = {}
    columns: tuple[list[int], list[int]] | None = None
    names: object = None
    skipped: set[datetime] = set()
    pending: set[datetime] = set()
    for instant, step in timed_steps(recording, network):
        if instant is None:
            pending.add(step.time - (step.time - datetime.min) % network.window)  # noqa: DTZ901 - local
            continue
        if begin is not None and instant < begin:
            continue
        if end is not None and instant >= end:
            break
        # Those before the first window are not counted: no windows are, there.
        skipped |= pending if sums else set()
        pending.clear()
        if columns is None or names != step.sensor_ids:
            names, columns = step.sensor_ids, _columns(list(step.sensor_ids), network)
        source, target = columns
        speeds = np.asarray(step.speed_mph, dtype=np.float64)[source]
        heard = ~np.isnan(speeds) & ~(recording.zero_is_missing & (speeds == 0.0))
        volume, occupancy, observed = (
            _of(values, source) for values in (step.volume_vehicles, step.occupancy, step.share_observed)
        )
        heard &= ~speeds_of_nobody(speeds, volume, occupancy)
        faults = unfit(speeds, volume, occupancy, observed)
        left_out.add(heard, faults)
        heard &= ~faults.any
        window = network.window_start(instant)
        total = sums.setdefault(window, np.zeros(len(network.sensors)))
        total[target] += np.where(heard, speeds, 0.0)
        counts.setdefault(window, np.zeros(len(network.sensors), dtype=np.int32))[target] += heard
    if not sums:
        raise ConfigurationError(f"{recording.path}: no reading in the time asked for")
    if left_out.readings == left_out.out_of_range + left_out.imputed:
        raise ConfigurationError(f"{recording.path}: no speed to learn from; {str(left_out) or 'all are missing'}")
    first, last = min(sums), max(sums)
    require_room(recording.path, first, last, network)
    table = np.full(((last - first) // network.window + 1, len(network.sensors)), np.nan, dtype=np.float32)
    for window, total in sums.items():
        count = counts[window]
        row = table[(window - first) // network.window]
        np.divide(total, count, out=row, where=count > 0, casting="same_kind")
    return SpeedTable(first, table, left_out, len(skipped), means)


def require_room(path: Path, first: datetime, last: datetime, network: Network) -> None:
    """Raise `ConfigurationError` where the windows from `first` to `last` are more than a machine can hold."""
    if ((last - first) // network.window + 1) * len(network.sensors) > MOST_VALUES:
        raise ConfigurationError(
            f"{path}: its times go from {first} to {last}, more windows of {len(network.sensors)} sensors than "
            "can be held; is one of its times wrong?"
        )


def _of(values: Sequence[float] | None, columns: list[int]) -> npt.NDArray[np.float64] | None:
    return None if values is None else np.asarray(values, dtype=np.float64)[columns]


def _columns(names: list[str], network: Network) -> tuple[list[int], list[int]]:
    pairs = [
        (column, network.index[SensorId(name)]) for column, name in enumerate(names) if SensorId(name) in network.index
    ]
    return [column for column, _ in pairs], [row for _, row in pairs]
