"""What alerts are worth, by the definition in docs/alerts.md: detections, false alarms, minutes, chance. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from metrla.lab.incidents.alarms import Alarm
from metrla.lab.incidents.bootstrap import DrawnDays, Interval, interval
from metrla.lab.incidents.truth import (
    WATCHED_DOWNSTREAM_MILES,
    WATCHED_UPSTREAM_MILES,
    Disturbance,
    LoggedIncident,
    Roadside,
    Truth,
)
from shared.traffic.arrays import Flags, Floats, Integers

EARLIEST_MINUTES, LATEST_MINUTES = -10.0, 45.0
EXPLAINED_UPSTREAM_MILES, EXPLAINED_DOWNSTREAM_MILES = 3.0, 1.0
EXPLAINED_BEFORE_MINUTES, EXPLAINED_AFTER_MINUTES = 15.0, 30.0
LOGGED_BEFORE_MINUTES, LOGGED_AFTER_MINUTES = 15.0, 60.0
DELAY_BEFORE_MINUTES, DELAY_AFTER_MINUTES = 15.0, 30.0
DAY_MINUTES = 24 * 60


class AlertVerdict(StrEnum):
    """What became of an alert; the last three are false alarms."""

    DETECTION = "detection"
    EXPLAINED = "explained"
    LOGGED = "logged"
    UNLOGGED_DELAY = "unlogged_delay"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The days that count, what happened on them, and what alerts are held against.

    Attributes:
        scene: what was measured.
        log: the rows of the log.
        truth: of the whole recording.
        first_day: the first day that counts, the others go before it.
        last_day: the day after the last one that counts.
    """

    scene: Roadside
    log: tuple[LoggedIncident, ...]
    truth: Truth
    first_day: int
    last_day: int

    @property
    def days(self) -> int:
        """How many days count."""
        return self.last_day - self.first_day

    @property
    def disturbances(self) -> list[Disturbance]:
        """Those of the days that count, by their onset."""
        return self.within(self.truth.disturbances)

    def within(self, disturbances: Sequence[Disturbance]) -> list[Disturbance]:
        """Of these, those with an onset on the days that count."""
        return [one for one in disturbances if 0 <= self.day(one.onset_window) < self.days]

    def day(self, window: int) -> int:
        """The day of a window among those that count; outside of 0 to `days`: on none of them."""
        return int(window * self.scene.window_minutes // DAY_MINUTES) - self.first_day

    def sensor_days(self) -> Floats:
        """Days' worth of observed windows of all sensors, on each day that counts: (days,)."""
        per_day = round(DAY_MINUTES / self.scene.window_minutes)
        observed = np.isfinite(self.scene.speed_mph[self.first_day * per_day : self.last_day * per_day])
        return np.asarray(observed.reshape(self.days, -1).sum(axis=1) / per_day, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Matching:
    """What alerts gave on the days that count.

    Attributes:
        alarms: those that were raised then.
        matches: (alarms, disturbances) which detect which.
        explained: (alarms,) whether a felt disturbance explains it.
        minutes: from the onset of each disturbance to its first detection, NaN where there was none.
    """

    alarms: tuple[Alarm, ...]
    matches: Flags
    explained: Flags
    minutes: Floats

    @property
    def detected(self) -> Flags:
        """(disturbances,) which were detected."""
        flags: Flags = np.asarray(self.matches.any(axis=0))
        return flags


@dataclass(frozen=True, slots=True)
class Score:
    """How a detector did at one level; intervals are of 95 %, minutes run to the end of the window that raised."""

    disturbances: int
    detected: int
    alarms: int
    false_alarms: int
    sensor_days: float
    detected_share: float
    detected_share_interval: Interval
    false_alarms_per_100_sensor_days: float
    false_alarms_interval: Interval
    median_minutes: float | None
    median_minutes_interval: Interval
    median_minutes_from_log: float | None


@dataclass(frozen=True, slots=True)
class Chance:
    """What the moved log gives: the share that chance 'detects', and what is left without it."""

    shifts: int
    placebo_share: float
    placebo_share_interval: Interval
    felt: int
    felt_by_chance: float
    detected_by_chance: float
    corrected_share: float | None
    corrected_share_interval: Interval


def detects(alarm: Alarm, one: Disturbance, window_minutes: float) -> bool:
    """Whether this alarm is a detection of that disturbance."""
    after = (alarm.window + 1 - one.onset_window) * window_minutes
    return EARLIEST_MINUTES <= after <= LATEST_MINUTES and not one.positions.isdisjoint(alarm.positions)


def tally(judged: Judged, alarms: Sequence[Alarm], disturbances: Sequence[Disturbance] | None = None) -> Matching:
    """Hold alarms, in order of time, against the disturbances of the days that count, or against others."""
    scene = judged.scene
    present = judged.disturbances if disturbances is None else disturbances
    mine = tuple(alarm for alarm in alarms if 0 <= judged.day(alarm.window) < judged.days)
    ends = np.array([(alarm.window + 1) * scene.window_minutes for alarm in mine])
    places = _flags([alarm.positions for alarm in mine], scene)
    onsets = np.array([one.onset_window * scene.window_minutes for one in present])
    after = ends[:, None] - onsets
    near = places @ _flags([one.positions for one in present], scene).T > 0
    matches: Flags = near & (after >= EARLIEST_MINUTES) & (after <= LATEST_MINUTES)
    minutes = np.where(matches, after, np.inf).min(axis=0, initial=np.inf)
    return Matching(mine, matches, _explained(judged, ends, places), np.where(np.isfinite(minutes), minutes, np.nan))


def score(judged: Judged, found: Matching, drawn: DrawnDays) -> Score:
    """The figures of a tally."""
    present = judged.disturbances
    days = [judged.day(one.onset_window) for one in present]
    there, detected = _per_day(judged, days), _per_day(judged, days, found.detected)
    wrong = _per_day(judged, [judged.day(alarm.window) for alarm in found.alarms], ~found.explained)
    sensor_days = judged.sensor_days()
    hit = np.flatnonzero(found.detected)
    minutes = found.minutes[hit].tolist()
    window = judged.scene.window_minutes
    logged = [found.minutes[at] + present[at].onset_window * window - present[at].start_minutes for at in hit]
    return Score(
        disturbances=len(present),
        detected=len(hit),
        alarms=len(found.alarms),
        false_alarms=int(wrong.sum()),
        sensor_days=float(sensor_days.sum()),
        detected_share=len(hit) / len(present) if present else 0.0,
        detected_share_interval=interval(drawn.ratios(detected, there)),
        false_alarms_per_100_sensor_days=float(100 * wrong.sum() / max(sensor_days.sum(), 1e-9)),
        false_alarms_interval=interval(100 * drawn.ratios(wrong, sensor_days)),
        median_minutes=float(np.median(minutes)) if minutes else None,
        median_minutes_interval=drawn.median([days[at] for at in hit], minutes),
        median_minutes_from_log=float(np.median(logged)) if logged else None,
    )


def lead_interval(judged: Judged, ours: Matching, other: Matching, drawn: DrawnDays) -> Interval:
    """Of how much more of the disturbances we detect than another, on the same drawn days."""
    days = [judged.day(one.onset_window) for one in judged.disturbances]
    more = _per_day(judged, days, ours.detected) - _per_day(judged, days, other.detected)
    return interval(drawn.ratios(more, _per_day(judged, days)))


def chance(
    judged: Judged,
    alarms: Sequence[Alarm],
    moved_truths: Sequence[Truth],
    moved_disturbances: Sequence[Sequence[Disturbance]],
    drawn: DrawnDays,
) -> Chance:
    """What chance gives.

    Args:
        judged: the days that count.
        alarms: what was raised.
        moved_truths: of the log moved by each shift, felt anew.
        moved_disturbances: the disturbances themselves, moved by each shift.
        drawn: days, for intervals.
    """
    found = tally(judged, alarms)
    by_shift = [float(tally(judged, alarms, shifted).detected.mean()) for shifted in moved_disturbances if shifted]
    days = [judged.day(one.onset_window) for one in judged.disturbances]
    felt, detected = _per_day(judged, days), _per_day(judged, days, found.detected)
    felt_0, detected_0 = np.zeros(judged.days), np.zeros(judged.days)
    for truth in moved_truths:
        present = judged.within(truth.disturbances)
        of = [judged.day(one.onset_window) for one in present]
        felt_0 += _per_day(judged, of) / len(moved_truths)
        detected_0 += _per_day(judged, of, tally(judged, alarms, present).detected) / len(moved_truths)
    beyond = float((felt - felt_0).sum())
    return Chance(
        shifts=len(by_shift),
        placebo_share=float(np.mean(by_shift)) if by_shift else 0.0,
        placebo_share_interval=interval(np.array(by_shift)),
        felt=len(days),
        felt_by_chance=float(felt_0.sum()),
        detected_by_chance=float(detected_0.sum()),
        corrected_share=float((detected - detected_0).sum()) / beyond if beyond > 0 else None,
        corrected_share_interval=interval(drawn.ratios(detected - detected_0, felt - felt_0)),
    )


def verdicts(judged: Judged, found: Matching) -> list[AlertVerdict]:
    """What became of each alarm."""
    told = []
    for alarm, explained, matched in zip(
        found.alarms, found.explained, np.asarray(found.matches.any(axis=1)), strict=True
    ):
        if matched:
            told.append(AlertVerdict.DETECTION)
        elif explained:
            told.append(AlertVerdict.EXPLAINED)
        elif _is_logged(judged, alarm):
            told.append(AlertVerdict.LOGGED)
        else:
            told.append(AlertVerdict.UNLOGGED_DELAY if _is_delay(judged.scene, alarm) else AlertVerdict.NOTHING)
    return told


def _explained(judged: Judged, ends: Floats, places: Integers) -> Flags:
    scene = judged.scene
    every = [*judged.truth.disturbances, *judged.truth.derived]
    zones = [
        frozenset(
            int(at)
            for mile in one.miles
            for at in scene.watching(one.road_name, mile, EXPLAINED_UPSTREAM_MILES, EXPLAINED_DOWNSTREAM_MILES)
        )
        | one.positions
        for one in every
    ]
    begin = np.array([one.onset_window * scene.window_minutes - EXPLAINED_BEFORE_MINUTES for one in every])
    end = np.array([one.end_minutes + EXPLAINED_AFTER_MINUTES for one in every])
    then = (ends[:, None] >= begin) & (ends[:, None] <= end)
    explained: Flags = np.asarray((then & (places @ _flags(zones, scene).T > 0)).any(axis=1))
    return explained


def _is_logged(judged: Judged, alarm: Alarm) -> bool:
    scene = judged.scene
    end = (alarm.window + 1) * scene.window_minutes
    return any(
        -LOGGED_BEFORE_MINUTES <= end - row.start_minutes <= LOGGED_AFTER_MINUTES
        and not set(alarm.positions).isdisjoint(
            scene.watching(row.road_name, row.travel_miles, WATCHED_UPSTREAM_MILES, WATCHED_DOWNSTREAM_MILES).tolist()
        )
        for row in judged.log
    )


def _is_delay(scene: Roadside, alarm: Alarm) -> bool:
    head = max(alarm.positions)
    road_name, mile = scene.road.road_names[scene.road.road[head]], float(scene.road.miles[head])
    positions = scene.watching(road_name, mile, WATCHED_UPSTREAM_MILES, WATCHED_DOWNSTREAM_MILES)
    first = max(alarm.window + 1 - scene.windows_in(DELAY_BEFORE_MINUTES), 0)
    late, _ = scene.delayed(positions, first, alarm.window + 1 + scene.windows_in(DELAY_AFTER_MINUTES))
    return bool((late[1:] & late[:-1]).any())


def _flags(places: Sequence[Sequence[int] | frozenset[int]], scene: Roadside) -> Integers:
    """(places, sensors) as whole numbers, for products."""
    flags = np.zeros((len(places), len(scene.road.sensors)), dtype=np.int64)
    for number, positions in enumerate(places):
        flags[number, list(positions)] = 1
    return flags


def _per_day(judged: Judged, days: Sequence[int], counts: Flags | None = None) -> Floats:
    if not len(days):
        return np.zeros(judged.days)
    weights = None if counts is None else counts.astype(np.float64)
    return np.bincount(days, weights, minlength=judged.days).astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A detector from sensitive to insensitive: its `thresholds` and the score at each."""

    name: str
    thresholds: tuple[float, ...]
    scores: tuple[Score, ...]

    def at_false_alarms(self, per_100_sensor_days: float) -> int | None:
        """The level that detects most with at most so many false alarms; `None` if all have more."""
        within = [
            level
            for level, one in enumerate(self.scores)
            if one.false_alarms_per_100_sensor_days <= per_100_sensor_days
        ]
        return max(within, key=self._merit) if within else None

    def _merit(self, level: int) -> tuple[float, float]:
        return self.scores[level].detected_share, -self.scores[level].false_alarms_per_100_sensor_days
