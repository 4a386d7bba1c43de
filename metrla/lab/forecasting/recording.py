"""A recording: the speeds that models are trained on or judged by, of a file or simulated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.files.times import PLAIN, TimeReading
from metrla.data.feeds.speed_table import speed_table
from metrla.data.simulation.simulator import Simulator
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The speeds of a network over some time.

    Attributes:
        network: whose speeds they are.
        start: start of the first window (aware).
        speed_mph: (windows, sensors) in network order, NaN where missing, without gaps in time.
        source: what the speeds are, for the card.
        skipped_windows: how many rows the file has beyond these, see `Split.of`.
        left_out: what the file has that is no truth, in one line; empty where nothing was left out.
        resampled: what was made of several readings in a window, in one line; empty where each has one.
    """

    network: Network
    start: datetime
    speed_mph: Floats
    source: str
    skipped_windows: int = 0
    left_out: str = ""
    resampled: str = ""

    @property
    def notes(self) -> Iterator[str]:
        """What whoever uses it is to know of how it was read, a line each."""
        return (f"{self.source}: {note}" for note in (self.resampled, self.left_out) if note)


def read_recording(
    data: Path,
    network: Network,
    first: datetime | None = None,
    last: datetime | None = None,
    times: TimeReading = PLAIN,
    *,
    skip_unknown: bool = False,
) -> Recording:
    """A file's speeds from `first` to before `last` (aware); raises `ConfigurationError` where they do not fit."""
    table = speed_table(open_readings(data, times), network, first, last, skip_unknown=skip_unknown)
    speeds = table.speed_mph.astype(np.float64)
    return Recording(
        network, table.start, speeds, data.name, table.skipped_windows, str(table.left_out), table.resampled
    )


def simulate_recording(network: Network, days: int, seed: int, last: datetime | None, now: datetime) -> Recording:
    """The simulated speeds of some days up to `last`, or up to now."""
    stop = network.window_start(last or now)
    start = network.window_start(stop - days * DAY)
    speeds = Simulator(network, seed).speeds(start, (stop - start) // network.window)
    return Recording(network, start, speeds, f"simulation with seed {seed}")
