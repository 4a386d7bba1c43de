"""A study of detectors on recorded days with a log of incidents: tuned on the first days, judged on the rest."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from metrla.lab.incidents.alarms import find_alarms
from metrla.lab.incidents.detectors import Contender, calibrated, chosen, contenders
from metrla.lab.incidents.durations import DurationReport, judge_durations, logged_spells
from metrla.lab.incidents.measures import Measures
from metrla.lab.incidents.scores import Curve, Score, equal_detection, equal_false_alarms, judge_alarms, operating_level
from metrla.lab.incidents.truth import LoggedIncident, Truth, find_truth, usual_speeds
from shared.alerts.detection.protocol import watch
from shared.events.errors import ConfigurationError

MIN_DAYS = 4
# At which the detectors are compared.
FALSE_ALARMS_PER_DAY = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0)
DETECTION_RATES = (0.2, 0.3, 0.4, 0.5, 0.6)


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """One detector on the tuning days and on the days that count, and the level that the tuning days choose."""

    tuning: Curve
    test: Curve
    level: int

    @property
    def score(self) -> Score:
        """On the days that count, at that level."""
        return self.test.scores[self.level]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All detectors, the truth, and how many disturbances lie in the days that count."""

    results: tuple[Result, ...]
    truth: Truth
    tuning_days: int
    days: int
    disturbances: int
    durations: DurationReport | None


def compare(
    measures: Measures,
    log: Sequence[LoggedIncident],
    tuning_days: int,
    budget_per_day: float,
    only: Iterable[str] = (),
    on_detector: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Evaluate the detectors by the definition in docs/alerts.md.

    Args:
        measures: what was recorded.
        log: what happened.
        tuning_days: days at the beginning to calibrate on; the others count.
        budget_per_day: false alarms per day, of all stations, that the operating level may cost on the tuning days.
        only: names of detectors; all where there are none.
        on_detector: told the name of each detector before its turn.

    Raises:
        ConfigurationError: too few days, or a name that no detector has.
    """
    days = len(measures.weekend)
    if not 1 < tuning_days < days or days < MIN_DAYS:
        raise ConfigurationError(f"{tuning_days} of {days} days to tune on: leave some to judge on")
    measures = measures.observed()
    usual = usual_speeds(measures.speed_mph, measures.day, measures.slot, measures.weekend)
    truth = find_truth(measures.road, log, measures.speed_mph, usual, measures.window_minutes)
    training = tuning_days * measures.per_day
    results = []
    for contender in chosen(contenders(measures, training), only):
        on_detector(contender.name)
        results.append(_result(contender, measures, truth, training, budget_per_day))
    test = training * measures.window_minutes
    return Comparison(
        tuple(results),
        truth,
        tuning_days,
        days,
        sum(one.start_minutes >= test for one in truth.disturbances),
        judge_durations(logged_spells(log), test),
    )


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """All figures, as JSON."""
    curves = [result.test for result in comparison.results]
    return {
        "days": comparison.days,
        "tuning_days": comparison.tuning_days,
        "logged_incidents": comparison.truth.rows,
        "felt_incidents": comparison.truth.rows_felt,
        "disturbances": len(comparison.truth.disturbances),
        "disturbances_in_test": comparison.disturbances,
        "durations": None if comparison.durations is None else asdict(comparison.durations),
        "detectors": {
            result.test.name: {
                "operating_threshold": result.test.thresholds[result.level],
                "operating_point": _score(result.score),
                "tuning": _curve(result.tuning),
                "test": _curve(result.test),
            }
            for result in comparison.results
        },
        "detection_rate_at_false_alarms_per_day": {
            "false_alarms_per_day": FALSE_ALARMS_PER_DAY,
            **equal_false_alarms(curves, FALSE_ALARMS_PER_DAY),
        },
        "false_alarms_per_day_at_detection_rate": {
            "detection_rate": DETECTION_RATES,
            **equal_detection(curves, DETECTION_RATES),
        },
    }


def _result(contender: Contender, measures: Measures, truth: Truth, training: int, budget_per_day: float) -> Result:
    observations = list(measures.observations())
    detector = calibrated(contender, measures, observations[:training], truth.incident_free[:training])
    alarming = watch(detector, observations)
    stations, minutes = len(measures.road.sensors), measures.window_minutes
    parts: tuple[list[Score], list[Score]] = ([], [])
    for level in range(alarming.shape[1]):
        alarms = find_alarms(measures.road, alarming[:, level])
        for part, (begin, end) in zip(parts, ((0, training), (training, len(alarming))), strict=True):
            part.append(judge_alarms(alarms, truth, begin, end, minutes, stations))
    levels = tuple(float(threshold) for threshold in contender.thresholds)
    tuning, test = (Curve(detector.name, levels, tuple(part)) for part in parts)
    return Result(tuning, test, operating_level(tuning, budget_per_day))


def _curve(curve: Curve) -> list[dict[str, Any]]:
    return [
        {"threshold": threshold} | _score(score)
        for threshold, score in zip(curve.thresholds, curve.scores, strict=True)
    ]


def _score(score: Score) -> dict[str, Any]:
    return asdict(score) | {
        "detection_rate": score.detection_rate,
        "false_alarms_per_station_hour": score.false_alarms_per_station_hour,
    }
