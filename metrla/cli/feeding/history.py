"""The recent speeds that a replay's past gives the predictor to begin with."""

from collections.abc import Callable, Sequence
from contextlib import closing

from metrla.terminal import say
from shared.archive.url import open_archive
from shared.events.errors import ArchiveError, ConfigurationError
from shared.forecasting.registry.recent_speeds import keep_recent
from shared.traffic.network import Network
from shared.traffic.usual.recent import RecentRow


def begin_with(url: str, network: Network, past: Callable[[], Sequence[RecentRow]]) -> None:
    """Keep what `past` says in the archive at `url`; where that cannot be done, say so in one line.

    What is lacking costs accuracy on the first days, and no forecast.
    """
    try:
        rows = past()
        if not rows:
            return
        with closing(open_archive(url)) as archive:
            keep_recent(archive, network, rows)
    except (ArchiveError, ConfigurationError) as failed:
        say(f"forecasts begin without recent speeds: {failed}", err=True)
    else:
        until = rows[-1].window_start.astimezone(network.time_zone) + network.window
        say(f"forecasts begin with the recent speeds of the days up to {until:%Y-%m-%d %H:%M %Z}")
