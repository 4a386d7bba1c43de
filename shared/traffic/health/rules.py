"""Which sensors are to be believed, window by window: the one judgement that forecasts, alerts and page share. Pure.

The tests follow PeMS' diagnostics of loop detectors (C. Chen, J. Kwon, J. Rice, A. Skabardonis and P. Varaiya,
'Detecting errors and imputing missing data for single-loop surveillance systems', Transportation Research Record 1855,
2003), which look at a day's samples of one loop, where this looks at each window of a network as it comes. What PeMS
calls a detector without entropy is here one that repeats itself for longer than its own past makes likely: how often a
live sensor repeats itself is learned, apart for congestion, free flow, light traffic and the highest speed that it
tells, for there feeds are cut off and a good sensor may repeat itself for hours.

None of it asks whether traffic is slow. What makes a sensor doubtful is what traffic cannot do: repeat itself to a
tenth of a mile per hour, carry more vehicles than fit between those that cover the loop, crawl between two sensors
close by that both flow.

Work and memory of a window are O(sensors), whatever was before.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.events.quantities import FREE_FLOW_MPH
from shared.traffic.arrays import Flags, Floats
from shared.traffic.neighbours import Neighbours, neighbours
from shared.traffic.roadway import Roadway

CountsOfWindows = npt.NDArray[np.int32]
Reasons = npt.NDArray[np.int8]
Compacts = npt.NDArray[np.float32]

FIVE_MINUTES = timedelta(minutes=5)
REPEAT_PACE = 0.002
"""The share by which one window moves what is known of how often a sensor repeats itself: some days count."""
REPEAT_BOUNDS = (0.01, 0.99)
REPEATS_AT_FIRST = {"slow": 0.05, "free": 0.2, "light": 0.6, "top": 0.7}
"""How likely a sensor of which nothing is known is taken to repeat itself: more than most do, by a wide margin."""
TOP_FADES_MPH = 0.01
"""What a window takes from the highest speed told, so that one wild reading is forgotten within days."""
TENTH = 0.05


class Doubt(IntEnum):
    """Why a sensor is not believed; `NONE`: it is. The numbers are on the log and stay."""

    NONE = 0
    DEAD = 1
    STUCK = 2
    IMPOSSIBLE = 3
    DISAGREEING = 4
    APART = 5
    SLOW_NIGHTS = 7
    PROBATION = 8


WORDS = {
    Doubt.DEAD: "silent",
    Doubt.STUCK: "repeats one speed",
    Doubt.IMPOSSIBLE: "tells what cannot be",
    Doubt.DISAGREEING: "its speed, volume and occupancy do not agree",
    Doubt.APART: "slow between two close neighbours that flow",
    Doubt.SLOW_NIGHTS: "slow all night beside free neighbours",
    Doubt.PROBATION: "on probation after a fault",
}
"""What people are told."""


@dataclass(frozen=True, slots=True)
class HealthRules:
    """When a sensor is bad; windows are counted, vehicles are per five minutes and lane.

    dead         nothing told for `dead_windows`
    stuck        the same speed, to a tenth, in so many windows (`least_repeated` or more) that a live sensor repeats
                 itself so long by a chance of `stuck_chance`, or `stuck_top_chance` at its highest speed
    impossible   speed, occupancy or volume outside of what is possible in this window
    disagreeing  a standstill by its speed though at least `busy_vehicles` passed; free speed in a loop that is nearly
                 always covered; or `queue_slack` times as many vehicles as a queue of this occupancy can carry, which
                 falls from `capacity_vehicles` at `critical_occupancy` to none where the loop is always covered
    apart        below `apart_mph` for `apart_windows` while the nearest sensors on both sides, within `close_miles`,
                 are above `flowing_mph`, and as many vehicles pass here as there, where that is known
    probation    after any of these, for how many good windows it is not believed yet
    """

    dead_windows: int = 6
    least_repeated: int = 6
    stuck_chance: float = 1e-8
    stuck_top_chance: float = 1e-12
    light_vehicles: float = 10.0
    max_mph: float = 100.0
    max_vehicles: float = 230.0
    crawl_mph: float = 8.0
    busy_vehicles: float = 110.0
    free_mph: float = 55.0
    covered: float = 0.5
    capacity_vehicles: float = 200.0
    critical_occupancy: float = 0.12
    queue_slack: float = 1.25
    apart_mph: float = 25.0
    flowing_mph: float = 50.0
    close_miles: float = 0.5
    apart_windows: int = 6
    same_volume: float = 0.6
    probation_windows: int = 2


@dataclass(frozen=True, slots=True, eq=False)
class WindowReadings:
    """One window of a network, (sensors,) each, in road order, NaN where a sensor said nothing."""

    speed_mph: Floats
    occupancy: Floats
    volume_vehicles: Floats

    @classmethod
    def of_speeds(cls, speed_mph: Floats) -> "WindowReadings":
        """Of a feed that tells nothing but speeds."""
        unknown = np.full(speed_mph.shape, np.nan)
        return cls(speed_mph, unknown, unknown)


@dataclass(frozen=True, slots=True, eq=False)
class SensorHealth:
    """What is remembered of each sensor, (sensors,) each.

    Windows of silence, windows with the same speed after the first, that speed, good windows still owed; the highest
    speed told, how likely it repeats itself in congestion, in free flow, in light traffic and at that highest speed;
    windows apart from its neighbours.

    The names of the fields go to the log with what the alert detector learned.
    """

    silent: CountsOfWindows
    same: CountsOfWindows
    speed_mph: Floats
    owed: CountsOfWindows
    top_mph: Compacts
    repeats_slow: Compacts
    repeats_free: Compacts
    repeats_light: Compacts
    repeats_top: Compacts
    apart: CountsOfWindows

    @classmethod
    def unknown(cls, sensors: int) -> "SensorHealth":
        """Before anything was told: believed from the first word on."""
        zero, nothing = np.zeros(sensors, np.int32), np.zeros(sensors, np.float32)
        repeats = {f"repeats_{where}": np.full(sensors, at, np.float32) for where, at in REPEATS_AT_FIRST.items()}
        return cls(
            silent=zero,
            same=zero,
            speed_mph=np.full(sensors, np.nan),
            owed=zero,
            top_mph=nothing,
            apart=zero,
            **repeats,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """Of one window, (sensors,) each: whether a sensor is believed, and what is wrong with its reading, see `Doubt`.

    A sensor on probation is not believed, though nothing is wrong with its reading.
    """

    believed: Flags
    doubt: Reasons

    @property
    def reason(self) -> Reasons:
        """Why a sensor is not believed, probation included."""
        told: Reasons = np.where(self.believed | (self.doubt != Doubt.NONE), self.doubt, Doubt.PROBATION).astype(
            np.int8
        )
        return told


@dataclass(frozen=True, eq=False)
class HealthJudge:
    """The rules, applied to one network's sensors in road order.

    `lanes` (sensors,) that a sensor counts, `close` the neighbours that see the same traffic, `None`: none are known.
    """

    rules: HealthRules
    lanes: Floats
    close: Neighbours | None = None
    window: timedelta = FIVE_MINUTES
    _logs: tuple[float, float] = field(init=False)

    def __post_init__(self) -> None:
        """Take the logarithms of the chances."""
        object.__setattr__(self, "_logs", (np.log(self.rules.stuck_chance), np.log(self.rules.stuck_top_chance)))

    @classmethod
    def of(cls, road: Roadway, rules: HealthRules | None = None) -> "HealthJudge":
        """For the sensors of a network."""
        rules = rules or HealthRules()
        return cls(rules, road.lanes, neighbours(road, rules.close_miles), road.network.window)

    def step(self, seen: WindowReadings, health: SensorHealth) -> tuple[Belief, SensorHealth]:
        """Judge one window by what was before it; `health` is not changed, what it becomes is returned."""
        rules, speed = self.rules, seen.speed_mph
        spoke = np.isfinite(speed)
        told = spoke | np.isfinite(seen.occupancy)
        silent = np.where(told, 0, health.silent + 1).astype(np.int32)
        per_lane = seen.volume_vehicles / self.lanes * (FIVE_MINUTES / self.window)
        stuck, repeated = self._repeats(speed, spoke, per_lane, health)
        apart = self._apart(seen, health)
        doubt = np.zeros(len(speed), np.int8)
        # The first reason is the one that is told: it goes last.
        doubt[apart >= rules.apart_windows] = Doubt.APART
        doubt[self._disagreeing(seen, per_lane)] = Doubt.DISAGREEING
        doubt[stuck] = Doubt.STUCK
        doubt[self._impossible(seen, per_lane)] = Doubt.IMPOSSIBLE
        doubt[silent >= rules.dead_windows] = Doubt.DEAD
        bad = doubt != Doubt.NONE
        owed = np.where(bad, rules.probation_windows, np.maximum(health.owed - told, 0)).astype(np.int32)
        after = SensorHealth(silent=silent, owed=owed, apart=apart, **repeated)
        return Belief(~bad & (health.owed == 0), doubt), after

    def _repeats(
        self, speed: Floats, spoke: Flags, per_lane: Floats, health: SensorHealth
    ) -> tuple[Flags, dict[str, Any]]:
        rounded = np.round(speed, 1)
        equal = spoke & (rounded == health.speed_mph)
        same = np.where(spoke, np.where(equal, health.same + 1, 0), health.same).astype(np.int32)
        top = np.fmax(health.top_mph - TOP_FADES_MPH, np.where(speed <= self.rules.max_mph, rounded, np.nan))
        slow = rounded < FREE_FLOW_MPH
        at_top = ~slow & (rounded >= top - TENTH)
        light = ~slow & ~at_top & (per_lane < self.rules.light_vehicles)
        chance = np.where(
            slow,
            health.repeats_slow,
            np.where(at_top, health.repeats_top, np.where(light, health.repeats_light, health.repeats_free)),
        )
        likely, hardly = self._logs
        needed = np.where(at_top, hardly, likely) / np.log(np.clip(chance, *REPEAT_BOUNDS))
        # A sensor that falls silent in between is stuck all the same; what it does not say is not judged.
        stuck = spoke & (same + 1 >= np.maximum(np.floor(needed), self.rules.least_repeated))
        moved = (chance + REPEAT_PACE * (equal - chance)).astype(np.float32)
        learns = spoke & ~stuck & (health.owed == 0) & np.isfinite(health.speed_mph)
        after: dict[str, Any] = {
            "same": same,
            "speed_mph": np.where(spoke, rounded, health.speed_mph),
            "top_mph": top.astype(np.float32),
            "repeats_slow": np.where(learns & slow, moved, health.repeats_slow),
            "repeats_top": np.where(learns & at_top, moved, health.repeats_top),
            "repeats_light": np.where(learns & light, moved, health.repeats_light),
            "repeats_free": np.where(learns & ~(slow | at_top | light), moved, health.repeats_free),
        }
        return stuck, after

    def _impossible(self, seen: WindowReadings, per_lane: Floats) -> Flags:
        speed, occupancy = seen.speed_mph, seen.occupancy
        outside = (speed < 0) | (speed > self.rules.max_mph) | (occupancy < 0) | (occupancy > 1)
        flags: Flags = outside | (per_lane < 0) | (per_lane > self.rules.max_vehicles)
        return flags

    def _disagreeing(self, seen: WindowReadings, per_lane: Floats) -> Flags:
        rules, speed, occupancy = self.rules, seen.speed_mph, seen.occupancy
        standing = (speed < rules.crawl_mph) & (per_lane > rules.busy_vehicles)
        free = (speed > rules.free_mph) & (occupancy > rules.covered)
        fits = rules.capacity_vehicles * (1 - occupancy) / (1 - rules.critical_occupancy)
        crowded = (
            (occupancy > rules.critical_occupancy) & (speed < rules.free_mph) & (per_lane > rules.queue_slack * fits)
        )
        flags: Flags = standing | free | crowded
        return flags

    def _apart(self, seen: WindowReadings, health: SensorHealth) -> CountsOfWindows:
        rules, speed = self.rules, seen.speed_mph
        slow = speed < rules.apart_mph
        if self.close is None or not slow.any():
            return np.where(np.isfinite(speed), 0, health.apart).astype(np.int32)
        trusted = np.where(health.owed == 0, speed, np.nan)
        flowing = rules.flowing_mph
        alone = slow & (self.close.beyond(trusted) > flowing) & (self.close.before(trusted) > flowing)
        if alone.any():
            volume = seen.volume_vehicles
            passing = np.fmin(self.close.beyond(volume), self.close.before(volume))
            # Where vehicles are held up, fewer pass: that is a queue, be it never so short.
            alone &= ~(volume < rules.same_volume * passing)
        return np.where(np.isfinite(speed), np.where(alone, health.apart + 1, 0), health.apart).astype(np.int32)
