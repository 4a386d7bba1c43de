"""How a sensor strays from its usual speed at a time of day, and how often it is slow: what trees are told. Pure.

Where traffic queues on two mornings of three, the usual speed is one that hardly ever occurs, and where Fridays are not
like Mondays it is that of no day. These tables are by half hour, like the profile only from the training part.
"""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Compact, Floats, Integers, ratio
from shared.traffic.calendar import DAY_TYPES, DAYS_IN_WEEK, HALF_HOURS, day_type_slot, half_hours

KINDS = ("slow", "strays", "weekday")
SLOW_SHARE = 0.8
"""Of a sensor's free flow: what is less counts as slow."""
PRIOR_WINDOWS = 12.0
"""How many windows of the usual each table begins with."""


@dataclass(frozen=True, eq=False)
class UsualDeviations:
    """Of N sensors, NaN for one that the training did not have.

    `by_day_type` (`DAY_TYPES` * `HALF_HOURS`, 2, N) has the share of windows that were slow, and the mean absolute
    deviation from the profile in mph; `by_day` (`DAYS_IN_WEEK` * `HALF_HOURS`, N) the mean deviation on a
    day of the week in mph.
    """

    by_day_type: Compact
    by_day: Compact

    def at(self, places: Integers) -> Compact:
        """All `KINDS` of some places of the week, see `half_hours`, (…,): (…, 3, N)."""
        return np.concatenate(
            [self.by_day_type[day_type_slot(places, HALF_HOURS)], self.by_day[places][..., None, :]], axis=-2
        )

    def ahead(self, times: Integers, days: Integers, per_day: int, steps: tuple[int, ...]) -> Compact:
        """`steps` windows after those in slot `times` of the day on `days`, (B,) each: (B, steps, 3, N)."""
        beyond, slot = np.divmod(times[:, None] + np.array(steps), per_day)
        return self.at(half_hours((days[:, None] + beyond) % DAYS_IN_WEEK, slot, per_day))


@dataclass(frozen=True, eq=False)
class LearnedDeviations:
    """Usual deviations, and what they would be for each recorded window without its own day, see `learned_profile`."""

    table: UsualDeviations
    place: Integers
    left_out: Compact
    stretch: Integers

    def at(self, windows: Integers) -> Compact:
        """Of any windows of the recording, (…,): (…, 3, N)."""
        found = self.table.at(self.place[windows])
        trained = windows < len(self.stretch)
        found[trained] = self.left_out[self.stretch[windows[trained]]]
        return found


def learned_deviations(
    speed_mph: Floats,
    usual_mph: Floats,
    free_flow_mph: Floats,
    times: Integers,
    days: Integers,
    train_windows: int,
    per_day: int,
) -> LearnedDeviations:
    """Learn from the first `train_windows` windows.

    Args:
        speed_mph: (windows, N), NaN where missing, without gaps in time.
        usual_mph: (windows, N), what the profile says of them without their own day.
        free_flow_mph: (N,).
        times: slot of the day of each window.
        days: day of the week of each window.
        train_windows: how many to learn from.
        per_day: slots of a day.
    """
    place, train = half_hours(days, times, per_day), slice(None, train_windows)
    deviation = (speed_mph - usual_mph)[train]
    seen = ~np.isnan(deviation)
    slow = speed_mph[train] < SLOW_SHARE * free_flow_mph
    values = np.where(seen[:, None], np.stack([slow, np.abs(deviation), deviation], axis=1), 0.0)
    new = np.diff(place[train], prepend=-1) != 0
    starts = np.flatnonzero(new)
    own, count = np.add.reduceat(values, starts, axis=0), np.add.reduceat(seen.astype(np.float64), starts, axis=0)
    stretch_place = place[starts]
    # A day of the week comes again after a week: the stretches of one place are of different days.
    by_type, by_day = (
        _tables(own, count, at, rows, kinds)
        for at, rows, kinds in (
            (day_type_slot(stretch_place, HALF_HOURS), DAY_TYPES * HALF_HOURS, slice(0, 2)),
            (stretch_place, DAYS_IN_WEEK * HALF_HOURS, slice(2, 3)),
        )
    )
    left_out = np.concatenate([by_type[1], by_day[1]], axis=1)
    return LearnedDeviations(UsualDeviations(by_type[0], by_day[0][:, 0]), place, left_out, np.cumsum(new) - 1)


def _tables(own: Floats, count: Floats, at: Integers, rows: int, kinds: slice) -> tuple[Compact, Compact]:
    """Means by row, and for each stretch the mean of its row without it."""
    own = own[:, kinds]
    total, told = np.zeros((rows, *own.shape[1:])), np.zeros((rows, count.shape[1]))
    np.add.at(total, at, own)
    np.add.at(told, at, count)
    overall = ratio(total.sum(axis=0), told.sum(axis=0))

    def mean(sums: Floats, counts: Floats) -> Compact:
        shrunk: Floats = (sums + PRIOR_WINDOWS * overall) / (counts[:, None] + PRIOR_WINDOWS)
        return shrunk.astype(np.float32)

    return mean(total, told), mean(total[at] - own, told[at] - count)
