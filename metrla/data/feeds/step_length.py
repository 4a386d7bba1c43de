"""How far apart the readings of a file are, against the windows of a network. Pure but for reading the file's times."""

from collections import Counter
from datetime import timedelta
from itertools import islice, pairwise

from metrla.data.feeds.files.readings_file import ReadingsFile
from shared.events.errors import ConfigurationError
from shared.traffic.folder import DAY_MINUTES, MAX_WINDOW_MINUTES, MIN_WINDOW_MINUTES
from shared.traffic.network import Network

LOOKED_AT = 2_000
"""Times of a file whose distances are looked at: a week of METR-LA, and soon read."""
MINUTE = timedelta(minutes=1)
WINDOWS = tuple(
    minutes * MINUTE for minutes in range(MIN_WINDOW_MINUTES, MAX_WINDOW_MINUTES + 1) if not DAY_MINUTES % minutes
)
"""Lengths that windows can have."""


def step_length(recording: ReadingsFile) -> timedelta | None:
    """The distance in time that is most frequent at the beginning of a file; `None` where none is there twice.

    The most frequent one, since files leave rows out, and clocks are changed twice a year.
    """
    times = islice(recording.times(), LOOKED_AT)
    # Some of them with an offset and some without are refused by whoever reads on.
    gaps = Counter(b - a for a, b in pairwise(times) if (a.tzinfo is None) is (b.tzinfo is None) and b > a)
    step = min(gaps, key=lambda gap: (-gaps[gap], gap), default=None)
    return step if step is not None and gaps[step] > 1 else None


def resampled(recording: ReadingsFile, network: Network) -> str:
    """What becomes of a file with several readings in a window, in one line; empty where each window has one.

    Raises:
        ConfigurationError: its readings are further apart than the windows, most of which would be empty.
    """
    step = step_length(recording)
    if step is None or step == network.window:
        return ""
    if step > network.window:
        raise ConfigurationError(
            f"{recording.path}: its readings are {_minutes(step)} apart, and windows of network {network.network_id} "
            f"last {_minutes(network.window)}: most of them would be empty. {_longer(step)}"
        )
    return f"a reading every {_minutes(step)}, of which windows of {_minutes(network.window)} are the means"


def _longer(step: timedelta) -> str:
    """Which windows such a file does for: a network's are whole parts of a day, and of an hour at most."""
    fitting = next((window for window in WINDOWS if window >= step), None)
    if fitting is None:
        return f"No network has windows of so much: at most {_minutes(WINDOWS[-1])}"
    return f"Use a network with window_minutes = {fitting / MINUTE:g}"


def _minutes(length: timedelta) -> str:
    return f"{length / MINUTE:g} min"
