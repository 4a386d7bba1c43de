"""Recent speeds: how the last days were at a time of day, which a profile of whole months does not know. Pure.

A school holiday, a diversion or a season moves the daily queues for days or weeks. For each slot of
both day types the speeds of the last days are kept as a mean whose weights fall exponentially with the days that the
slot was seen on since (exponential smoothing, R. G. Brown, 1956): each window changes a single row of sensors.

Beside it is kept the same over the last weeks, which fades slowly. It renews the profile of the models day by day: what
was learned in spring is drawn to what is usual by autumn, and no model is trained anew for it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from shared.traffic.arrays import Compact, Floats
from shared.traffic.calendar import DAY_TYPES, day_type_slots, slots_per_day
from shared.traffic.network import Network

FADE = 0.75
"""What a day counts of the day after it: the last four days of a type have two thirds of the weight."""
WEEKS_FADE = 0.97
"""The same of the slow memory: the last 23 days of a type have half of the weight."""
PRIOR_DAYS = 1.0
"""How many days of the usual a deviation begins with: one odd day is no trend."""
PROFILE_DAYS = 20.0
"""How many days of the last weeks a learned profile weighs. Chosen on the validation part of METR-LA, with the profile
of the whole training part and with that of its first half alone."""
DAYS, WEEKS, WEEKS_BEFORE, DAYS_BEFORE = range(4)
"""The memories of a slot. The last two are as they were before the newest window of the slot."""
MEMORIES = 4


class RecentMeans(NamedTuple):
    """Of some windows of N sensors: the mean of recent speeds, NaN where unknown, and of how many days: (…, N) each."""

    speed_mph: Floats
    days: Floats

    def deviation_mph(self, usual_mph: Floats) -> Floats:
        """How far from the usual, drawn to 0 where it rests on few days, 0 where unknown: (…, N)."""
        return np.nan_to_num(self.speed_mph - usual_mph) * self.days / (self.days + PRIOR_DAYS)

    def renewed(self, profile_mph: Floats) -> Floats:
        """A learned profile drawn to these means of the last weeks: (…, N) of (…, N) mph."""
        return (PROFILE_DAYS * profile_mph + np.nan_to_num(self.speed_mph) * self.days) / (PROFILE_DAYS + self.days)


class RecentRow(NamedTuple):
    """One slot of a day type, as of the window that began at `window_start`: weighted sums of speeds and days.

    `total_mph` and `days` are (MEMORIES, N).
    """

    slot: int
    window_start: datetime
    total_mph: Compact
    days: Compact

    def for_network(self, network: Network, sensors: Sequence[str]) -> "RecentRow":
        """The row of some sensors as one of a network's, which knows nothing of those that are not among them.

        Raises:
            ValueError: the network has no such slot, or a sum cannot be.
        """
        if not 0 <= self.slot < DAY_TYPES * slots_per_day(network):
            raise ValueError(f"no slot {self.slot}")
        if not all(np.isfinite(sums).all() and (sums >= 0).all() for sums in (self.total_mph, self.days)):
            raise ValueError("a sum that is no number, or below 0")
        total, days = (_all_memories(kept) for kept in (self.total_mph, self.days))
        if not total.shape == days.shape == (MEMORIES, len(sensors)):
            raise ValueError(f"sums of shape {self.total_mph.shape} and {self.days.shape}")
        place = {sensor: at for at, sensor in enumerate(sensors)}
        at = np.array([place.get(sensor.sensor_id, -1) for sensor in network.sensors], dtype=np.intp)
        total, days = (np.where(at < 0, np.float32(0), kept[:, at]) for kept in (total, days))
        return self._replace(total_mph=total, days=days)


@dataclass(eq=False)
class RecentSpeeds:
    """The means of one network of N sensors, learned window by window in the order of time.

    `total_mph` and `days` are weighted sums, (slots of both day types, MEMORIES, N); `learned` is the start of the
    newest window, `newest` (slots,) that of each slot in seconds since 1970.
    """

    network: Network
    learned: datetime | None = None
    total_mph: Compact = field(init=False)
    days: Compact = field(init=False)
    newest: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        """Know nothing."""
        slots = DAY_TYPES * slots_per_day(self.network)
        self.total_mph, self.days = np.zeros((2, slots, MEMORIES, len(self.network.sensors)), dtype=np.float32)
        self.newest = np.full(slots, -np.inf)

    def rows_of(self, window_starts: Sequence[datetime], speed_mph: Floats) -> list[RecentRow]:
        """The rows that further windows make, one a window; nothing is known of them before `learn` takes them.

        Args:
            window_starts: oldest first. Of those that are not newer than `learned`, there is no row.
            speed_mph: (windows, N), NaN where missing.
        """
        made: dict[int, RecentRow] = {}
        rows = []
        new = [place for place, start in enumerate(window_starts) if self.learned is None or start > self.learned]
        starts = [window_starts[place] for place in new]
        slots = day_type_slots(self.network, starts).tolist()
        for slot, start, speeds in zip(slots, starts, speed_mph[new], strict=True):
            before = made.get(slot)
            total, days = (self.total_mph[slot], self.days[slot]) if before is None else (before.total_mph, before.days)
            row = made[slot] = RecentRow(slot, start, total.copy(), days.copy())
            faded(row.total_mph, row.days, speeds)
            rows.append(row)
        return rows

    def learn(self, row: RecentRow) -> None:
        """Take a row in, unless what is known is newer; rows come oldest first."""
        if self.learned is None or row.window_start > self.learned:
            self._take(row)
            self.learned = row.window_start

    def fill(self, rows: Iterable[RecentRow]) -> list[RecentRow]:
        """Take in rows of slots that nothing is known of, as from a history; returns those that were taken.

        Windows up to the newest of them count as learned from then on.
        """
        taken = []
        for row in sorted(rows, key=lambda one: one.window_start):
            if row.days.any() and not self.days[row.slot].any():
                self._take(row)
                self.learned = row.window_start if self.learned is None else max(self.learned, row.window_start)
                taken.append(row)
        return taken

    def before(self, slots: NDArray[np.intp], window_starts: Sequence[datetime]) -> tuple[RecentMeans, RecentMeans]:
        """The last days and the last weeks before each of some windows, (windows,) in these slots of the day types.

        It may be the newest window of its slot, or not yet: a step that is made again after a restart knows no more
        than it did the first time.
        """
        known = self.newest[slots] >= np.array([start.timestamp() for start in window_starts])
        days, weeks = np.where(known, DAYS_BEFORE, DAYS), np.where(known, WEEKS_BEFORE, WEEKS)
        return self._means(slots, days), self._means(slots, weeks)

    def _means(self, slots: NDArray[np.intp], memory: NDArray[np.intp]) -> RecentMeans:
        return recent_means(self.total_mph[slots, memory], self.days[slots, memory])

    def _take(self, row: RecentRow) -> None:
        self.total_mph[row.slot], self.days[row.slot] = row.total_mph, row.days
        self.newest[row.slot] = row.window_start.timestamp()


def faded(total_mph: Compact, days: Compact, speed_mph: Floats) -> None:
    """Add one more day to the weighted sums of a slot, (MEMORIES, N) each, in place."""
    seen = ~np.isnan(speed_mph)
    for memory, before, fade in ((DAYS, DAYS_BEFORE, FADE), (WEEKS, WEEKS_BEFORE, WEEKS_FADE)):
        total_mph[before], days[before] = total_mph[memory], days[memory]
        total_mph[memory, seen] = fade * total_mph[memory, seen] + speed_mph[seen]
        days[memory, seen] = fade * days[memory, seen] + 1


def _all_memories(kept: Compact) -> Compact:
    """A row of an earlier release, (N,), has the last days alone."""
    if kept.ndim != 1:
        return kept
    every = np.zeros((MEMORIES, len(kept)), dtype=np.float32)
    every[DAYS] = every[DAYS_BEFORE] = kept
    return every


def recent_means(total_mph: Compact, days: Compact) -> RecentMeans:
    """From weighted sums."""
    speed = np.divide(total_mph, days, out=np.full(days.shape, np.nan), where=days > 0)
    return RecentMeans(speed, days.astype(np.float64))
