"""Where traffic queues: the bottleneck rule of PeMS, and the queues that it finds. Pure.

Chen, Skabardonis and Varaiya, 'Systematic identification of freeway bottlenecks', Transportation Research Record 1867
(2004): between an upstream and a downstream detector less than 3 miles apart there is an active bottleneck when the
upstream speed is below 40 mph, the downstream one is at least 20 mph higher, and the speed rises from each detector
between them to the next. PeMS asks that this holds in 5 of 7 consecutive five-minute points, and takes for the extent
of the queue the detectors upstream whose speed is below 40 mph. It words the drop as one against the detector upstream.
Both ends of a queue show such a step, so a sensor gives evidence here when traffic is that much faster beyond it in
either direction: at the head it names the bottleneck, at the tail it still shows a queue whose head no sensor sees.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from shared.alerts.congestion.reference import (
    CRAWL_MPH,
    bounded_free_flow,
    mean_where_known,
    reference_mph,
    usual_share,
)
from shared.events.records import SensorId
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.network import Sensor
from shared.traffic.roadway import Roadway
from shared.traffic.usual.speeds import UsualSpeeds

FLOWING_SHARE = 0.85
"""From this share of free flow on traffic flows, whatever it did in single windows; see `flowing_sensors`."""
FLOWING_MINUTES = 15.0


@dataclass(frozen=True, slots=True)
class CongestionRule:
    """The thresholds; the defaults are those of PeMS, but for the last seven, which keep queues whole and steady.

    A sensor joins a queue when it was slow in `join_points` of its `recent_points` newest points, and leaves it when
    none of its `leave_points` newest observed speeds is below `leave_mph`, or when its mean speed over
    `FLOWING_MINUTES` is `FLOWING_SHARE` of free flow. Slow stretches no more than `gap_miles` apart are one queue:
    stop-and-go traffic is not a row of bottlenecks. Queues no more than `joined_miles` apart are one alert from the
    beginning, for they mostly grow together; between that and `waiting_miles` from an active alert one has to show
    in all points before it raises another.
    """

    slow_mph: float = 40.0
    drop_mph: float = 20.0
    within_miles: float = 3.0
    points: int = 7
    required_points: int = 5
    recent_points: int = 3
    join_points: int = 2
    leave_points: int = 4
    leave_mph: float = 45.0
    gap_miles: float = 1.5
    joined_miles: float = 3.0
    waiting_miles: float = 5.0


@dataclass(frozen=True, slots=True)
class Queue:
    """One stretch of slow traffic. `detected`: the rule holds at one of its sensors, at least.

    `sensors` are in road order, upstream first; the last one is the `head`, where traffic begins to flow again.
    `drop_mph` is how much faster traffic is beyond its sharpest end, 0 where no evidence shows. `evidence` (0-1) is the
    greatest share of points, each weighted by the share of it that was observed, in which the rule held at one sensor,
    the `witness`. `free_flow_mph` is the mean of what is known of it, within `REFERENCE_MPH`; `None` where nothing is.
    `usual_share` (0-1) is the share of its length where such slow traffic is usual, `None` where that is known of less
    than half of it. `parts` counts stretches that lie further apart than `gap_miles`; it is `lasting` where the rule
    held somewhere on it, or a sensor of it was silent, in all points.
    """

    road_name: str
    sensors: tuple[Sensor, ...]
    detected: bool
    extent_miles: float
    mean_speed_mph: float
    delay_minutes: float
    drop_mph: float
    lanes: float | None
    evidence: float
    witness: Sensor | None = None
    free_flow_mph: float | None = None
    usual_share: float | None = None
    parts: int = 1
    lasting: bool = True

    @property
    def head(self) -> Sensor:
        """The sensor furthest downstream."""
        return self.sensors[-1]

    @property
    def sensor_ids(self) -> tuple[SensorId, ...]:
        """Ids of the sensors, upstream first."""
        return tuple(sensor.sensor_id for sensor in self.sensors)


def find_queues(
    road: Roadway,
    speed_mph: Floats,
    share_observed: Floats,
    members: Flags,
    rule: CongestionRule,
    usual: UsualSpeeds | None = None,
) -> list[Queue]:
    """The queues of a network at its newest point, in road order.

    Args:
        road: the layout of the network.
        speed_mph: (points, sensors) mean speeds, oldest point first, sensors in the layout's order, NaN where missing.
            As many points as there are; `rule.points` are needed, and `flowing_points` where those are more.
        share_observed: (points, sensors) part of each point that was observed, 0-1, NaN where it did not come.
        members: (sensors,) which belong to an active alert and so leave their queue later than others join one.
        rule: the thresholds.
        usual: what is usual at each sensor, as far as it is known.

    Returns:
        Queues that are detected or hold a member; a slow stretch that is neither is nobody's business yet.
    """
    speed, share = speed_mph[-rule.points :], share_observed[-rule.points :]
    drops = speed_drops(road, speed, rule)
    evident = drops >= rule.drop_mph
    detected = evident.sum(axis=0) >= rule.required_points
    weight = (evident * np.nan_to_num(share)).sum(axis=0) / rule.points
    steps = np.where(evident, drops, 0.0).sum(axis=0) / np.maximum(evident.sum(axis=0), 1)
    usual = usual or UsualSpeeds.unknown(len(road.sensors))
    recent = _recent_mean(speed_mph, flowing_points(road.network.window))
    free_flow = bounded_free_flow(usual.free_flow_mph)
    slow = slow_sensors(speed, members, rule) & ~flowing_sensors(recent, free_flow)
    reference = reference_mph(usual.free_flow_mph)
    queues = []
    for stretch in stretches(road, slow, np.isfinite(recent), rule, max(rule.gap_miles, rule.joined_miles)):
        if detected[stretch].any() or members[stretch].any():
            sensors = tuple(road.sensors[position] for position in stretch)
            miles, here = road.length_miles[stretch], recent[stretch]
            lanes = [sensor.lane_count for sensor in sensors if sensor.lane_count is not None]
            hours = miles / np.maximum(here, CRAWL_MPH) - miles / reference[stretch]
            queues.append(
                Queue(
                    road_name=sensors[0].road_name,
                    sensors=sensors,
                    detected=bool(detected[stretch].any()),
                    extent_miles=float(miles.sum()),
                    mean_speed_mph=float(np.average(here, weights=miles + np.finfo(float).eps)),
                    delay_minutes=float(60 * np.maximum(hours, 0.0).sum()),
                    drop_mph=float(steps[stretch].max()),
                    lanes=sum(lanes) / len(lanes) if lanes else None,
                    evidence=float(weight[stretch].max()),
                    witness=sensors[int(np.lexsort((steps[stretch], weight[stretch]))[-1])],
                    free_flow_mph=mean_where_known(free_flow[stretch], miles),
                    usual_share=usual_share(usual.usual_mph[stretch], miles, rule.leave_mph),
                    parts=1 + int((np.diff(road.miles[stretch]) > rule.gap_miles).sum()),
                    lasting=bool((evident | ~np.isfinite(speed))[:, stretch].any(axis=1).all()),
                )
            )
    return queues


def speed_drops(road: Roadway, speed_mph: Floats, rule: CongestionRule) -> Floats:
    """How many mph slower each sensor is than the end of the rise of speed on its faster side: (points, sensors).

    The rise goes from sensor to sensor, away from this one, as long as speed does not fall and for `within_miles` at
    most. Sensors that miss a point are passed over. 0 for a sensor that is itself missing or not slow.
    """
    drops = np.zeros_like(speed_mph)
    slow = speed_mph < rule.slow_mph
    candidates = np.flatnonzero(slow.any(axis=0))
    if candidates.size:
        here = speed_mph[:, candidates]
        beyond = np.maximum(*(_rise(road, speed_mph, candidates, way, rule.within_miles) for way in (-1, 1)))
        drops[:, candidates] = np.where(slow[:, candidates], beyond - here, 0.0)
    return drops


def slow_sensors(speed_mph: Floats, members: Flags, rule: CongestionRule) -> Flags:
    """Which sensors see slow traffic now: (sensors,). Missing points speak neither for it nor against it."""
    joins = (speed_mph[-rule.recent_points :] < rule.slow_mph).sum(axis=0) >= rule.join_points
    stays = ((speed_mph < rule.leave_mph) & _newest_observed(speed_mph, rule.leave_points)).any(axis=0)
    flags: Flags = joins | (members & stays)
    return flags


def flowing_points(window: timedelta) -> int:
    """How many windows make `FLOWING_MINUTES`, one at least."""
    return max(1, round(timedelta(minutes=FLOWING_MINUTES) / window))


def flowing_sensors(recent_mph: Floats, free_flow_mph: Floats) -> Flags:
    """Where traffic flows again: (sensors,), by mean speeds over `FLOWING_MINUTES` and free flow, NaN where unknown.

    PeMS lets a queue be where speed is below 40 mph, and the rule keeps a sensor in it until it has stayed above 45.
    One slow window in four kept it there at 93 % of free flow; the mean of a quarter of an hour does not. Where free
    flow is not known yet, the rule of 45 mph decides alone.
    """
    flags: Flags = recent_mph >= FLOWING_SHARE * free_flow_mph
    return flags


def heard_sensors(speed_mph: Floats) -> Flags:
    """Which sensors have told a speed at any of these points: (sensors,)."""
    flags: Flags = np.asarray(np.isfinite(speed_mph).any(axis=0))
    return flags


def _rise(road: Roadway, speed_mph: Floats, candidates: Integers, way: int, within_miles: float) -> Floats:
    peak = speed_mph[:, candidates].copy()
    rising = np.isfinite(peak)
    for hops in range(1, len(road.sensors)):
        there = candidates + way * hops
        inside = (there >= 0) & (there < len(road.sensors))
        there = np.where(inside, there, candidates)
        miles = np.abs(road.miles[there] - road.miles[candidates])
        inside &= (road.road[there] == road.road[candidates]) & (miles <= within_miles)
        if not inside.any():
            break
        speed = np.where(inside & (miles > 0), speed_mph[:, there], np.nan)
        rising &= ~(speed < peak)
        peak = np.where(rising & (speed > peak), speed, peak)
    return peak


def stretches(
    road: Roadway, slow: Flags, observed: Flags, rule: CongestionRule, gap_miles: float | None = None
) -> Iterator[Integers]:
    """Positions of the sensors in one stretch of slow traffic, stretch after stretch in road order.

    Args:
        road: the layout of the network.
        slow: (sensors,) which see slow traffic.
        observed: (sensors,) which tell anything.
        rule: the thresholds.
        gap_miles: what parts them, by default that of the rule.
    """
    gap_miles = rule.gap_miles if gap_miles is None else gap_miles
    at = np.flatnonzero(slow)
    if not at.size:
        return
    free = np.cumsum(observed & ~slow)
    gaps = np.diff(road.miles[at])
    unseen_between = np.diff(free[at]) == 0
    joined = (np.diff(road.road[at]) == 0) & ((gaps <= gap_miles) | (unseen_between & (gaps <= rule.within_miles)))
    yield from np.split(at, np.flatnonzero(~joined) + 1)


def _newest_observed(speed_mph: Floats, count: int) -> Flags:
    observed = np.isfinite(speed_mph)
    flags: Flags = observed & (np.cumsum(observed[::-1], axis=0)[::-1] <= count)
    return flags


def _recent_mean(speed_mph: Floats, count: int) -> Floats:
    newest = _newest_observed(speed_mph, count)
    points = newest.sum(axis=0)
    total = np.where(newest, speed_mph, 0.0).sum(axis=0)
    mean: Floats = np.where(points > 0, total / np.maximum(points, 1), np.nan)
    return mean
