"""Sensors that tell slow traffic day and night beside free neighbours: not to be believed. Pure.

PeMS' diagnostics look for constant values; a sensor of wrong calibration follows traffic, but on a level of its own.
What is usual at it shows that: a road that is slow at nearly every hour, also in the small hours, while the road before
and beyond it is not, has no queue but a bad sensor. Learning goes on there, so that one that was mended is believed
again, once its usual speeds have come up.
"""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags, Floats
from shared.traffic.neighbours import Neighbours
from shared.traffic.usual.running import RunningRow

SLOW_MPH = 45.0
KNOWN_SHARE = 0.95
"""Of the windows of one day, which have to be known."""
SLOW_SHARE = 0.9
FREE_SHARE = 0.5
"""A neighbour is free that is slow in no larger share of its windows."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowHours:
    """In how many slots of both types of day the usual speed is known, and slow: (sensors,) each."""

    known: Floats
    slow: Floats

    @classmethod
    def of(cls, rows: tuple[RunningRow | None, ...], sensors: int) -> "SlowHours":
        """Counted anew."""
        hours = cls(np.zeros(sensors), np.zeros(sensors))
        for row in rows:
            hours = hours.changed(None, row)
        return hours

    def changed(self, before: RunningRow | None, after: RunningRow | None) -> "SlowHours":
        """With one row changed."""
        known, slow = self.known, self.slow
        for row, sign in ((before, -1), (after, 1)):
            if row is not None:
                known = known + sign * np.isfinite(row.value[0])
                slow = slow + sign * (row.value[0] < np.log(SLOW_MPH))
        return SlowHours(known, slow)


def always_slow(hours: SlowHours, road: Neighbours, per_day: int) -> Flags:
    """Which sensors are slow at nearly every hour while the nearest others on both sides, where there are any, are not.

    Sensors that are slow at every hour themselves are passed over as neighbours.
    """
    share = np.divide(hours.slow, hours.known, out=np.full(hours.slow.shape, np.nan), where=hours.known > 0)
    slow: Flags = (hours.known >= KNOWN_SHARE * per_day) & (share >= SLOW_SHARE)
    if not slow.any():
        return slow
    others = np.where(slow, np.nan, share)
    sides: Floats = np.stack([road.beyond(others), road.before(others)])
    known = np.isfinite(sides)
    free = known.any(axis=0) & np.all(~known | (sides <= FREE_SHARE), axis=0)
    alone: Flags = np.asarray(slow & free)
    return alone
