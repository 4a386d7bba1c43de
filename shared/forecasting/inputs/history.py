"""What a forecast is made from: the last windows of every sensor, set against what is usual at that time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.calendar import day_type_slots, days_of, slots_per_day
from shared.traffic.health.hiding import without_doubted
from shared.traffic.health.rules import Reasons
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentMeans, RecentSpeeds

LAGS = 12
HORIZONS = 12
QUARTERS = 4
"""Quarters of the time ahead, of which models are told."""
MINUTE = timedelta(minutes=1)


def minutes_ahead(window: timedelta) -> list[int]:
    """How many minutes ahead of the origin each of `HORIZONS` is, rounded."""
    return [round(ahead * window / MINUTE) for ahead in range(1, HORIZONS + 1)]


def place_of(minutes: int, window: timedelta) -> int | None:
    """Which of `HORIZONS`, from 0, is that many minutes ahead; `None` where none is."""
    place = round(minutes * MINUTE / window) - 1
    return place if 0 <= place < HORIZONS else None


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What is known at B origins of one network of N sensors (in serving, B is mostly 1).

    `speed_mph` is (B, `LAGS`, N), oldest first, NaN where missing or doubted. `lag_slots` (B, `LAGS`) and
    `ahead_slots` (B, `HORIZONS`) say which slot of its day type each of these windows, and of those to be forecast, is
    in. `days` (B,) is the day of the last window: 0 Monday to 6 Sunday, a public holiday counts as a Sunday.
    `recent` (B, `HORIZONS`, N) has the speeds of the last days at the time of the windows to be forecast, `weeks`
    (B, `LAGS` + `HORIZONS`, N) those of the last weeks before each window, the last ones first; None: not known.
    """

    network: Network
    speed_mph: Floats
    lag_slots: Integers
    ahead_slots: Integers
    days: Integers
    recent: RecentMeans | None = None
    weeks: RecentMeans | None = None

    @property
    def observed(self) -> Integers:
        """How many of the last windows of each sensor have a speed: (B, N)."""
        observed: Integers = np.count_nonzero(~np.isnan(self.speed_mph), axis=1)
        return observed


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A batch seen against a profile: what features are made from, in training and in serving alike.

    `speed_mph` (B, `LAGS`, N), NaN where missing; `usual_mph` (B, `LAGS`, N) and `ahead_mph` (B, `HORIZONS`, N) are
    what is usual in the same windows and in those to be forecast, never NaN. `times` (B,) is the slot of the day of the
    last window, `days` (B,) its day as in `Batch`. `recent_mph` (B, `QUARTERS`, N) is how far recent speeds were from
    the usual at the time of the next quarters of an hour, 0 where that is not known.
    """

    network: Network
    speed_mph: Floats
    usual_mph: Floats
    ahead_mph: Floats
    times: Integers
    days: Integers
    recent_mph: Floats

    @property
    def seen(self) -> Flags:
        """Which windows have a speed: (B, LAGS, N)."""
        return ~np.isnan(self.speed_mph)

    @property
    def deviation_mph(self) -> Floats:
        """How far each window is from the usual, 0 where it is missing: (B, LAGS, N)."""
        return np.where(self.seen, self.speed_mph - self.usual_mph, 0.0)


def batch_of(
    step: Step,
    ages: Sequence[int] = (0,),
    recent: RecentSpeeds | None = None,
    doubts: Reasons | None = None,
) -> Batch:
    """The batch of a network step: one origin for each of `ages`, which count windows before the step's own.

    `recent` is what is known of the days before, `doubts` (history, N) what is wrong with each reading of the step, see
    `shared.traffic.health`; `None`: nothing. The history of the step must be `LAGS` windows longer than the highest
    age, less one.
    """
    window, network = step.network.window, step.network
    newest = len(step.speed_mph) - 1
    slots, days, rows, late, weeks = [], [], [], [], []
    for age in ages:
        last = step.window_start - age * window
        starts = [last + ahead * window for ahead in range(1 - LAGS, HORIZONS + 1)]
        slots.append(day_type_slots(network, starts))
        days.append(last)
        if recent is not None:
            of_days, of_weeks = recent.before(slots[-1], starts)
            late.append(RecentMeans(*(each[LAGS:] for each in of_days)))
            weeks.append(of_weeks)
        rows.append(slice(newest - age - LAGS + 1, newest - age + 1))
    where = np.stack(slots)
    ahead = where[:, LAGS:]
    known = None if doubts is None else np.stack([doubts[some] for some in rows])
    return Batch(
        network,
        without_doubted(np.stack([step.speed_mph[some] for some in rows]), known),
        where[:, :LAGS],
        ahead,
        days_of(network, days),
        RecentMeans(*map(np.stack, zip(*late, strict=True))) if late else None,
        RecentMeans(*map(np.stack, zip(*weeks, strict=True))) if weeks else None,
    )


def view_of(batch: Batch, profile_mph: Floats) -> View:
    """See a batch against a profile, (slots of both day types, N) mph without NaN, renewed by the last weeks."""
    usual = profile_mph[np.concatenate([batch.lag_slots, batch.ahead_slots], axis=1)]
    if batch.weeks is not None:
        usual = batch.weeks.renewed(usual)
    ahead = usual[:, LAGS:]
    deviation = np.zeros_like(ahead) if batch.recent is None else batch.recent.deviation_mph(ahead)
    return View(
        network=batch.network,
        speed_mph=batch.speed_mph,
        usual_mph=usual[:, :LAGS],
        ahead_mph=ahead,
        recent_mph=by_quarter(deviation),
        times=batch.lag_slots[:, -1] % slots_per_day(batch.network),
        days=batch.days,
    )


def last_known(view: View) -> tuple[Floats, Floats]:
    """The last deviation from the usual that is known, 0 where none is, and how many windows ago it was: (B, N)."""
    seen = view.seen
    age = np.argmax(seen[:, ::-1], axis=1)
    last = np.take_along_axis(view.deviation_mph, (LAGS - 1 - age)[:, None], axis=1)[:, 0]
    return last, np.where(seen.any(axis=1), age, LAGS).astype(np.float64)


def base_mph(view: View) -> Floats:
    """What a forecast may start from, (B, N): the last speed known, moved as the usual has since; the usual if none."""
    last, _ = last_known(view)
    return view.usual_mph[:, -1] + last


def by_quarter(deviation_mph: Floats) -> Floats:
    """Means over each quarter of the windows ahead: (B, windows, N) to (B, `QUARTERS`, N)."""
    origins, windows, sensors = deviation_mph.shape
    means: Floats = deviation_mph.reshape(origins, QUARTERS, windows // QUARTERS, sensors).mean(axis=2)
    return means
