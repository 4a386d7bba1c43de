"""Which detectors are to be believed: a bad one neither raises an alarm nor serves as a neighbour. Pure.

The rules follow PeMS' diagnostics of loop detectors (C. Chen, J. Kwon, J. Rice, A. Skabardonis and P. Varaiya,
'Detecting errors and imputing missing data for single-loop surveillance systems', Transportation Research Record 1855,
2003), on windows of a network in place of a day's samples of one loop.
"""

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from shared.alerts.detection.protocol import IncidentDetector, Observation, Verdict
from shared.traffic.arrays import Flags, Floats

S = TypeVar("S")
Counts = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class HealthRules:
    """When a sensor is bad; windows are counted, vehicles are per window and lane.

    dead         nothing told for `dead_windows`
    stuck        the same speed, to a tenth, for `stuck_windows`
    impossible   speed, occupancy or volume outside of what is possible in this window
    disagreeing  a standstill by its speed though at least `busy_vehicles` passed, or free speed with hardly any
                 vehicle in a loop that is nearly always covered
    probation    after any of these, for how many good windows it is not believed yet
    """

    dead_windows: int = 6
    stuck_windows: int = 12
    max_mph: float = 100.0
    max_vehicles: float = 230.0
    crawl_mph: float = 8.0
    busy_vehicles: float = 110.0
    free_mph: float = 55.0
    covered: float = 0.5
    probation_windows: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class Health:
    """Per sensor: windows of silence, windows with the same speed, that speed, good windows still owed."""

    silent: Counts
    same: Counts
    speed_mph: Floats
    owed: Counts

    @classmethod
    def unknown(cls, sensors: int) -> "Health":
        """Before anything was told: believed from the first word on."""
        zero = np.zeros(sensors, np.int32)
        return cls(zero, zero, np.full(sensors, np.nan), zero)


def judge(rules: HealthRules, lanes: Floats, seen: Observation, health: Health) -> tuple[Flags, Health]:
    """Which sensors (sensors,) are believed in this window, and the health after it.

    Args:
        rules: when a sensor is bad.
        lanes: (sensors,) lanes that it counts.
        seen: the window.
        health: before it.
    """
    speed = seen.speed_mph
    told = np.isfinite(speed) | np.isfinite(seen.occupancy)
    silent = np.where(told, 0, health.silent + 1).astype(np.int32)
    repeats = np.round(speed, 1) == health.speed_mph
    same = np.where(np.isfinite(speed), np.where(repeats, health.same + 1, 0), health.same).astype(np.int32)
    per_lane = seen.volume / lanes
    impossible = (
        (speed < 0) | (speed > rules.max_mph) | (seen.occupancy < 0) | (seen.occupancy > 1) | (per_lane < 0)
    ) | (per_lane > rules.max_vehicles)
    disagreeing = ((speed < rules.crawl_mph) & (per_lane > rules.busy_vehicles)) | (
        (speed > rules.free_mph) & (seen.occupancy > rules.covered)
    )
    bad = (silent >= rules.dead_windows) | (same >= rules.stuck_windows) | impossible | disagreeing
    owed = np.where(bad, rules.probation_windows, np.maximum(health.owed - told, 0)).astype(np.int32)
    newest = np.where(np.isfinite(speed), np.round(speed, 1), health.speed_mph)
    return ~bad & (health.owed == 0), Health(silent, same, newest, owed)


@dataclass(frozen=True, slots=True, eq=False)
class Guard(Generic[S]):
    """State of a guarded detector: of the rules and of the detector itself."""

    health: Health
    inner: S


@dataclass(frozen=True, eq=False)
class Guarded(Generic[S]):
    """A detector that is shown nothing of bad sensors, and whose alarms at them are dropped."""

    detector: IncidentDetector[S]
    rules: HealthRules
    lanes: Floats

    @property
    def name(self) -> str:
        """That of the detector."""
        return self.detector.name

    def initial(self) -> Guard[S]:
        """All sensors good."""
        return Guard(Health.unknown(len(self.lanes)), self.detector.initial())

    def step(self, seen: Observation, state: Guard[S]) -> tuple[Verdict, Guard[S]]:
        """One window."""
        good, health = judge(self.rules, self.lanes, seen, state.health)
        measures: dict[str, Any] = {
            measure: np.where(good, getattr(seen, measure), np.nan) for measure in ("speed_mph", "occupancy", "volume")
        }
        verdict, inner = self.detector.step(replace(seen, **measures), state.inner)
        return Verdict(verdict.alarm & good, verdict.score), Guard(health, inner)
