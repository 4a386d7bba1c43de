"""Recent speeds from a history that is at hand, for the predictor to begin with: published files, archived events."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from metrla.data.archive.events import read_events
from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.files.times import TimeReading
from metrla.data.feeds.local_time import timed_steps
from metrla.data.feeds.speed_table import speed_table
from shared.archive.port import Archive
from shared.forecasting.warm_up import WarmUp, recent_rows
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow

HISTORY = timedelta(days=182)
"""What lies longer back counts nothing: fifty days off are 0.0001 % of the weight."""


def recent_in_file(
    file: Path, network: Network, until: datetime | None, times: TimeReading, *, skip_unknown: bool
) -> Sequence[RecentRow]:
    """Recent speeds as of what a file has before `until` (aware; `None`: all of it); none where that is nothing.

    Raises:
        ConfigurationError: the file has other sensors than the network, or cannot be read.
    """
    end = None if until is None else network.window_start(until)
    found = (instant for instant, _ in timed_steps(open_readings(file, times), network) if instant is not None)
    if end is not None and next(found, end) >= end:
        return ()
    begin = None if end is None else end - HISTORY
    table = speed_table(open_readings(file, times), network, begin, end, skip_unknown=skip_unknown)
    return recent_rows(network, table.start, table.speed_mph.astype(np.float64))


def recent_in_archive(archive: Archive, network: Network, until: datetime) -> Sequence[RecentRow]:
    """Recent speeds as of the archived readings before `until` (aware); none where there are none.

    Raises:
        ArchiveError: the archive does not answer, or a file is damaged.
    """
    end, warm_up = network.window_start(until), WarmUp(network)
    shape = timedelta(days=1) // network.window, len(network.sensors)
    day, total, count = end - HISTORY, np.zeros(shape), np.zeros(shape)

    def learn() -> None:
        speed_mph = np.divide(total, count, out=np.full(shape, np.nan), where=count > 0)
        warm_up.add(day, speed_mph[: (end - day) // network.window])

    for archived in read_events(archive, network.network_id, day, end):
        event = archived.event
        sensor = network.index.get(event.sensor_id)
        if sensor is None or event.speed_mph is None:
            continue
        if event.timestamp >= day + timedelta(days=1):
            learn()
            # Hours come in order, so no day does twice.
            day += (event.timestamp - day) // timedelta(days=1) * timedelta(days=1)
            total[:], count[:] = 0.0, 0.0
        row = (event.timestamp - day) // network.window
        total[row, sensor] += event.speed_mph
        count[row, sensor] += 1
    if count.any():
        learn()
    return warm_up.rows()
