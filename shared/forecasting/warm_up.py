"""Recent speeds from a history, as they would be had the predictor been running over it. Pure.

The windows go the way that live ones go, through `Forecasting.settle`, a step at a time: whatever is decided there
about what is learned holds for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np

from shared.forecasting.forecasting import SETTLED_WINDOWS, Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentRow

SHOWN = LAGS + HORIZONS
"""Windows that a step shows to the predictor."""


@dataclass(eq=False)
class WarmUp:
    """Takes the windows of a history in, in the order of time.

    Args:
        network: of N sensors.
        begun: rows of a history before this one.
    """

    network: Network
    begun: Sequence[RecentRow] = ()
    _forecasting: Forecasting = field(init=False)
    _rows: dict[int, RecentRow] = field(init=False)
    _past: Floats = field(init=False)
    _next: datetime | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Begin with what is known."""
        self._forecasting = Forecasting(self.network)
        self._rows = {row.slot: row for row in self._forecasting.recent.fill(self.begun)}
        self._past = np.full((SHOWN - 1, len(self.network.sensors)), np.nan)

    def add(self, start: datetime, speed_mph: Floats) -> None:
        """Take further windows in.

        Args:
            start: of the first of them (aware), not before the end of those of the last call.
            speed_mph: (windows, N), NaN where missing.

        Raises:
            ValueError: they begin before that.
        """
        if self._next is not None:
            silent = (start - self._next) // self.network.window
            if silent < 0:
                raise ValueError(f"windows from {start} on come after those up to {self._next}")
            # Longer than a step looks back, silence changes nothing more.
            self._go(self._next, np.full((min(silent, SHOWN), speed_mph.shape[1]), np.nan))
        self._go(start, speed_mph)
        self._next = start + len(speed_mph) * self.network.window

    def rows(self) -> Sequence[RecentRow]:
        """The newest row of each slot that was seen, oldest first, all windows counted; nothing is added after that."""
        if self._next is not None:
            self._go(self._next, np.full((SETTLED_WINDOWS, len(self.network.sensors)), np.nan))
        return sorted((row for row in self._rows.values() if row.days.any()), key=lambda row: row.window_start)

    def _go(self, start: datetime, speed_mph: Floats) -> None:
        shown = np.concatenate([self._past, speed_mph])
        unknown = np.full((SHOWN, shown.shape[1]), np.nan)
        revisions = (~np.isnan(shown)).astype(np.int64)
        for row in range(len(speed_mph)):
            part = slice(row, row + SHOWN)
            step = Step(
                network=self.network,
                window_start=start + row * self.network.window,
                speed_mph=shown[part],
                share_observed=unknown,
                volume_vehicles=unknown,
                occupancy=unknown,
                revisions=revisions[part],
                again=False,
            )
            settled = self._forecasting.settle(step)
            self._forecasting.learn(settled)
            self._rows |= {one.slot: one for one in settled}
        self._past = shown[-(SHOWN - 1) :]


def recent_rows(network: Network, start: datetime, speed_mph: Floats) -> Sequence[RecentRow]:
    """What recent speeds are after a history without gaps: the newest row of each slot that was seen, oldest first.

    Args:
        network: of N sensors.
        start: of the first window (aware).
        speed_mph: (windows, N), NaN where missing.
    """
    warm_up = WarmUp(network)
    warm_up.add(start, speed_mph)
    return warm_up.rows()
