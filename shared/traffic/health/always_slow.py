"""Sensors that tell slow traffic day and night, or all night, beside free neighbours: not to be believed. Pure.

PeMS' diagnostics look for constant values; a sensor of wrong calibration follows traffic, but on a level of its own.
What is usual at it shows that: a road that is slow at nearly every hour, also in the small hours, while the road before
and beyond it is not, has no queue but a bad sensor. The small hours alone tell as much where they are slow every night:
no road queues between one and four o'clock for weeks while its neighbours flow, so two thirds of them are enough there
(METR-LA's 772167 tells 38 mph then, half a mile from 63 on both sides, and a little more on weekends). Learning goes on
there, so that one that was mended is believed again, once its usual speeds have come up.
"""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags, Floats, ratio
from shared.traffic.calendar import DAY_TYPES
from shared.traffic.neighbours import Neighbours
from shared.traffic.usual.running import RunningRow

SLOW_MPH = 45.0
KNOWN_SHARE = 0.95
"""Of the windows of one day, which have to be known."""
SLOW_SHARE = 0.9
NIGHT_SHARE = 2 / 3
"""Of what is known, as above, but of the small hours."""
NIGHT_HOURS = range(1, 4)
HOURS = 24
FREE_SHARE = 0.5
"""A neighbour is free that is slow in no larger share of its windows."""


@dataclass(frozen=True, slots=True, eq=False)
class SlowHours:
    """In how many slots of both types of day the usual speed is known, and slow, and at night: (sensors,) each."""

    known: Floats
    slow: Floats
    night_known: Floats
    night_slow: Floats

    @classmethod
    def of(cls, rows: tuple[RunningRow | None, ...], sensors: int) -> "SlowHours":
        """Counted anew."""
        hours = cls(*np.zeros((4, sensors)))
        per_day = len(rows) // DAY_TYPES
        for place, row in enumerate(rows):
            hours = hours.changed(None, row, night=is_night(place, per_day))
        return hours

    def changed(self, before: RunningRow | None, after: RunningRow | None, *, night: bool) -> "SlowHours":
        """With one row changed, which is of the night or not."""
        known, slow = np.zeros_like(self.known), np.zeros_like(self.slow)
        for row, sign in ((before, -1), (after, 1)):
            if row is not None:
                known = known + sign * np.isfinite(row.value[0])
                slow = slow + sign * (row.value[0] < np.log(SLOW_MPH))
        at_night = float(night)
        return SlowHours(
            self.known + known,
            self.slow + slow,
            self.night_known + at_night * known,
            self.night_slow + at_night * slow,
        )


def is_night(place: int, per_day: int) -> bool:
    """Whether a slot of the day types is one of the small hours."""
    return place % per_day * HOURS // per_day in NIGHT_HOURS


def always_slow(hours: SlowHours, road: Neighbours, per_day: int) -> Flags:
    """Which are slow at nearly every hour, or all night, while the nearest others on both sides, if any, are not.

    Sensors that are slow so themselves are passed over as neighbours.
    """
    nights = per_day * len(NIGHT_HOURS) / HOURS
    by_day = _slow_alone(hours.known, hours.slow, KNOWN_SHARE * per_day, SLOW_SHARE, road)
    return by_day | _slow_alone(hours.night_known, hours.night_slow, KNOWN_SHARE * nights, NIGHT_SHARE, road)


def _slow_alone(
    known_slots: Floats, slow_slots: Floats, least_known: float, slow_share: float, road: Neighbours
) -> Flags:
    share = ratio(slow_slots, known_slots)
    slow: Flags = (known_slots >= max(least_known, 1)) & (share >= slow_share)
    if not slow.any():
        return slow
    others = np.where(slow, np.nan, share)
    sides: Floats = np.stack([road.beyond(others), road.before(others)])
    known = np.isfinite(sides)
    free = known.any(axis=0) & np.all(~known | (sides <= FREE_SHARE), axis=0)
    alone: Flags = np.asarray(slow & free)
    return alone
