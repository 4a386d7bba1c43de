"""Usual speeds learned as the windows come, one by one: what alerts know. Pure.

A robust mean for each sensor and slot of the day, apart for working days and for days off: each new value
moves it by a share of its distance, cut off at a limit (Huber's bounded influence, P. J. Huber 1964, in a stochastic
approximation, H. Robbins and S. Monro 1951), so that one bad day moves it little. It is read as the mean over the
windows around the same clock time. The values may be speeds or, as incidents have them, their logarithms.
"""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags, Floats
from shared.traffic.calendar import DAY_TYPES, DAYS_IN_WEEK, day_type_slot

AROUND_WINDOWS = 2
SLOWEST_SHARE = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class RunningRow:
    """One slot of a type of day: value, NaN where unknown, and how often it was seen: (levels, sensors) each."""

    value: Floats
    seen: Floats


@dataclass(frozen=True, slots=True, eq=False)
class RunningUsual:
    """Rows of the working day, then those of the day off; `None` before the first day of its type."""

    rows: tuple[RunningRow | None, ...]

    @classmethod
    def unknown(cls, per_day: int) -> "RunningUsual":
        """Before the first window."""
        return cls((None,) * (DAY_TYPES * per_day))

    def at(self, slot: int) -> Floats | None:
        """What is usual in a window of the week: (levels, sensors), NaN where unknown; `None` where all is."""
        per_day = len(self.rows) // DAY_TYPES
        day_type, clock = divmod(self.place(slot), per_day)
        first = day_type * per_day
        around = [
            row.value
            for shift in range(-AROUND_WINDOWS, AROUND_WINDOWS + 1)
            if (row := self.rows[first + (clock + shift) % per_day]) is not None
        ]
        if not around:
            return None
        known = np.stack(around)
        told = np.isfinite(known)
        total = np.where(told, known, 0.0).sum(axis=0)
        count = told.sum(axis=0)
        mean: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return mean

    def learned(self, slot: int, value: Floats, learns: Flags, limit: float) -> "RunningUsual":
        """With one more window: `value` broadcasts to `learns` (levels, sensors), pulled by `limit` at most."""
        place = self.place(slot)
        row = self.rows[place]
        old = RunningRow(np.full(learns.shape, np.nan), np.zeros(learns.shape)) if row is None else row
        moves = learns & np.isfinite(value)
        seen = old.seen + moves
        share = np.maximum(1 / np.maximum(seen, 1), SLOWEST_SHARE)
        moved = np.where(np.isnan(old.value), value, old.value + share * np.clip(value - old.value, -limit, limit))
        new = RunningRow(np.where(moves, moved, old.value), seen)
        return RunningUsual((*self.rows[:place], new, *self.rows[place + 1 :]))

    def place(self, slot: int) -> int:
        """The row of a slot of the week."""
        per_day = len(self.rows) // DAY_TYPES
        return day_type_slot(slot % (DAYS_IN_WEEK * per_day), per_day)
