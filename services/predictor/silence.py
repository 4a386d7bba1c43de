"""By which clock the windows of a network that says nothing have passed. Decides and does no I/O.

Event time stands still in silence, and the wall clock tells it only of a feed that is live: one whose newest window
came in about when it ended. For such a feed a window of which nothing came is over one window later than it would have
been. A feed that plays old readings again has its own time, which the wall knows nothing of: there the next window that
comes tells that those before it were missed. Right after a restart nobody can say which of both a feed is, so that its
silence is not heard until it has said something.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.forecasting.inputs.history import HORIZONS

LIVE_WITHIN_WINDOWS = 3
"""A window that comes in later than this after its end, or as much before it, is not of a live feed."""
GRACE_WINDOWS = 1
MOST_SILENT = 576
"""Two days of windows of five minutes. METR-LA's longest silence is of 381; beyond this a network is out of operation,
or what comes is another recording."""


@dataclass
class SilenceClock:
    """The time of one network.

    Attributes:
        window: the length of its windows.
    """

    window: timedelta
    _newest: datetime | None = None
    _lag: timedelta | None = None

    @property
    def live(self) -> bool:
        """Whether the wall clock tells the network's time."""
        return self._lag is not None and abs(self._lag) <= LIVE_WITHIN_WINDOWS * self.window

    def arrived(self, end: datetime, wall: datetime) -> None:
        """Note that a window that ended at `end` came in at `wall`; late ones say nothing."""
        if self._newest is None or end > self._newest:
            self._newest, self._lag = end, wall - end

    def passed(self, wall: datetime) -> tuple[datetime, datetime] | None:
        """The first and the last start of the windows that have passed in silence by `wall`, `None` where none has.

        Windows whose whole hour of forecasts is over are left out.
        """
        if self._newest is None or self._lag is None or not self.live:
            return None
        since = wall - self._newest - max(self._lag, timedelta(0)) - GRACE_WINDOWS * self.window
        windows = since // self.window
        if not 0 < windows <= MOST_SILENT:
            return None
        first = max(0, windows - HORIZONS)
        return self._newest + first * self.window, self._newest + (windows - 1) * self.window
