"""The standard normal deviate (SND) algorithm. Pure.

C. L. Dudek, C. J. Messer and N. B. Nuckles, 'Incident detection on urban freeways', Transportation Research Record 495
(1974): how many standard deviations a variable lies from its mean over the last few intervals, two intervals in a row
(their strategy B). The variable is occupancy; without it, speed with its sign turned.
"""

from dataclasses import dataclass

import numpy as np

from shared.alerts.detection.persistence import Latch
from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Floats

MAX_FROZEN_WINDOWS = 24
SPREAD_FLOOR_OCCUPANCY, SPREAD_FLOOR_MPH = 0.005, 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """The windows of the baseline, oldest first, and the latch: (windows, levels, sensors) and (levels, sensors)."""

    values: Floats
    latch: Latch


@dataclass(frozen=True, eq=False)
class StandardNormalDeviate:
    """An alarm where the deviate passes `deviates` (levels, sensors) in two windows in a row.

    The baseline does not change from the first deviation to the end of its alarm.
    """

    deviates: Floats
    baseline_windows: int = 5
    windows: int = 2
    on_speed: bool = False
    name: str = "standard normal deviate"

    def initial(self) -> Baseline:
        """An empty baseline, which nothing deviates from."""
        shape = (self.baseline_windows, *self.deviates.shape)
        return Baseline(np.full(shape, np.nan), Latch.open(*self.deviates.shape))

    def step(self, seen: Observation, state: Baseline) -> tuple[Verdict, Baseline]:
        """One window."""
        value = -seen.speed_mph if self.on_speed else seen.occupancy
        told = np.isfinite(value)
        mean = state.values.mean(axis=0)
        spread = np.maximum(
            state.values.std(axis=0, ddof=1), SPREAD_FLOOR_MPH if self.on_speed else SPREAD_FLOOR_OCCUPANCY
        )
        deviate = (value - mean) / spread
        latch = state.latch.after(deviate >= self.deviates, deviate < self.deviates / 2, told, self.windows)
        learns = told & ~latch.freezes(MAX_FROZEN_WINDOWS)
        shifted = np.concatenate([state.values[1:], np.broadcast_to(value, (1, *self.deviates.shape))])
        return Verdict(latch.alarming, deviate), Baseline(np.where(learns, shifted, state.values), latch)
