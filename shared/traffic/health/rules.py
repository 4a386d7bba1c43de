"""Which sensors are to be believed: a bad one neither raises an alarm nor serves as a neighbour. Pure.

The rules follow PeMS' diagnostics of loop detectors (C. Chen, J. Kwon, J. Rice, A. Skabardonis and P. Varaiya,
'Detecting errors and imputing missing data for single-loop surveillance systems', Transportation Research Record 1855,
2003), on windows of a network in place of a day's samples of one loop.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.traffic.arrays import Flags, Floats

CountsOfWindows = npt.NDArray[np.int32]


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
class SensorHealth:
    """Per sensor: windows of silence, windows with the same speed, that speed, good windows still owed.

    The names of the fields go to the log with what the alert detector learned.
    """

    silent: CountsOfWindows
    same: CountsOfWindows
    speed_mph: Floats
    owed: CountsOfWindows

    @classmethod
    def unknown(cls, sensors: int) -> "SensorHealth":
        """Before anything was told: believed from the first word on."""
        zero = np.zeros(sensors, np.int32)
        return cls(zero, zero, np.full(sensors, np.nan), zero)


def judge(
    rules: HealthRules,
    lanes: Floats,
    speed_mph: Floats,
    occupancy: Floats,
    volume_vehicles: Floats,
    health: SensorHealth,
) -> tuple[Flags, SensorHealth]:
    """Which sensors (sensors,) are believed in this window, and the health after it.

    Args:
        rules: when a sensor is bad.
        lanes: (sensors,) lanes that it counts.
        speed_mph: (sensors,) in this window, NaN where it said nothing; likewise the other two.
        occupancy: 0-1.
        volume_vehicles: on all lanes.
        health: before it.
    """
    speed = speed_mph
    told = np.isfinite(speed) | np.isfinite(occupancy)
    silent = np.where(told, 0, health.silent + 1).astype(np.int32)
    repeats = np.round(speed, 1) == health.speed_mph
    same = np.where(np.isfinite(speed), np.where(repeats, health.same + 1, 0), health.same).astype(np.int32)
    per_lane = volume_vehicles / lanes
    impossible = ((speed < 0) | (speed > rules.max_mph) | (occupancy < 0) | (occupancy > 1) | (per_lane < 0)) | (
        per_lane > rules.max_vehicles
    )
    disagreeing = ((speed < rules.crawl_mph) & (per_lane > rules.busy_vehicles)) | (
        (speed > rules.free_mph) & (occupancy > rules.covered)
    )
    bad = (silent >= rules.dead_windows) | (same >= rules.stuck_windows) | impossible | disagreeing
    owed = np.where(bad, rules.probation_windows, np.maximum(health.owed - told, 0)).astype(np.int32)
    newest = np.where(np.isfinite(speed), np.round(speed, 1), health.speed_mph)
    return ~bad & (health.owed == 0), SensorHealth(silent, same, newest, owed)
