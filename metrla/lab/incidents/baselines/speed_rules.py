"""Rules on speed alone: a fixed threshold, and two stations compared. Pure."""

from dataclasses import dataclass

import numpy as np

from shared.alerts.detection.persistence import Latch
from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Floats
from shared.traffic.neighbours import Neighbours

CLEAR_ABOVE_MPH = 5.0


@dataclass(frozen=True, eq=False)
class FixedThreshold:
    """Traffic is slow: two windows in a row below one speed for all places and hours.

    The rule that operators' consoles have had since speed loops exist; the measure of what the others add.

    Args:
        below_mph: (levels, sensors) thresholds.
    """

    below_mph: Floats
    windows: int = 2
    name: str = "fixed threshold"

    def initial(self) -> Latch:
        """No alarm."""
        return Latch.open(*self.below_mph.shape)

    def step(self, seen: Observation, state: Latch) -> tuple[Verdict, Latch]:
        """One window."""
        speed = seen.speed_mph
        after = state.after(
            speed < self.below_mph, speed > self.below_mph + CLEAR_ABOVE_MPH, np.isfinite(speed), self.windows
        )
        return Verdict(after.alarming, -np.broadcast_to(speed, self.below_mph.shape)), after


@dataclass(frozen=True, slots=True, eq=False)
class Remembered:
    """A latch and the newest speeds, oldest first: (windows, sensors)."""

    latch: Latch
    speed_mph: Floats


@dataclass(frozen=True, eq=False)
class TwoStation:
    """Traffic is slow here, was faster a moment ago, and is fast beyond: for feeds without occupancy.

    The comparison of neighbouring stations of the California algorithms (H. J. Payne and S. C. Tignor, 'Freeway
    incident-detection algorithms based on decision trees with states', Transportation Research Record 682, 1978), with
    speeds in place of occupancies: a spatial difference to the next station downstream, a temporal one at this station
    to the two windows before, and the spatial one again in the next window.

    Args:
        faster_beyond_mph: (levels, sensors) spatial difference that is evidence.
        fallen_share: part of its speed of two windows before that the station must have lost.
    """

    road: Neighbours
    faster_beyond_mph: Floats
    fallen_share: float = 0.2
    windows: int = 2
    name: str = "two stations, speed only"

    def initial(self) -> Remembered:
        """No alarm, nothing remembered."""
        levels, sensors = self.faster_beyond_mph.shape
        return Remembered(Latch.open(levels, sensors), np.full((2, sensors), np.nan))

    def step(self, seen: Observation, state: Remembered) -> tuple[Verdict, Remembered]:
        """One window."""
        speed = seen.speed_mph
        gap = self.road.beyond(speed) - speed
        fallen = speed <= (1 - self.fallen_share) * np.fmax(state.speed_mph[0], state.speed_mph[1])
        spatial = gap >= self.faster_beyond_mph
        # The fall is asked for once: a queue that stands does not fall further.
        evident = spatial & (fallen | (state.latch.count > 0))
        latch = state.latch.after(evident, gap < self.faster_beyond_mph / 2, np.isfinite(gap), self.windows)
        score = np.broadcast_to(gap, self.faster_beyond_mph.shape)
        return Verdict(latch.alarming, score), Remembered(latch, np.stack([state.speed_mph[1], speed]))
