"""Usual speeds learned as the windows come, one by one: what alerts know. Pure.

A robust mean for each sensor and slot of the day, apart for working days and for days off: each new value
moves it by a share of its distance, cut off at a limit (Huber's bounded influence, P. J. Huber 1964, in a stochastic
approximation, H. Robbins and S. Monro 1951), so that one bad day moves it little. It is read as the mean over the
windows around the same clock time. The values may be speeds or, as incidents have them, their logarithms. How far they
are from what is usual, the mean of the absolute deviations, is followed alike where it is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags, Floats
from shared.traffic.calendar import DAY_TYPES, DAYS_IN_WEEK, day_type_slot

AROUND_WINDOWS = 2
SLOWEST_SHARE = 0.15
MOST_SPREAD = 0.7
"""No deviation counts for more: one crash says little about how much traffic varies there."""


@dataclass(frozen=True, slots=True, eq=False)
class RunningRow:
    """One slot of a type of day: (levels, sensors) each.

    The value, NaN where unknown; how often it was seen; its mean absolute deviation, NaN where unknown, `None` where
    nobody follows it.
    """

    value: Floats
    seen: Floats
    spread: Floats | None = None


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
        around = range(-AROUND_WINDOWS, AROUND_WINDOWS + 1)
        return self._over([None if row is None else row.value for row in self.rows], slot, around)

    def spread(self, slot: int, around: int) -> Floats | None:
        """How much values vary in a window of the week and `around` ones on either side, see `at`.

        Those before it know of today already: a restless hour counts from its first half on.
        """
        return self._over([None if row is None else row.spread for row in self.rows], slot, range(-around, around + 1))

    def told_before(self, slot: int) -> Flags | None:
        """Where an earlier day told of a window or the next ones: (levels, sensors); `None`: nowhere."""
        ahead = self._over([None if row is None else row.value for row in self.rows], slot, range(AROUND_WINDOWS + 1))
        return None if ahead is None else np.isfinite(ahead)

    def _over(self, values: Sequence[Floats | None], slot: int, shifts: range) -> Floats | None:
        per_day = len(self.rows) // DAY_TYPES
        day_type, clock = divmod(self.place(slot), per_day)
        first = day_type * per_day
        around = [value for shift in shifts if (value := values[first + (clock + shift) % per_day]) is not None]
        if not around:
            return None
        known = np.stack(around)
        told = np.isfinite(known)
        total = np.where(told, known, 0.0).sum(axis=0)
        count = told.sum(axis=0)
        mean: Floats = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return mean

    def learned(
        self, slot: int, value: Floats, learns: Flags, limit: float, usual: Floats | None = None
    ) -> "RunningUsual":
        """With one more window: `value` broadcasts to `learns` (levels, sensors), pulled by `limit` at most.

        Where `usual` says what was usual in it, how far the value is from that is learned, too.
        """
        place = self.place(slot)
        row = self.rows[place]
        old = RunningRow(np.full(learns.shape, np.nan), np.zeros(learns.shape)) if row is None else row
        moves = learns & np.isfinite(value)
        seen = old.seen + moves
        share = np.maximum(1 / np.maximum(seen, 1), SLOWEST_SHARE)
        moved = np.where(np.isnan(old.value), value, old.value + share * np.clip(value - old.value, -limit, limit))
        spread = None if usual is None else self._spread(old, np.abs(value - usual), moves, share)
        new = RunningRow(np.where(moves, moved, old.value), seen, spread)
        return RunningUsual((*self.rows[:place], new, *self.rows[place + 1 :]))

    @staticmethod
    def _spread(old: RunningRow, away: Floats, moves: Flags, share: Floats) -> Floats:
        known = np.full(moves.shape, np.nan) if old.spread is None else old.spread
        away = np.minimum(away, MOST_SPREAD)
        spread: Floats = np.where(
            moves & np.isfinite(away), np.where(np.isnan(known), away, known + share * (away - known)), known
        )
        return spread

    def place(self, slot: int) -> int:
        """The row of a slot of the week."""
        per_day = len(self.rows) // DAY_TYPES
        return day_type_slot(slot % (DAYS_IN_WEEK * per_day), per_day)
