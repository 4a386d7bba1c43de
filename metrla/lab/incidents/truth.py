"""Which incidents traffic felt, by the definition in docs/alerts.md: by the delay of whoever drives past. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from metrla.lab.incidents.measures import Measures
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.readings import CRAWL_MPH
from shared.traffic.roadway import Roadway

WATCHED_UPSTREAM_MILES, WATCHED_DOWNSTREAM_MILES = 2.0, 0.5
USUAL_WITHIN_MINUTES, USUAL_WITHIN_DAYS = 10, 28
LEAST_DELAY_MINUTES, LEAST_DELAY_SHARE = 0.5, 0.2
"""Of a felt incident: so many minutes, and such a share of the usual time."""
ENDED_SHARE = 0.5
LASTING_WINDOWS = 2
QUIET_MINUTES = 15
LONGEST_MINUTES = 240
BEFORE_MINUTES, AFTER_MINUTES = 15, 45
ONE_THING_MINUTES, ONE_THING_MILES = 30, 2.5
NEAR_MILES = 3.0
NEAR_BEFORE_MINUTES, NEAR_AFTER_MINUTES, MIN_DURATION_MINUTES = 30, 60, 60


@dataclass(frozen=True, slots=True)
class LoggedIncident:
    """One row of a log. `start_minutes` counts from the first window of the data, `travel_miles` as sensors' do.

    `row` is its number in the log, from 1; `derived` says that it was made from speeds, and is no evidence of its own.
    """

    road_name: str
    travel_miles: float
    start_minutes: float
    duration_minutes: float | None
    description: str = ""
    row: int = 0
    derived: bool = False


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing to detect: where a detector may see it (road order), when it was logged, began and ended.

    `end_minutes` is the end of its delay or of its log entry, whichever is later, from the first window of the data.
    """

    positions: frozenset[int]
    start_minutes: float
    onset_window: int
    end_minutes: float = 0.0
    road_name: str = ""
    miles: tuple[float, ...] = ()
    rows: tuple[int, ...] = ()
    derived: bool = False


@dataclass(frozen=True, eq=False)
class Roadside:
    """Speeds, what was usual, and how far each sensor speaks; arrays are (windows, sensors) or (sensors,), road order.

    Attributes:
        road: layout of the network.
        speed_mph: NaN where missing or mostly imputed.
        usual_mph: see `usual_speeds`.
        window_minutes: length of a window.
        half_miles: half the length of the section that a sensor measures; 0: it measures a place.
    """

    road: Roadway
    speed_mph: Floats
    usual_mph: Floats
    window_minutes: float
    half_miles: Floats

    @cached_property
    def delay(self) -> Floats:
        """Minutes that a vehicle takes past each sensor beyond the usual, NaN where not known."""
        with np.errstate(invalid="ignore"):
            return self._miles_60 / np.maximum(self.speed_mph, CRAWL_MPH) - self.usual_minutes

    @cached_property
    def usual_minutes(self) -> Floats:
        """Minutes that a vehicle usually takes past each sensor."""
        return self._miles_60 / np.maximum(self.usual_mph, CRAWL_MPH)

    @property
    def _miles_60(self) -> Floats:
        miles: Floats = 60 * np.maximum(self.road.length_miles, 2 * self.half_miles)
        return miles

    def windows_in(self, minutes: float) -> int:
        """How many windows, one at least, so many minutes are."""
        return max(round(minutes / self.window_minutes), 1)

    def watching(self, road_name: str, travel_miles: float, upstream: float, downstream: float) -> Integers:
        """The sensors of a carriageway, road order, from so many miles before a place to so many past it."""
        ahead = self.road.miles - travel_miles
        here = self._road_numbers.get(road_name, -1) == self.road.road
        return np.flatnonzero(here & (ahead + self.half_miles >= -upstream) & (ahead - self.half_miles <= downstream))

    @cached_property
    def _road_numbers(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.road.road_names)}

    def delayed(self, positions: Integers, first: int, last: int) -> tuple[Flags, Flags]:
        """In which windows, from `first` to before `last`, vehicles are delayed past these sensors, and half so."""
        delay, usual = self.delay[first:last, positions], self.usual_minutes[first:last, positions]
        known = np.isfinite(delay)
        late = np.where(known, delay, 0.0).sum(axis=1)
        limit = np.maximum(LEAST_DELAY_MINUTES, LEAST_DELAY_SHARE * np.where(known, usual, 0.0).sum(axis=1))
        return late >= limit, late >= ENDED_SHARE * limit


def scene_of(measures: Measures, half_miles: Floats | None = None) -> Roadside:
    """The scene of recorded days; `half_miles` as `Roadside` has it, `None`: all sensors measure places."""
    seen = measures.observed()
    usual = usual_speeds(seen.speed_mph, seen.day, seen.slot, seen.weekend, seen.window_minutes)
    places = np.zeros(len(seen.road.sensors))
    return Roadside(seen.road, seen.speed_mph, usual, seen.window_minutes, places if half_miles is None else half_miles)


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Disturbances in order of time, derived ones apart, and which station-windows are free of incidents.

    `rows` were watched, `rows_felt` of them felt.
    """

    disturbances: tuple[Disturbance, ...]
    derived: tuple[Disturbance, ...]
    rows: int
    rows_felt: int


def usual_speeds(
    speed_mph: Floats, day: Integers, slot: Integers, weekend: Flags, window_minutes: float = 5.0
) -> Floats:
    """Median of the other days of the same kind around the same clock time: (windows, sensors).

    Not one of those in `shared.traffic.usual`: they are a mean, or of half hours, or know the days before alone. The
    definition asks for a median of all other days, and what is judged by it must not be what it is made with.

    Args:
        speed_mph: (windows, sensors).
        day: (windows,) number of the local day, from 0 on.
        slot: (windows,) number of the window in its local day.
        weekend: (days,) which days are Saturday, Sunday or a public holiday.
        window_minutes: length of a window.
    """
    days = np.full((len(weekend), int(slot.max()) + 1, speed_mph.shape[1]), np.nan)
    days[day, slot] = speed_mph
    usual = np.full(days.shape, np.nan)
    reach = round(USUAL_WITHIN_MINUTES / window_minutes)
    dates = np.arange(len(weekend))
    for number, kind in enumerate(weekend):
        near = np.abs(dates - number) <= USUAL_WITHIN_DAYS
        others = np.flatnonzero((weekend == kind) & near & (dates != number))
        if others.size:
            around = [np.roll(days[others], shift, axis=1) for shift in range(-reach, reach + 1)]
            usual[number] = _median(np.concatenate(around))
    expected: Floats = usual[day, slot]
    return expected


def find_truth(scene: Roadside, log: Sequence[LoggedIncident]) -> Truth:
    """Apply the definition."""
    observed = np.isfinite(scene.speed_mph)
    windows = len(observed)
    felt: list[tuple[LoggedIncident, Disturbance]] = []
    rows = 0
    for row in sorted(log, key=lambda one: one.start_minutes):
        positions = scene.watching(row.road_name, row.travel_miles, WATCHED_UPSTREAM_MILES, WATCHED_DOWNSTREAM_MILES)
        first = int(row.start_minutes // scene.window_minutes)
        if not 0 <= first < windows or not positions.size:
            continue
        if not observed[first : first + scene.windows_in(AFTER_MINUTES), positions].any():
            continue
        rows += not row.derived
        spell = _delay_of(scene, positions, first)
        if spell is not None:
            felt.append((row, _disturbance(scene, row, positions, *spell)))
    mine = [(row, one) for row, one in felt if not row.derived]
    derived = [(row, one) for row, one in felt if row.derived]
    return Truth(
        tuple(_one_thing_each(mine, scene.window_minutes)),
        tuple(_one_thing_each(derived, scene.window_minutes)),
        rows,
        len(mine),
    )


def moved(
    log: Iterable[LoggedIncident], by: int, weekend: Flags, first_day: int, last_day: int
) -> list[LoggedIncident]:
    """The rows of the days from `first_day` to before `last_day`, each moved to the `by`-th next day of its kind there.

    After the last one comes the first; where there is no other of its kind, all days are of one kind.
    """
    rows = []
    for row in log:
        day = int(row.start_minutes // _DAY_MINUTES)
        if first_day <= day < last_day:
            ahead = moved_day(day, by, weekend, first_day, last_day) - day
            rows.append(replace(row, start_minutes=row.start_minutes + ahead * _DAY_MINUTES))
    return rows


_DAY_MINUTES = 24 * 60


def moved_day(day: int, by: int, weekend: Flags, first_day: int, last_day: int) -> int:
    """The day that `moved` moves a day to; the same one where it is the only one."""
    days = np.arange(first_day, last_day)
    same = days[weekend[first_day:last_day] == weekend[day]]
    days = same if len(same) > 1 else days
    if len(days) == 1:
        return day
    place = int(np.flatnonzero(days == day)[0])
    return int(days[(place + (by - 1) % (len(days) - 1) + 1) % len(days)])


def incident_free(scene: Roadside, log: Sequence[LoggedIncident]) -> Flags:
    """(windows, sensors) observed, and far from every row in time or place: what detectors are calibrated on."""
    free: Flags = np.isfinite(scene.speed_mph)
    for row in log:
        near = scene.watching(row.road_name, row.travel_miles, NEAR_MILES, NEAR_MILES)
        lasting = max(row.duration_minutes or 0.0, MIN_DURATION_MINUTES)
        begin = int((row.start_minutes - NEAR_BEFORE_MINUTES) // scene.window_minutes)
        end = int((row.start_minutes + lasting + NEAR_AFTER_MINUTES) // scene.window_minutes) + 1
        free[max(begin, 0) : max(end, 0), near] = False
    return free


def _delay_of(scene: Roadside, positions: Integers, first: int) -> tuple[int, int] | None:
    """The onset of the delay past these sensors and the window after its end, for a row logged in window `first`."""
    before, after = scene.windows_in(BEFORE_MINUTES), scene.windows_in(AFTER_MINUTES)
    quiet = scene.windows_in(QUIET_MINUTES)
    begin, longest = max(first - before - quiet, 0), scene.windows_in(LONGEST_MINUTES)
    late, half = scene.delayed(positions, begin, first + after + longest + quiet)
    for window in range(max(first - before, quiet), first + after + 1):
        at = window - begin
        lasting = late[at : at + LASTING_WINDOWS]
        if len(lasting) == LASTING_WINDOWS and lasting.all() and not late[at - quiet : at].any():
            over = [end for end in range(at, len(half)) if not half[end : end + quiet].any()]
            return window, min(begin + over[0] if over else len(scene.speed_mph), window + longest)
    return None


def _disturbance(scene: Roadside, row: LoggedIncident, positions: Integers, onset: int, end: int) -> Disturbance:
    logged = row.start_minutes + (row.duration_minutes or 0.0)
    return Disturbance(
        positions=frozenset(positions.tolist()),
        start_minutes=row.start_minutes,
        onset_window=onset,
        end_minutes=max(end * scene.window_minutes, logged),
        road_name=row.road_name,
        miles=(row.travel_miles,),
        rows=(row.row,),
        derived=row.derived,
    )


def _one_thing_each(felt: list[tuple[LoggedIncident, Disturbance]], window_minutes: float) -> list[Disturbance]:
    groups: list[list[tuple[LoggedIncident, Disturbance]]] = []
    for row, one in felt:
        for group in groups:
            if any(
                row.road_name == other.road_name
                and abs(row.travel_miles - other.travel_miles) <= ONE_THING_MILES
                and abs(one.onset_window - known.onset_window) * window_minutes <= ONE_THING_MINUTES
                for other, known in group
            ):
                group.append((row, one))
                break
        else:
            groups.append([(row, one)])
    return [
        replace(
            group[0][1],
            positions=frozenset().union(*(one.positions for _, one in group)),
            start_minutes=min(one.start_minutes for _, one in group),
            onset_window=min(one.onset_window for _, one in group),
            end_minutes=max(one.end_minutes for _, one in group),
            miles=tuple(mile for _, one in group for mile in one.miles),
            rows=tuple(number for _, one in group for number in one.rows),
        )
        for group in groups
    ]


def _median(values: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        ordered = np.sort(values, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), count // 2
    high = np.minimum(high, len(ordered) - 1)
    pick = np.take_along_axis(ordered, np.stack([low, high]), axis=0)
    median: Floats = np.where(count > 0, pick.mean(axis=0), np.nan)
    return median
