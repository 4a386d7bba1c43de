"""The speeds that models are trained on or judged by: of a file, or simulated."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from metrla.data.feeds.files.formats import open_readings
from metrla.data.feeds.speed_table import speed_table
from metrla.data.simulation.simulator import Simulator
from metrla.lab.forecasting.training.run.card import Recording
from shared.events.errors import ConfigurationError
from shared.traffic.network import Network

DAY = timedelta(days=1)


def recorded(data: Path, network: Network, first: datetime | None = None, last: datetime | None = None) -> Recording:
    """A file's speeds from `first` to before `last` (aware); raises `ConfigurationError` where they do not fit."""
    table = speed_table(open_readings(data), network, first, last)
    return Recording(network, table.start, table.speed_mph.astype(np.float64), data.name, table.skipped_windows)


def simulated(network: Network, days: int, seed: int, last: datetime | None, now: datetime) -> Recording:
    """So many simulated days up to `last`, or up to now."""
    stop = network.window_start(last or now)
    start = network.window_start(stop - days * DAY)
    speeds = Simulator(network, seed).speeds(start, (stop - start) // network.window)
    return Recording(network, start, speeds, f"simulation with seed {seed}")


def instant(option: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    """An ISO 8601 time of an option, without an offset in `zone`; raises `ConfigurationError` where it is none."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as wrong:
        raise ConfigurationError(f"{option} {text!r}: write an ISO 8601 time as 2012-05-02T08:00") from wrong
    return (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(UTC)
