"""Incidents put into recorded days, shaped like real ones: the truth is known, and its size. Pure.

Of each incident place, time and blocked lanes are drawn. What the blocked lanes leave of the capacity is that of the
Highway Capacity Manual (HCM 2000, exhibit 22-6). Where demand is below it, traffic only slows a little; where it is
above, a queue forms. Queues are drawn from the kinds of disturbances that real ones showed (`shapes`): the more demand
exceeds capacity, the deeper, apart from chance. So the mix of depths is the real one, however hard lanes are blocked.
"""

from dataclasses import dataclass, replace

import numpy as np

from metrla.lab.incidents.measures import Measures
from metrla.lab.incidents.shapes import DisturbanceShape, share_at
from metrla.lab.incidents.truth import WATCHED_DOWNSTREAM_MILES, WATCHED_UPSTREAM_MILES, Disturbance, Roadside
from shared.traffic.arrays import Floats
from shared.traffic.roadway import DEFAULT_LANES

LANES_BLOCKED = (0, 1, 2, 3)
"""The shoulder, and up to three lanes, as likely one as the other; one lane at least stays open."""
CAPACITY_LEFT = {
    2: (0.81, 0.35),
    3: (0.83, 0.49, 0.17),
    4: (0.85, 0.58, 0.25, 0.13),
    5: (0.87, 0.65, 0.40, 0.20),
    6: (0.89, 0.71, 0.50, 0.26),
}
"""Shares, by lanes and by how many of them are blocked, the shoulder first."""
DEMAND_BY_HOUR = (
    *(0.18, 0.13, 0.11, 0.13, 0.23, 0.45, 0.68, 0.82, 0.82, 0.76, 0.73, 0.74),
    *(0.77, 0.79, 0.83, 0.86, 0.87, 0.85, 0.77, 0.65, 0.54, 0.47, 0.38, 0.27),
)
"""Of capacity, where volumes are not measured."""
BUSIEST_SHARE = 0.99
"""This quantile of the volumes of a sensor is its capacity."""
PASSING_SHAPE = DisturbanceShape(0.93, 60.0, 5.0, 20.0, 10.0, 0.5)
"""Traffic below what the open lanes take: drivers slow down and look."""
RANK_NOISE = 0.2
APART_MINUTES, APART_MILES = 240.0, 8.0
"""Incidents of one carriageway are at least so far apart, in time or in place."""
CHANGED_MPH = 1.0
THINNED_MILES = 2.0
"""So far to both sides of blocked lanes the volume is seen to fall."""
MAX_TRIES = 40_000
KINDS: tuple[DisturbanceShape, ...] = (
    DisturbanceShape(0.14, 6.9, 25.0, 12.5, 42.5, 1.6),
    DisturbanceShape(0.24, 12.7, 25.0, 17.5, 45.0, 1.6),
    DisturbanceShape(0.33, 17.5, 17.5, 7.5, 42.5, 0.6),
    DisturbanceShape(0.43, 26.7, 10.0, 22.5, 15.0, 0.6),
    DisturbanceShape(0.51, 25.8, 20.0, 5.0, 25.0, 0.9),
    DisturbanceShape(0.55, 27.1, 15.0, 2.5, 10.0, 1.5),
    DisturbanceShape(0.59, 31.5, 15.0, 7.5, 12.5, 2.7),
    DisturbanceShape(0.66, 38.2, 10.0, 5.0, 10.0, 2.7),
    DisturbanceShape(0.74, 36.0, 7.5, 5.0, 5.0, 2.7),
)
"""How 54 felt disturbances of the first 14 days of Orange and the first 75 of PEMS-BAY looked (`shapes.kinds_of`).

The extent is that of the disturbance of Orange that is nearest in depth: the 16 stations of PEMS-BAY stand alone.
"""


@dataclass(frozen=True, slots=True)
class Injected:
    """One incident, as it was put in.

    Attributes:
        road_name: its carriageway.
        travel_miles: its place, as sensors' places count.
        start_minutes: its beginning, from the first window.
        lanes_blocked: 0: the shoulder.
        lane_count: of the carriageway there.
        excess: how much more wanted to pass than could, as a share of capacity; below 0: all could.
        shape: what became of traffic.
        lowest_mph: the lowest speed that a sensor shows of it; `None`: none shows any of it.
        disturbance: what there is to detect.
    """

    road_name: str
    travel_miles: float
    start_minutes: float
    lanes_blocked: int
    lane_count: int
    excess: float
    shape: DisturbanceShape
    lowest_mph: float | None = None
    disturbance: Disturbance | None = None

    @property
    def queues(self) -> bool:
        """Whether more wanted to pass than could."""
        return self.excess > 0


def draw_incidents(
    scene: Roadside,
    measures: Measures,
    first_day: int,
    count: int,
    seed: int,
    kinds: tuple[DisturbanceShape, ...] = KINDS,
) -> list[Injected]:
    """Draw incidents of the days from `first_day` on, in order of time.

    Raises:
        ValueError: they do not fit into the days.
    """
    chance = np.random.default_rng(seed)
    capacity = _capacity(measures)
    road, drawn = scene.road, list[Injected]()
    last = len(scene.speed_mph) * scene.window_minutes - APART_MINUTES
    for _ in range(MAX_TRIES):
        if len(drawn) == count:
            break
        ahead = int(chance.integers(len(road.sensors) - 1))
        minute = float(np.round(chance.uniform(first_day * 24 * 60, last)))
        place = chance.uniform()
        blocked = int(chance.choice(LANES_BLOCKED))
        if road.road[ahead] != road.road[ahead + 1]:
            continue
        lanes = int(np.clip(road.sensors[ahead].lane_count or DEFAULT_LANES, min(CAPACITY_LEFT), max(CAPACITY_LEFT)))
        one = Injected(
            road_name=road.road_names[road.road[ahead]],
            travel_miles=float(road.miles[ahead] + place * (road.miles[ahead + 1] - road.miles[ahead])),
            start_minutes=minute,
            lanes_blocked=min(blocked, lanes - 1),
            lane_count=lanes,
            excess=0.0,
            shape=PASSING_SHAPE,
        )
        window = int(minute // scene.window_minutes)
        hour = slice(window, window + scene.windows_in(60))
        # What nobody measures nobody can detect.
        if np.isfinite(scene.speed_mph[hour, ahead]).all() and all(_apart(one, other) for other in drawn):
            demand = _demand(measures, capacity, window, ahead)
            drawn.append(replace(one, excess=demand - CAPACITY_LEFT[lanes][one.lanes_blocked]))
    if len(drawn) < count:
        raise ValueError(
            f"{count} incidents do not fit into {len(measures.weekend) - first_day} days: {len(drawn)} did"
        )
    return sorted(_shaped(drawn, kinds, chance), key=lambda one: one.start_minutes)


def inject(scene: Roadside, measures: Measures, drawn: list[Injected]) -> tuple[Measures, list[Injected]]:
    """Recorded days with incidents put in, and these with what there is to detect of each.

    Where traffic is slower than the incident makes it, it stays as it is. While lanes are blocked no more vehicles pass
    than the others take, upstream and downstream; occupancy goes by vehicles over speed.
    """
    speed, volume, occupancy = measures.speed_mph.copy(), measures.volume.copy(), measures.occupancy.copy()
    capacity, told = _capacity(measures), list[Injected]()
    for one in drawn:
        shape, lowest = one.shape, float("nan")
        minutes = shape.fall_minutes + shape.hold_minutes + shape.recovery_minutes
        first = int(one.start_minutes // scene.window_minutes)
        rows = slice(first, first + scene.windows_in(minutes) + 1)
        # The mean of a window is about its middle.
        windows = np.arange(len(speed), dtype=np.float64)[rows]
        middle: Floats = (windows + 0.5) * scene.window_minutes - one.start_minutes
        blocked = one.queues & (middle <= shape.fall_minutes + shape.hold_minutes)
        for position in scene.watching(
            one.road_name, one.travel_miles, max(shape.extent_miles, THINNED_MILES), THINNED_MILES
        ):
            share = share_at(shape, middle, one.travel_miles - float(scene.road.miles[position]))
            recorded, usual = measures.speed_mph[rows, position], scene.usual_mph[rows, position]
            # Not `fmin`: what is missing stays missing.
            slowed = np.minimum(recorded, np.fmax(recorded * share, usual * share))
            slowed = np.minimum(slowed, speed[rows, position])
            limit = np.where(blocked, CAPACITY_LEFT[one.lane_count][one.lanes_blocked] * capacity[position], np.inf)
            before = measures.volume[rows, position]
            passing = np.where(np.isnan(limit), before, np.minimum(before, limit))
            fewer = np.where(before > 0, passing / np.maximum(before, 1e-9), 1.0)
            slower = np.where(slowed > 0, recorded / np.maximum(slowed, 1e-9), 1.0)
            occupancy[rows, position] = np.minimum(measures.occupancy[rows, position] * fewer * slower, 1.0)
            speed[rows, position], volume[rows, position] = slowed, passing
            shown = recorded - slowed > CHANGED_MPH
            lowest = float(np.fmin(lowest, slowed[shown].min(initial=np.inf))) if shown.any() else lowest
        watching = scene.watching(one.road_name, one.travel_miles, WATCHED_UPSTREAM_MILES, WATCHED_DOWNSTREAM_MILES)
        disturbance = Disturbance(
            positions=frozenset(watching.tolist()),
            start_minutes=one.start_minutes,
            onset_window=first,
            end_minutes=one.start_minutes + minutes,
            road_name=one.road_name,
            miles=(one.travel_miles,),
        )
        told.append(replace(one, lowest_mph=None if np.isnan(lowest) else lowest, disturbance=disturbance))
    return replace(measures, speed_mph=speed, volume=volume, occupancy=occupancy), told


def _shaped(drawn: list[Injected], kinds: tuple[DisturbanceShape, ...], chance: np.random.Generator) -> list[Injected]:
    queues = [number for number, one in enumerate(drawn) if one.queues]
    hard = np.array([drawn[number].excess for number in queues]) + chance.normal(0, RANK_NOISE, len(queues))
    shaped = list(drawn)
    for rank, at in enumerate(np.argsort(-hard).tolist()):
        number = queues[at]
        shaped[number] = replace(drawn[number], shape=kinds[rank * len(kinds) // len(queues)])
    return shaped


def _capacity(measures: Measures) -> Floats:
    """Vehicles per window that each sensor's road takes, NaN where volumes are not measured."""
    capacity = np.full(measures.volume.shape[1], np.nan)
    for position, volumes in enumerate(measures.volume.T):
        known = volumes[np.isfinite(volumes)]
        if known.size:
            capacity[position] = np.quantile(known, BUSIEST_SHARE)
    return capacity


def _demand(measures: Measures, capacity: Floats, window: int, position: int) -> float:
    passed = measures.volume[window, position] / capacity[position] if capacity[position] > 0 else np.nan
    hour = int(measures.slot[window]) * 24 // measures.per_day
    return float(passed) if np.isfinite(passed) else DEMAND_BY_HOUR[hour]


def _apart(one: Injected, other: Injected) -> bool:
    far = one.road_name != other.road_name or abs(one.travel_miles - other.travel_miles) >= APART_MILES
    return far or abs(one.start_minutes - other.start_minutes) >= APART_MINUTES
