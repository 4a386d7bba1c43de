"""Detectors on recorded days into which incidents were injected: a curve by depth and by blocked lanes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np

from metrla.lab.incidents.alarms import Alarm, find_alarms
from metrla.lab.incidents.detectors import LIVE, Contender, calibrated, chosen, contenders
from metrla.lab.incidents.injection import CHANGED_MPH, Injected, draw_incidents, inject
from metrla.lab.incidents.live import live_alerts, raised_alarms
from metrla.lab.incidents.measures import Measures
from metrla.lab.incidents.scores import LATEST_MINUTES, detects
from metrla.lab.incidents.truth import Roadside, scene_of
from shared.alerts.detection.calibration import level_within
from shared.alerts.detection.protocol import watch
from shared.events.errors import ConfigurationError
from shared.traffic.arrays import Flags

SETTLING_DAYS = 14
AFTERMATH_WINDOWS = 6
DEPTHS_MPH = (0.0, 15.0, 25.0, 35.0, 45.0, 90.0)
"""Ends of the classes of the lowest speed that a sensor shows."""
NORMAL_975 = 1.96


@dataclass(frozen=True, slots=True)
class SizeClass:
    """Injected incidents of one class: how many were detected, with a 95 % interval (E. B. Wilson, 1927)."""

    name: str
    incidents: int
    detected: int
    share: float | None
    interval: tuple[float, float] | None
    median_minutes: float | None


@dataclass(frozen=True, slots=True)
class InjectionResult:
    """One detector at the level that keeps to the budget on the days before.

    False alarms are those that no injected incident has caused; `minutes` has one entry for each incident, `None` where
    it was not detected.
    """

    name: str
    by_depth: tuple[SizeClass, ...]
    by_blockage: tuple[SizeClass, ...]
    light_traffic: SizeClass
    alarms: int
    false_alarms_per_100_sensor_days: float
    false_alarms_before_per_100_sensor_days: float
    minutes: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Upset:
    """Measures with incidents injected into the days from window `first` on; `changed` says where, half an hour on."""

    measures: Measures
    scene: Roadside
    first: int
    incidents: tuple[Injected, ...]
    changed: Flags


def upset_days(measures: Measures, before: int, count: int, seed: int) -> Upset:
    """Inject `count` incidents into the days after `before`; raises `ConfigurationError` where they do not fit."""
    if not 1 < before < len(measures.weekend):
        raise ConfigurationError(f"{before} of {len(measures.weekend)} days to tune on: leave some to judge on")
    scene = scene_of(measures)
    try:
        drawn = draw_incidents(scene, measures, before, count, seed)
    except ValueError as crowded:
        raise ConfigurationError(str(crowded)) from crowded
    upset, told = inject(scene, measures, drawn)
    changed = np.abs(upset.speed_mph - measures.speed_mph) > CHANGED_MPH
    return Upset(upset, scene, before * measures.per_day, tuple(told), _touched(changed))


def evaluate_injected(
    upset: Upset, budget: float, only: Iterable[str] = (), on_detector: Callable[[str], None] = lambda _: None
) -> list[InjectionResult]:
    """Every published detector; its level keeps to `budget` false alarms per 100 sensor-days on the days before.

    On the days before nobody knows which alarms are true: all count as false.
    """
    results = []
    for contender in chosen(contenders(upset.measures.observed(), upset.first), only):
        results.append(_evaluate(contender, upset, budget))
        on_detector(contender.name)
    return results


def evaluate_live(upset: Upset, on_window: Callable[[int, int], None] | None = None) -> InjectionResult:
    """The incident alerts of the service on all days: of its own code, with what ships."""
    return result_of(LIVE, raised_alarms(upset.measures, live_alerts(upset.measures, on_window=on_window)), upset)


def _evaluate(contender: Contender, upset: Upset, budget: float) -> InjectionResult:
    measures, first = upset.measures.observed(), upset.first
    observations = list(measures.observations())
    calm = np.ones((first, len(measures.road.sensors)), dtype=np.bool_)
    alarming = watch(calibrated(contender, measures, observations[:first], calm), observations)
    alarms = [find_alarms(measures.road, alarming[:, level]) for level in range(alarming.shape[1])]
    level = level_within([_rate_before(one, upset) for one in alarms], budget)
    return result_of(contender.name, alarms[level], upset)


def result_of(name: str, alarms: Sequence[Alarm], upset: Upset) -> InjectionResult:
    """Judge alarms."""
    window_minutes = upset.measures.window_minutes
    minutes = [_minutes(one, alarms, window_minutes) for one in upset.incidents]
    later = [alarm for alarm in alarms if alarm.window >= upset.first]
    disturbances = [one.disturbance for one in upset.incidents if one.disturbance is not None]
    wrong = [
        alarm
        for alarm in later
        if not upset.changed[alarm.window, list(alarm.positions)].any()
        and not any(
            detects(alarm, one, window_minutes) and _after(alarm, one.start_minutes, window_minutes)
            for one in disturbances
        )
    ]

    def group(title: str, belongs: Callable[[Injected], bool]) -> SizeClass:
        return _group(title, [told for one, told in zip(upset.incidents, minutes, strict=True) if belongs(one)])

    return InjectionResult(
        name=name,
        by_depth=tuple(
            group(f"{low:g} to {high:g} mph", lambda one, low=low, high=high: _falls(one, low, high))  # type: ignore[misc] # bound now
            for low, high in pairwise(DEPTHS_MPH)
        ),
        by_blockage=tuple(
            group(
                f"{blocked} of {lanes} lanes" if blocked else "shoulder",
                lambda one, blocked=blocked, lanes=lanes: (
                    one.queues  # type: ignore[misc] # bound now
                    and one.lanes_blocked == blocked
                    and (one.lane_count == lanes or not blocked)
                ),
            )
            for blocked, lanes in sorted(
                {
                    (one.lanes_blocked, one.lane_count if one.lanes_blocked else 0)
                    for one in upset.incidents
                    if one.queues
                },
                key=_share_blocked,
            )
        ),
        light_traffic=group("light traffic", lambda one: not one.queues),
        alarms=len(later),
        false_alarms_per_100_sensor_days=100 * len(wrong) / _sensor_days(upset, upset.first, len(upset.changed)),
        false_alarms_before_per_100_sensor_days=_rate_before(alarms, upset),
        minutes=tuple(minutes),
    )


def injection_json(results: Sequence[InjectionResult], upset: Upset) -> dict[str, Any]:
    """All figures, and every incident, as JSON."""
    return {
        "incidents": [
            {
                "carriageway": one.road_name,
                "travel_miles": one.travel_miles,
                "start_minutes": one.start_minutes,
                "lanes_blocked": one.lanes_blocked,
                "lane_count": one.lane_count,
                "excess_demand": one.excess,
                "lowest_mph": one.lowest_mph,
                "shape": asdict(one.shape),
            }
            for one in upset.incidents
        ],
        "detectors": {result.name: asdict(result) for result in results},
    }


def _falls(one: Injected, low: float, high: float) -> bool:
    return one.queues and one.lowest_mph is not None and low <= one.lowest_mph < high


def _share_blocked(lanes: tuple[int, int]) -> tuple[float, int]:
    blocked, count = lanes
    return (blocked / count if blocked else 0.0), count


def _minutes(one: Injected, alarms: Sequence[Alarm], window_minutes: float) -> float | None:
    """From the beginning to the first detection after it; before it nothing was there to detect."""
    if one.disturbance is None:
        return None
    for alarm in alarms:
        after = (alarm.window + 1) * window_minutes - one.start_minutes
        if 0 < after <= LATEST_MINUTES and detects(alarm, one.disturbance, window_minutes):
            return after
    return None


def _after(alarm: Alarm, start_minutes: float, window_minutes: float) -> bool:
    return (alarm.window + 1) * window_minutes > start_minutes


def _group(name: str, minutes: Sequence[float | None]) -> SizeClass:
    found = [told for told in minutes if told is not None]
    count = len(minutes)
    return SizeClass(
        name=name,
        incidents=count,
        detected=len(found),
        share=len(found) / count if count else None,
        interval=wilson(len(found), count) if count else None,
        median_minutes=float(np.median(found)) if found else None,
    )


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share: E. B. Wilson, Journal of the American Statistical Association 22, 1927."""
    share, z = hits / count, NORMAL_975
    middle = share + z * z / (2 * count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # At no hit the difference is nothing but rounding.
    return max(0.0, (middle - half) / (1 + z * z / count)) if hits else 0.0, min(
        1.0, (middle + half) / (1 + z * z / count)
    )


def _rate_before(alarms: Sequence[Alarm], upset: Upset) -> float:
    settled = min(SETTLING_DAYS * upset.measures.per_day, upset.first // 2)
    count = sum(settled <= alarm.window < upset.first for alarm in alarms)
    return 100 * count / _sensor_days(upset, settled, upset.first)


def _sensor_days(upset: Upset, first: int, last: int) -> float:
    return max(float(np.isfinite(upset.scene.speed_mph[first:last]).sum()) / upset.measures.per_day, 1e-9)


def _touched(changed: Flags) -> Flags:
    """Where a queue was injected, and for half an hour after."""
    touched = changed.copy()
    for shift in range(1, AFTERMATH_WINDOWS + 1):
        touched[shift:] |= changed[:-shift]
    return touched
