"""What is usual at a place and hour, learned as the windows come. Pure.

A robust mean for each sensor and window of the day, apart for Monday to Friday and for the weekend: each new value
moves it by a share of its distance, cut off at a limit (Huber's bounded influence, P. J. Huber 1964, in a stochastic
approximation, H. Robbins and S. Monro 1951), so that one bad day moves it little. It is read as the mean over the
windows around the same clock time.
"""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags, Floats

AROUND_WINDOWS = 2
SLOWEST_SHARE = 0.15
DAYS_IN_WEEK, WORKDAYS = 7, 5


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One window of the day: value, NaN where unknown, and how often it was seen: (levels, sensors) each."""

    value: Floats
    seen: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """Rows of the working day, then those of the weekend; `None` before the first day of its kind."""

    rows: tuple[Row | None, ...]

    @classmethod
    def unknown(cls, per_day: int) -> "Usual":
        """Before the first window."""
        return cls((None,) * (2 * per_day))

    def at(self, slot: int) -> Floats | None:
        """What is usual in a window of the week: (levels, sensors), NaN where unknown; `None` where all is."""
        per_day = len(self.rows) // 2
        first = self._kind(slot) * per_day
        clock = slot % per_day
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

    def learned(self, slot: int, value: Floats, learns: Flags, limit: float) -> "Usual":
        """With one more window: `value` broadcasts to `learns` (levels, sensors), pulled by `limit` at most."""
        place = self._kind(slot) * (len(self.rows) // 2) + slot % (len(self.rows) // 2)
        row = self.rows[place]
        old = Row(np.full(learns.shape, np.nan), np.zeros(learns.shape)) if row is None else row
        moves = learns & np.isfinite(value)
        seen = old.seen + moves
        share = np.maximum(1 / np.maximum(seen, 1), SLOWEST_SHARE)
        moved = np.where(np.isnan(old.value), value, old.value + share * np.clip(value - old.value, -limit, limit))
        new = Row(np.where(moves, moved, old.value), seen)
        return Usual((*self.rows[:place], new, *self.rows[place + 1 :]))

    def _kind(self, slot: int) -> int:
        return int(slot // (len(self.rows) // 2) % DAYS_IN_WEEK >= WORKDAYS)
