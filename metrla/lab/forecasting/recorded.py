"""A recording as models see it: any of its origins as a batch or a view, and what then happened. Pure."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from shared.forecasting.forecasting import SETTLED_WINDOWS
from shared.forecasting.inputs.history import HORIZONS, LAGS, Batch, View, by_quarter
from shared.traffic.arrays import Compact, Floats, Integers
from shared.traffic.calendar import DAY_TYPES, day_type_slots, days_of, slots_per_day
from shared.traffic.health.hiding import learned_speed, without_doubted
from shared.traffic.health.rules import HealthJudge, Reasons, SensorHealth, WindowReadings
from shared.traffic.network import Network
from shared.traffic.roadway import Roadway, roadway
from shared.traffic.usual.profile import learned_profile
from shared.traffic.usual.recent import DAYS, MEMORIES, WEEKS, RecentMeans, RecentRow, faded, recent_means
from shared.traffic.usual.transfer import completed


@dataclass(frozen=True, eq=False)
class Recorded:
    """A recording: `speed_mph` (windows, N), NaN where missing, without gaps in time, from `start` (aware) on.

    Origin o is a forecast made from windows o to o + LAGS - 1 of the HORIZONS windows after them.

    `believed_mph` (windows, N) are the speeds without those that are doubted.
    `profile_mph` (slots of both day types, N) comes from the first `train_windows` windows only, NaN for a sensor that
    has no speed in them. `usual_mph` (windows, N), never NaN, is what it says of each window, and what it would say of
    those first ones without their own day: with few days of history a window is closer to a profile that it is part of
    than any later window will be.
    `doubt` (windows, N) is what the sensors' health says is wrong with each reading, judged window after window as in
    service: neither a profile nor a model learns from one that is doubted, or sees it.
    `resumed_at` is the window from which on `disturbed` judges anew, where a recording is tried in several ways.
    `late_total_mph` and `late_days` (windows, 2, N) say of each window what traffic was at its time on the days and in
    the weeks before it.
    """

    network: Network
    start: datetime
    speed_mph: Floats
    train_windows: int
    resumed_at: int = 0
    slots: Integers = field(init=False)
    days: Integers = field(init=False)
    believed_mph: Floats = field(init=False)
    profile_mph: Floats = field(init=False)
    usual_mph: Floats = field(init=False)
    doubt: Reasons = field(init=False)
    late_total_mph: Compact = field(init=False)
    late_days: Compact = field(init=False)
    _memory: "_Memory" = field(init=False)
    _at_end: "_Memory" = field(init=False)

    def __post_init__(self) -> None:
        """Work out the calendar and the profile."""
        starts = [self.start + row * self.network.window for row in range(len(self.speed_mph))]
        slots = day_type_slots(self.network, starts)
        early = slice(None, self.resumed_at)
        memory = _Memory.of(self.network)
        before = memory.follow(self.start, self.speed_mph[early])
        object.__setattr__(self, "_memory", memory.copy())
        after = memory.follow(self.start + self.resumed_at * self.network.window, self.speed_mph[self.resumed_at :])
        doubt, total, days = (np.concatenate([early, late]) for early, late in zip(before, after, strict=True))
        believed = without_doubted(self.speed_mph[None], doubt[None])[0]
        object.__setattr__(self, "believed_mph", believed)
        object.__setattr__(self, "slots", slots)
        profile, usual = self._usual(self.train_windows)
        derived: dict[str, NDArray[Any]] = {
            "days": days_of(self.network, starts),
            "profile_mph": profile,
            "usual_mph": usual,
            "doubt": doubt,
            "late_total_mph": total,
            "late_days": days,
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_at_end", memory)

    def recent_rows(self) -> Sequence[RecentRow]:
        """The rows of recent speeds that serving would have at the end, as `shared.forecasting.warm_up` finds them."""
        total, days = self._at_end.settled()
        newest = {slot: row for row, slot in enumerate(self.slots.tolist())}
        return [
            RecentRow(slot, self.start + row * self.network.window, total[slot], days[slot])
            for slot, row in sorted(newest.items(), key=lambda each: each[1])
            if days[slot].any()
        ]

    def fitted_to_all(self) -> "Recorded":
        """The same with all of it as the part that is fitted to."""
        profile, usual = self._usual(len(self.speed_mph))
        other = copy(self)
        changed: dict[str, Any] = {"train_windows": len(self.speed_mph), "profile_mph": profile, "usual_mph": usual}
        for name, value in changed.items():
            object.__setattr__(other, name, value)
        return other

    def _usual(self, train_windows: int) -> tuple[Floats, Floats]:
        """`profile_mph` and `usual_mph` where so many windows are fitted to."""
        train = slice(None, train_windows)
        learned = learned_profile(self.believed_mph[train], self.slots[train], slots_per_day(self.network))
        usual = completed(self.network, learned.profile_mph)[self.slots]
        usual[train] = np.where(np.isnan(learned.left_out_mph), usual[train], learned.left_out_mph)
        return learned.profile_mph, usual

    def disturbed(self, network: Network, speed_mph: Floats) -> "Recorded":
        """The same with another input from window `resumed_at` on; what is known before stays as it was.

        Args:
            network: the same, with other ids perhaps.
            speed_mph: (windows, N) as models see it.
        """
        first, memory = self.resumed_at, self._memory.copy()
        after = memory.follow(self.start + first * self.network.window, speed_mph[first:])
        other = copy(self)
        doubt, total, days = after
        changed: dict[str, Any] = {
            "network": network,
            "speed_mph": speed_mph,
            "doubt": np.concatenate([self.doubt[:first], doubt]),
            "late_total_mph": np.concatenate([self.late_total_mph[:first], total]),
            "late_days": np.concatenate([self.late_days[:first], days]),
            "_at_end": memory,
        }
        for name, value in changed.items():
            object.__setattr__(other, name, value)
        return other

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
            learned = learned_profile(self.believed_mph[others], self.slots[others], per_day)
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
            speed_mph=self._seen(lags),
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
            speed_mph=without_doubted(of(self.speed_mph, lags), of(self.doubt, lags)),
            usual_mph=of(self.usual_mph, lags),
            ahead_mph=ahead_mph,
            times=self.slots[lags[:, -1]] % slots_per_day(self.network),
            days=self.days[lags[:, -1]],
            recent_mph=by_quarter(recent.deviation_mph(ahead_mph)),
        )

    def _seen(self, lags: Integers) -> Floats:
        return without_doubted(self.speed_mph[lags], self.doubt[lags])

    def _before(self, windows: Integers, memory: int) -> RecentMeans:
        return recent_means(self.late_total_mph[windows, memory], self.late_days[windows, memory])

    def actual(self, origins: Integers, sensors: Integers | None = None) -> Floats:
        """What then happened: (B, N, HORIZONS) mph, NaN where missing."""
        ahead = sliding_window_view(self.speed_mph, HORIZONS, axis=0)[LAGS:]
        return ahead[origins] if sensors is None else ahead[origins[:, None], sensors]

    def told(self, origins: Integers) -> Floats:
        """What sensors said of it and service believed, which it scores forecasts by: as `actual`, NaN also where 0."""
        usable = np.where((self.doubt > 0) | (self.speed_mph <= 0), np.nan, self.speed_mph)
        return sliding_window_view(usable, HORIZONS, axis=0)[LAGS:][origins]


@dataclass(eq=False)
class _Memory:
    """What serving remembers of N sensors from window to window: their health, and recent speeds by slot."""

    network: Network
    road: Roadway
    judge: HealthJudge
    health: SensorHealth
    total_mph: Compact
    days: Compact
    slots: list[int]
    speed_mph: Floats
    doubt: Reasons
    """Of the last windows, which are not learned yet: they are when no reading can change them, as in service."""

    @classmethod
    def of(cls, network: Network) -> "_Memory":
        """Of nothing yet."""
        road, sensors = roadway(network), len(network.sensors)
        total, days = np.zeros((2, DAY_TYPES * slots_per_day(network), MEMORIES, sensors), dtype=np.float32)
        nothing = np.empty((0, sensors))
        health = SensorHealth.unknown(sensors)
        return cls(network, road, HealthJudge.of(road), health, total, days, [], nothing, nothing.astype(np.int8))

    def copy(self) -> "_Memory":
        """The same, to go on from twice."""
        return replace(self, total_mph=self.total_mph.copy(), days=self.days.copy())

    def follow(self, start: datetime, speed_mph: Floats) -> tuple[Reasons, Compact, Compact]:
        """Take in the windows (windows, N) from `start` on.

        Returns:
            What was doubted in each, (windows, N), and what `RecentSpeeds` held of its slot just before it, as weighted
            sums of speeds and days: (windows, 2, N) each.
        """
        new = day_type_slots(self.network, [start + row * self.network.window for row in range(len(speed_mph))])
        columns, places, known = self.road.columns, self.road.positions, len(self.slots)
        windows, sensors = speed_mph.shape
        total_before, days_before = np.zeros((2, windows, WEEKS + 1, sensors), dtype=np.float32)
        slots = [*self.slots, *new.tolist()]
        speeds = np.concatenate([self.speed_mph, speed_mph]) if known else speed_mph
        doubt = np.concatenate([self.doubt, np.zeros(speed_mph.shape, dtype=np.int8)])
        for row in range(windows):
            at, last = slots[known + row], known + row
            total_before[row], days_before[row] = self.total_mph[at, : WEEKS + 1], self.days[at, : WEEKS + 1]
            belief, self.health = self.judge.step(WindowReadings.of_speeds(speeds[last, columns]), self.health)
            doubt[last] = belief.doubt[places]
            if last >= SETTLED_WINDOWS:
                self._learn(slots[last - SETTLED_WINDOWS], slice(last - SETTLED_WINDOWS, last + 1), speeds, doubt)
        # A copy, so that not all of the recording is kept for it.
        self.slots, kept = slots[-SETTLED_WINDOWS:], slice(-SETTLED_WINDOWS, None)
        self.speed_mph, self.doubt = speeds[kept].copy(), doubt[kept].copy()
        return doubt[known:], total_before, days_before

    def settled(self) -> tuple[Compact, Compact]:
        """The weighted sums of speeds and days once the last windows are learned, too: (slots, MEMORIES, N) each."""
        other = self.copy()
        for row, slot in enumerate(self.slots):
            other._learn(slot, slice(row, None), self.speed_mph, self.doubt)  # noqa: SLF001 - one of its own kind
        return other.total_mph, other.days

    def _learn(self, slot: int, rows: slice, speed_mph: Floats, doubt: Reasons) -> None:
        faded(self.total_mph[slot], self.days[slot], learned_speed(speed_mph[rows], doubt[rows]))


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
