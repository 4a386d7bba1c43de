"""A study of detectors on recorded days into which incidents were injected: the truth is known, and its size."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from metrla.lab.incidents.alarms import Alarm, find_alarms
from metrla.lab.incidents.detectors import LIVE, Contender, calibrated, chosen, contenders
from metrla.lab.incidents.injection import Injected, disturbance_of, draw_incidents, inject
from metrla.lab.incidents.live import live_alerts, raised_alarms
from metrla.lab.incidents.measures import Measures
from metrla.lab.incidents.scores import LATEST_MINUTES, detects
from metrla.lab.incidents.truth import WATCHED_DOWNSTREAM_MILES, WATCHED_UPSTREAM_MILES, Disturbance
from shared.alerts.detection.budget import FALSE_ALARMS_PER_100_SENSOR_DAYS
from shared.alerts.detection.calibration import level_within
from shared.alerts.detection.protocol import watch
from shared.events.errors import ConfigurationError
from shared.traffic.arrays import Flags, Floats

SETTLING_DAYS = 14
CHANGED_MPH = 1.0
AFTERMATH_WINDOWS = 6


@dataclass(frozen=True, slots=True)
class SizeScore:
    """Incidents of one size: how many, how many detected, and how fast (minutes to the end of the window)."""

    lanes_blocked: int
    share_blocked: float
    incidents: int
    detected: int
    median_minutes: float | None
    mean_minutes: float | None


@dataclass(frozen=True, slots=True)
class LevelScore:
    """One detector at one level; false alarms are those that no injected incident has caused."""

    threshold: float
    sizes: tuple[SizeScore, ...]
    half: SizeScore
    alarms: int
    false_alarms: int
    sensor_days: float

    @property
    def false_alarms_per_100_sensor_days(self) -> float:
        """Of the days of all sensors, gaps included."""
        return 100 * self.false_alarms / self.sensor_days


@dataclass(frozen=True, slots=True, eq=False)
class InjectionResult:
    """One detector at all levels, and the level that keeps to the budget on the days before."""

    name: str
    outcomes: tuple[LevelScore, ...]
    level: int


@dataclass(frozen=True, slots=True, eq=False)
class Upset:
    """Measures with incidents injected into the days from window `first` on."""

    measures: Measures
    first: int
    incidents: tuple[tuple[Injected, Disturbance], ...]
    changed: Flags


def upset_days(measures: Measures, before: int, count: int, seed: int) -> Upset:
    """Inject `count` incidents into the days after `before`; raises `ConfigurationError` where they do not fit."""
    network = measures.road.network
    first = before * measures.per_day
    midnight = measures.start + timedelta(days=before)
    start = midnight.replace(tzinfo=network.time_zone).astimezone(UTC)
    days = [
        (midnight + timedelta(days=ahead)).replace(tzinfo=network.time_zone).astimezone(UTC)
        for ahead in range(len(measures.weekend) - before)
    ]
    recorded = np.empty_like(measures.speed_mph[first:])
    recorded[:, measures.road.columns] = measures.speed_mph[first:]
    try:
        drawn = draw_incidents(network, days, count, np.random.default_rng(seed), np.isfinite(recorded), start)
    except ValueError as crowded:
        raise ConfigurationError(str(crowded)) from crowded
    slowed = inject(network, recorded, start, [one.incident for one in drawn], seed)
    speed = measures.speed_mph.copy()
    speed[first:] = slowed[:, measures.road.columns]
    return Upset(
        replace(measures, speed_mph=speed),
        first,
        tuple((one, _disturbance(measures, one, start)) for one in drawn),
        _touched(np.abs(speed[first:] - measures.speed_mph[first:]) > CHANGED_MPH),
    )


def evaluate_injected(
    upset: Upset, budget: float, only: Iterable[str] = (), on_detector: Callable[[str], None] = lambda _: None
) -> list[InjectionResult]:
    """Every detector on the upset days; its level keeps to `budget` false alarms per 100 sensor-days on those before.

    On the days before nobody knows which alarms are true: all count as false.
    """
    results = []
    for contender in chosen(contenders(upset.measures, upset.first), only):
        on_detector(contender.name)
        # A threshold that catches a drop of 15 mph is far too sensitive here.
        severe = replace(contender, thresholds=contender.thresholds[len(contender.thresholds) // 2 :])
        results.append(_evaluate(severe, upset, budget))
    return results


def _evaluate(contender: Contender, upset: Upset, budget: float) -> InjectionResult:
    measures, first = upset.measures.observed(), upset.first
    observations = list(measures.observations())
    calm = np.ones((first, len(measures.road.sensors)), dtype=np.bool_)
    alarming = watch(calibrated(contender, measures, observations[:first], calm), observations)
    alarms = [find_alarms(measures.road, alarming[:, level]) for level in range(alarming.shape[1])]
    return result_of(contender.name, contender.thresholds, alarms, upset, budget)


def result_of(
    name: str, thresholds: Floats, alarms_by_level: Sequence[list[Alarm]], upset: Upset, budget: float
) -> InjectionResult:
    """Judge the alarms of each threshold."""
    measures, first = upset.measures, upset.first
    settled = min(SETTLING_DAYS * measures.per_day, first // 2)
    before_days = (first - settled) / measures.per_day * len(measures.road.sensors)
    outcomes, rates = [], []
    for threshold, alarms in zip(thresholds, alarms_by_level, strict=True):
        rates.append(100 * sum(settled <= alarm.window < first for alarm in alarms) / before_days)
        later = [Alarm(alarm.window - first, alarm.positions) for alarm in alarms if alarm.window >= first]
        outcomes.append(_outcome(later, upset, float(threshold), len(measures.speed_mph) - first))
    return InjectionResult(name, tuple(outcomes), level_within(rates, budget))


def evaluate_live(upset: Upset) -> InjectionResult:
    """The incident alerts of the service on all days: of its own code, with what ships."""
    alarms = raised_alarms(upset.measures, live_alerts(upset.measures))
    return result_of(LIVE, np.array([FALSE_ALARMS_PER_100_SENSOR_DAYS]), [alarms], upset, budget=np.inf)


def injection_json(results: list[InjectionResult]) -> dict[str, Any]:
    """All figures, as JSON."""
    return {
        result.name: {
            "operating_level": result.level,
            "levels": [_level_json(outcome) for outcome in result.outcomes],
        }
        for result in results
    }


def _level_json(outcome: LevelScore) -> dict[str, Any]:
    return asdict(outcome) | {"false_alarms_per_100_sensor_days": outcome.false_alarms_per_100_sensor_days}


def _outcome(alarms: list[Alarm], upset: Upset, threshold: float, windows: int) -> LevelScore:
    measures = upset.measures
    minutes = measures.window_minutes
    times: dict[int, list[float]] = {}
    for number, (_, one) in enumerate(upset.incidents):
        ends = [(alarm.window + 1) * minutes - one.start_minutes for alarm in alarms if detects(alarm, one, minutes)]
        times[number] = [after for after in ends if 0 < after <= LATEST_MINUTES][:1]
    caused = [
        upset.changed[alarm.window, list(alarm.positions)].any()
        or any(detects(alarm, one, minutes) and _after(alarm, one, minutes) for _, one in upset.incidents)
        for alarm in alarms
    ]
    return LevelScore(
        threshold,
        tuple(
            _size(upset, times, lambda one, lanes=lanes: one.incident.lanes_blocked == lanes)  # type: ignore[misc] # bound now
            for lanes in sorted({one.incident.lanes_blocked for one, _ in upset.incidents})
        ),
        _size(upset, times, lambda one: one.blocks_half),
        len(alarms),
        len(alarms) - sum(map(bool, caused)),
        windows / measures.per_day * len(measures.road.sensors),
    )


def _after(alarm: Alarm, one: Disturbance, minutes: float) -> bool:
    return (alarm.window + 1) * minutes > one.start_minutes


def _size(upset: Upset, times: dict[int, list[float]], belongs: Callable[[Injected], bool]) -> SizeScore:
    members = [(number, one) for number, (one, _) in enumerate(upset.incidents) if belongs(one)]
    found = [times[number][0] for number, _ in members if times[number]]
    return SizeScore(
        lanes_blocked=min((one.incident.lanes_blocked for _, one in members), default=0),
        share_blocked=min((one.share_blocked for _, one in members), default=0.0),
        incidents=len(members),
        detected=len(found),
        median_minutes=float(np.median(found)) if found else None,
        mean_minutes=float(np.mean(found)) if found else None,
    )


def _disturbance(measures: Measures, one: Injected, start: datetime) -> Disturbance:
    return disturbance_of(measures.road, one.incident, start, WATCHED_UPSTREAM_MILES, WATCHED_DOWNSTREAM_MILES)


def _touched(changed: Flags) -> Flags:
    """Where a queue was injected, and for half an hour after."""
    touched = changed.copy()
    for shift in range(1, AFTERMATH_WINDOWS + 1):
        touched[shift:] |= changed[:-shift]
    return touched
