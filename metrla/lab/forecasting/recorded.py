"""A recording as models see it: any of its origins as a batch or a view, and what then happened. Pure."""

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from shared.forecasting.inputs.history import HORIZONS, LAGS, Batch, View, by_quarter
from shared.traffic.arrays import Compact, Floats, Integers
from shared.traffic.calendar import day_type_slots, days_of, slots_per_day
from shared.traffic.health.stuck import without_stuck
from shared.traffic.network import Network
from shared.traffic.usual.profile import learned_profile
from shared.traffic.usual.recent import DAYS, MEMORIES, WEEKS, RecentMeans, faded, recent_means
from shared.traffic.usual.transfer import completed


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording: `speed_mph` (windows, N), NaN where missing, without gaps in time, from `start` (aware) on.

    Origin o is a forecast made from windows o to o + LAGS - 1 of the HORIZONS windows after them.

    `profile_mph` (slots of both day types, N) comes from the first `train_windows` windows only, NaN for a sensor that
    has no speed in them. `usual_mph` (windows, N), never NaN, is what it says of each window, and what it would say of
    those first ones without their own day: with few days of history a window is closer to a profile that it is part of
    than any later window will be.
    `late_total_mph` and `late_days` (windows, 2, N) say of each window what traffic was at its time on the days and in
    the weeks before it.
    """

    network: Network
    start: datetime
    speed_mph: Floats
    train_windows: int
    slots: Integers = field(init=False)
    days: Integers = field(init=False)
    profile_mph: Floats = field(init=False)
    usual_mph: Floats = field(init=False)
    late_total_mph: Compact = field(init=False)
    late_days: Compact = field(init=False)

    def __post_init__(self) -> None:
        """Work out the calendar and the profile."""
        starts = [self.start + row * self.network.window for row in range(len(self.speed_mph))]
        slots, train = day_type_slots(self.network, starts), slice(None, self.train_windows)
        learned = learned_profile(self.speed_mph[train], slots[train], slots_per_day(self.network))
        usual = completed(self.network, learned.profile_mph)[slots]
        usual[train] = np.where(np.isnan(learned.left_out_mph), usual[train], learned.left_out_mph)
        derived: dict[str, NDArray[Any]] = {
            "slots": slots,
            "days": days_of(self.network, starts),
            "profile_mph": learned.profile_mph,
            "usual_mph": usual,
        }
        derived["late_total_mph"], derived["late_days"] = _before(self.speed_mph, slots, len(learned.profile_mph))
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def learned_apart(self, blocks: int) -> "Recorded":
        """The same, but what is usual in each of `blocks` stretches of the training part is learned from the others.

        Without its own day alone, a window is still seen against the days around it, before and after. Whoever is
        fitted to that trusts the profile more than it deserves weeks later, when it serves (cross-fitting, as of target
        encodings; Chernozhukov et al., Econometrics Journal 21, 2018).
        """
        usual, per_day = self.usual_mph.copy(), slots_per_day(self.network)
        rows = np.arange(self.train_windows)
        for block in np.array_split(rows, blocks):
            others = np.delete(rows, block)
            learned = learned_profile(self.speed_mph[others], self.slots[others], per_day)
            usual[block] = completed(self.network, learned.profile_mph)[self.slots[block]]
        apart = copy(self)
        object.__setattr__(apart, "usual_mph", usual)
        return apart

    @property
    def origins(self) -> int:
        """How many origins have all their lags and horizons inside the recording."""
        return max(0, len(self.slots) - LAGS - HORIZONS + 1)

    def batch(self, origins: Integers) -> Batch:
        """What serving would know at these origins."""
        lags, ahead = _windows(origins)
        return Batch(
            network=self.network,
            speed_mph=without_stuck(self.speed_mph[lags]),
            lag_slots=self.slots[lags],
            ahead_slots=self.slots[ahead],
            days=self.days[lags[:, -1]],
            recent=self._before(ahead, DAYS),
            weeks=self._before(np.concatenate([lags, ahead], axis=1), WEEKS),
        )

    def view(self, origins: Integers, sensors: Integers | None = None) -> View:
        """The same against `usual_mph`: to be fitted to; of some sensors alone, where they are named."""
        lags, ahead = _windows(origins)
        some: Any = slice(None) if sensors is None else sensors

        def of(table: NDArray[Any], windows: Integers) -> NDArray[Any]:
            return table[windows[:, :, None], some] if sensors is not None else table[windows]

        ahead_mph = of(self.usual_mph, ahead)
        recent = recent_means(of(self.late_total_mph[:, DAYS], ahead), of(self.late_days[:, DAYS], ahead))
        return View(
            network=self.network,
            speed_mph=without_stuck(of(self.speed_mph, lags)),
            usual_mph=of(self.usual_mph, lags),
            ahead_mph=ahead_mph,
            times=self.slots[lags[:, -1]] % slots_per_day(self.network),
            days=self.days[lags[:, -1]],
            recent_mph=by_quarter(recent.deviation_mph(ahead_mph)),
        )

    def _before(self, windows: Integers, memory: int) -> RecentMeans:
        return recent_means(self.late_total_mph[windows, memory], self.late_days[windows, memory])

    def actual(self, origins: Integers, sensors: Integers | None = None) -> Floats:
        """What then happened: (B, N, HORIZONS) mph, NaN where missing."""
        ahead = sliding_window_view(self.speed_mph, HORIZONS, axis=0)[LAGS:]
        return ahead[origins] if sensors is None else ahead[origins[:, None], sensors]


def _before(speed_mph: Floats, slots: Integers, slots_of_week: int) -> tuple[Compact, Compact]:
    """What `RecentSpeeds` held of each window's slot just before it: sums of speeds and days, (windows, 2, N)."""
    windows, sensors = speed_mph.shape
    total, days = np.zeros((2, slots_of_week, MEMORIES, sensors), dtype=np.float32)
    total_before, days_before = np.zeros((2, windows, WEEKS + 1, sensors), dtype=np.float32)
    for row, slot in enumerate(slots.tolist()):
        total_before[row], days_before[row] = total[slot, : WEEKS + 1], days[slot, : WEEKS + 1]
        faded(total[slot], days[slot], speed_mph[row])
    return total_before, days_before


def _windows(origins: Integers) -> tuple[Integers, Integers]:
    at = np.asarray(origins, dtype=np.intp)[:, None]
    return at + np.arange(LAGS), at + LAGS + np.arange(HORIZONS)


def last_values(batch: Batch, otherwise_mph: Floats) -> Floats:
    """The naive forecast: the last speed known of the history, else `otherwise_mph` (B, N, 1): (B, N, HORIZONS)."""
    last = np.full_like(batch.speed_mph[:, 0], np.nan)
    for lag in range(LAGS):
        last = np.where(np.isnan(batch.speed_mph[:, lag]), last, batch.speed_mph[:, lag])
    known = last[:, :, None]
    return np.broadcast_to(np.where(np.isnan(known), otherwise_mph, known), (*last.shape, HORIZONS))
