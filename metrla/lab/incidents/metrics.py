"""Detection rate, false alarms, time to detect. Pure."""

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
