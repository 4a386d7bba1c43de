"""Which incidents traffic felt, by the definition in docs/alerts.md. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.roadway import Roadway

WATCHED_UPSTREAM_MILES, WATCHED_DOWNSTREAM_MILES = 2.0, 0.5
USUAL_WITHIN_WINDOWS = 2
DROP_MPH = 15.0
DROPS = 2
QUIET_WINDOWS = 3
BEFORE_MINUTES, AFTER_MINUTES = 15, 45
ONE_THING_MINUTES, ONE_THING_MILES = 30, 2.5
NEAR_MILES = 3.0
NEAR_BEFORE_MINUTES, NEAR_AFTER_MINUTES, MIN_DURATION_MINUTES = 30, 60, 60


@dataclass(frozen=True, slots=True)
class LoggedIncident:
    """One row of a log. `start_minutes` counts from the first window of the data, `travel_miles` as sensors' do."""

    road_name: str
    travel_miles: float
    start_minutes: float
    duration_minutes: float | None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """One thing to detect: where a detector may see it (road order), when it was logged and when it began."""

    positions: frozenset[int]
    start_minutes: float
    onset_window: int
    rows: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """Disturbances in order of time, and the incident-free station-windows: (windows, sensors)."""

    disturbances: tuple[Disturbance, ...]
    incident_free: Flags
    rows: int
    rows_felt: int


def usual_speeds(speed_mph: Floats, day: Integers, slot: Integers, weekend: Flags) -> Floats:
    """Median of the other days of the same kind around the same clock time: (windows, sensors).

    Not one of those in `shared.traffic.usual`: they are a mean, or of half hours, or know the days before alone. The
    definition asks for a median of all other days, and what is judged by it must not be what it is made with.

    Args:
        speed_mph: (windows, sensors).
        day: (windows,) number of the local day, from 0 on.
        slot: (windows,) number of the window in its local day.
        weekend: (days,) which days are Saturday, Sunday or a public holiday.
    """
    days = np.full((len(weekend), int(slot.max()) + 1, speed_mph.shape[1]), np.nan)
    days[day, slot] = speed_mph
    usual = np.full(days.shape, np.nan)
    around = range(-USUAL_WITHIN_WINDOWS, USUAL_WITHIN_WINDOWS + 1)
    for number, kind in enumerate(weekend):
        others = np.flatnonzero((weekend == kind) & (np.arange(len(weekend)) != number))
        if others.size:
            usual[number] = _median(np.concatenate([np.roll(days[others], shift, axis=1) for shift in around]))
    expected: Floats = usual[day, slot]
    return expected


def find_truth(
    road: Roadway, log: Sequence[LoggedIncident], speed_mph: Floats, usual_mph: Floats, window_minutes: float
) -> Truth:
    """Apply the definition: arrays are (windows, sensors) in road order, NaN where missing."""
    with np.errstate(invalid="ignore"):
        drops = usual_mph - speed_mph > DROP_MPH
    observed = np.isfinite(speed_mph)
    windows = len(drops)
    felt: list[tuple[LoggedIncident, Disturbance]] = []
    rows = 0
    for row in sorted(log, key=lambda one: one.start_minutes):
        watching = watching_positions(road, row)
        first = int(row.start_minutes // window_minutes)
        if not 0 <= first < windows or not watching.size:
            continue
        if not observed[first : first + round(AFTER_MINUTES / window_minutes), watching].any():
            continue
        rows += 1
        onset = _onset(drops[:, watching], first, window_minutes)
        if onset is not None:
            felt.append((row, Disturbance(frozenset(watching.tolist()), row.start_minutes, onset)))
    return Truth(
        tuple(_one_thing_each(felt, window_minutes)),
        _incident_free(road, log, observed, window_minutes),
        rows,
        len(felt),
    )


def watching_positions(road: Roadway, row: LoggedIncident) -> Integers:
    """The stations, in road order, that would see an incident there."""
    ahead = road.miles - row.travel_miles
    on_road = np.array([sensor.road_name == row.road_name for sensor in road.sensors])
    return np.flatnonzero(on_road & (ahead >= -WATCHED_UPSTREAM_MILES) & (ahead <= WATCHED_DOWNSTREAM_MILES))


def _onset(drops: Flags, first: int, window_minutes: float) -> int | None:
    before, after = round(BEFORE_MINUTES / window_minutes), round(AFTER_MINUTES / window_minutes)
    for window in range(max(first - before, QUIET_WINDOWS), min(first + after, len(drops) - DROPS + 1)):
        lasting = drops[window : window + DROPS].all(axis=0)
        if (lasting & ~drops[window - QUIET_WINDOWS : window].any(axis=0)).any():
            return window
    return None


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
        Disturbance(
            frozenset().union(*(one.positions for _, one in group)),
            min(one.start_minutes for _, one in group),
            min(one.onset_window for _, one in group),
            len(group),
        )
        for group in groups
    ]


def _incident_free(road: Roadway, log: Sequence[LoggedIncident], observed: Flags, window_minutes: float) -> Flags:
    free = observed.copy()
    names = np.array([sensor.road_name for sensor in road.sensors])
    for row in log:
        near = (names == row.road_name) & (np.abs(road.miles - row.travel_miles) <= NEAR_MILES)
        lasting = max(row.duration_minutes or 0.0, MIN_DURATION_MINUTES)
        begin = int((row.start_minutes - NEAR_BEFORE_MINUTES) // window_minutes)
        end = int((row.start_minutes + lasting + NEAR_AFTER_MINUTES) // window_minutes) + 1
        free[max(begin, 0) : max(end, 0), near] = False
    return free


def _median(values: Floats) -> Floats:
    with np.errstate(invalid="ignore"):
        ordered = np.sort(values, axis=0)
    count = np.isfinite(ordered).sum(axis=0)
    low, high = np.maximum((count - 1) // 2, 0), count // 2
    high = np.minimum(high, len(ordered) - 1)
    pick = np.take_along_axis(ordered, np.stack([low, high]), axis=0)
    median: Floats = np.where(count > 0, pick.mean(axis=0), np.nan)
    return median
