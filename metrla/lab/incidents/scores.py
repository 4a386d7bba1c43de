"""Detection rate, false alarms, time to detect: at one level of sensitivity, and over all levels as a curve. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrla.lab.incidents.alarms import Alarm
from metrla.lab.incidents.truth import Disturbance, Truth
from shared.traffic.arrays import Flags

EARLIEST_MINUTES, LATEST_MINUTES = -15.0, 55.0
MINUTES_PER_HOUR, HOURS_PER_DAY = 60.0, 24.0


@dataclass(frozen=True, slots=True)
class Score:
    """How a detector did at one level of sensitivity.

    Times to detect run to the end of the window that raised the alarm, in minutes, `None` where nothing was detected:
    from the logged start, and from the onset of the drop.
    """

    disturbances: int
    detected: int
    alarms: int
    false_alarms: int
    station_hours: float
    false_alarms_per_day: float
    mean_minutes: float | None
    median_minutes: float | None
    median_minutes_from_onset: float | None

    @property
    def detection_rate(self) -> float:
        """Share of the disturbances that were detected, 0-1; 0 where there are none."""
        return self.detected / self.disturbances if self.disturbances else 0.0

    @property
    def false_alarms_per_station_hour(self) -> float:
        """On incident-free station-windows."""
        return self.false_alarms / self.station_hours if self.station_hours else 0.0


def judge_alarms(
    alarms: Sequence[Alarm], truth: Truth, begin: int, end: int, window_minutes: float, stations: int
) -> Score:
    """Count alarms against the truth.

    Args:
        alarms: what a detector raised, in order of time.
        truth: what there was.
        begin: first window that counts.
        end: end of the windows that count: disturbances by their logged start, alarms by their beginning.
        window_minutes: length of a window.
        stations: how many make the network, for false alarms per day.
    """
    present = [one for one in truth.disturbances if begin * window_minutes <= one.start_minutes < end * window_minutes]
    counted = [alarm for alarm in alarms if begin <= alarm.window < end]
    times, from_onset = list[float](), list[float]()
    for one in present:
        hits = [number for number, alarm in enumerate(alarms) if detects(alarm, one, window_minutes)]
        if hits:
            end_of_window = (alarms[hits[0]].window + 1) * window_minutes
            times.append(end_of_window - one.start_minutes)
            from_onset.append(end_of_window - one.onset_window * window_minutes)
    wrong = sum(false_alarm(alarm, truth.incident_free) for alarm in counted)
    hours = float(truth.incident_free[begin:end].sum()) * window_minutes / MINUTES_PER_HOUR
    return Score(
        disturbances=len(present),
        detected=len(times),
        alarms=len(counted),
        false_alarms=wrong,
        station_hours=hours,
        false_alarms_per_day=wrong / hours * stations * HOURS_PER_DAY if hours else 0.0,
        mean_minutes=float(np.mean(times)) if times else None,
        median_minutes=float(np.median(times)) if times else None,
        median_minutes_from_onset=float(np.median(from_onset)) if times else None,
    )


def detects(alarm: Alarm, one: Disturbance, window_minutes: float) -> bool:
    """Whether this alarm is a detection of that disturbance."""
    after = (alarm.window + 1) * window_minutes - one.start_minutes
    return EARLIEST_MINUTES <= after <= LATEST_MINUTES and not one.positions.isdisjoint(alarm.positions)


def false_alarm(alarm: Alarm, incident_free: Flags) -> bool:
    """Whether it begins where and when there was no incident."""
    return bool(incident_free[alarm.window, list(alarm.positions)].all())


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A detector from sensitive to insensitive: its `thresholds` and the score at each."""

    name: str
    thresholds: tuple[float, ...]
    scores: tuple[Score, ...]

    def at_false_alarms(self, per_day: float) -> int | None:
        """The level that detects most with at most this many false alarms per day; `None` if all have more."""
        within = [level for level, score in enumerate(self.scores) if score.false_alarms_per_day <= per_day]
        return max(within, key=self._merit) if within else None

    def at_detection_rate(self, share: float) -> int | None:
        """The level with the fewest false alarms that detects at least this share; `None` where none does."""
        enough = [level for level, score in enumerate(self.scores) if score.detection_rate >= share]
        return min(enough, key=lambda level: self.scores[level].false_alarms_per_day) if enough else None

    def _merit(self, level: int) -> tuple[float, float]:
        return self.scores[level].detection_rate, -self.scores[level].false_alarms_per_day


def operating_level(tuning: Curve, false_alarms_per_day: float) -> int:
    """The level that did best on the tuning days within a budget; the least sensitive one where none stays within."""
    level = tuning.at_false_alarms(false_alarms_per_day)
    return len(tuning.scores) - 1 if level is None else level


def equal_false_alarms(curves: Sequence[Curve], per_day: Sequence[float]) -> dict[str, list[float]]:
    """Detection rate of each detector at each number of false alarms per day; 0 where it always has more."""
    return {
        curve.name: [
            0.0 if (level := curve.at_false_alarms(rate)) is None else curve.scores[level].detection_rate
            for rate in per_day
        ]
        for curve in curves
    }


def equal_detection(curves: Sequence[Curve], shares: Sequence[float]) -> dict[str, list[float | None]]:
    """False alarms per day of each detector at each detection rate; `None` where it never detects that much."""
    return {
        curve.name: [
            None if (level := curve.at_detection_rate(share)) is None else curve.scores[level].false_alarms_per_day
            for share in shares
        ]
        for curve in curves
    }
