"""Detectors on recorded days with a log of incidents: the first days are to learn from, the rest is judged."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any

import numpy as np

from metrla.lab.incidents.alarms import find_alarms
from metrla.lab.incidents.bootstrap import DrawnDays, Interval
from metrla.lab.incidents.detectors import LIVE, Contender, calibrated, chosen, contenders
from metrla.lab.incidents.durations import DurationReport, judge_durations, logged_spells
from metrla.lab.incidents.live import live_alerts, raised_alarms
from metrla.lab.incidents.measures import Measures
from metrla.lab.incidents.scores import (
    DAY_MINUTES,
    Chance,
    Curve,
    Judged,
    Matching,
    Score,
    chance,
    lead_interval,
    score,
    tally,
    verdicts,
)
from metrla.lab.incidents.shapes import DisturbanceShape, kinds_of
from metrla.lab.incidents.truth import (
    Disturbance,
    LoggedIncident,
    find_truth,
    incident_free,
    moved,
    moved_day,
    scene_of,
)
from shared.alerts.detection.protocol import watch
from shared.events.errors import ConfigurationError
from shared.traffic.arrays import Floats

MIN_DAYS = 4
BUDGETS = (1.0, 5.0)
"""False alarms per 100 sensor-days at which detectors are compared."""
SHIFTS = 14
"""By so many days, one after the other, the log is moved at most."""

StudyProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, eq=False)
class Rival:
    """A published detector: its curve, and the level that has no more false alarms than the service.

    `lead_interval` is of how much more of the disturbances the service detects than that level.
    """

    curve: Curve
    level: int | None
    found: Matching | None
    lead_interval: Interval


@dataclass(frozen=True, slots=True, eq=False)
class Shipped:
    """The service as it ships: its alerts on the days that count, what they are worth, and what chance gives."""

    score: Score
    chance: Chance
    found: Matching


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """All that was found; `shipped` is `None` where the service was not asked for."""

    judged: Judged
    shipped: Shipped | None
    rivals: tuple[Rival, ...]
    durations: DurationReport | None


def compare(
    measures: Measures,
    log: Sequence[LoggedIncident],
    tuning_days: int,
    only: Iterable[str] = (),
    half_miles: Floats | None = None,
    on_progress: StudyProgress = lambda *_: None,
) -> Comparison:
    """Judge the service and the published detectors by the definition in docs/alerts.md.

    Args:
        measures: what was recorded, imputed values included.
        log: what happened.
        tuning_days: days at the beginning to learn and to calibrate on; the others count.
        only: names of detectors; all where there are none.
        half_miles: (sensors,) in road order, half the length of the section that each measures; `None`: of none.
        on_progress: told of each detector how much of how much is done.

    Raises:
        ConfigurationError: too few days, or a name that no detector has.
    """
    judged = judged_days(measures, log, tuning_days, half_miles)
    training = tuning_days * measures.per_day
    names = set(only)
    line_up = chosen(contenders(measures.observed(), training), names - {LIVE}) if names != {LIVE} else []
    drawn = DrawnDays(judged.days)
    shipped = None
    if not names or LIVE in names:
        alarms = raised_alarms(measures, live_alerts(measures, on_window=lambda *done: on_progress(LIVE, *done)))
        found = tally(judged, alarms)
        shipped = Shipped(score(judged, found, drawn), chance(judged, alarms, *_shifts(judged, measures), drawn), found)
    rivals = []
    for contender in line_up:
        on_progress(contender.name, 0, 1)
        rivals.append(_rival(contender, measures.observed(), judged, training, shipped, drawn))
        on_progress(contender.name, 1, 1)
    test = training * measures.window_minutes
    return Comparison(judged, shipped, tuple(rivals), judge_durations(logged_spells(log), test))


def judged_days(
    measures: Measures, log: Sequence[LoggedIncident], tuning_days: int, half_miles: Floats | None = None
) -> Judged:
    """The truth of recorded days, of which the first `tuning_days` do not count; see `compare`."""
    days = len(measures.weekend)
    last = 1 + max((int(row.start_minutes // DAY_MINUTES) for row in log), default=days - 1)
    last = min(last, days)
    if not 1 < tuning_days < last or days < MIN_DAYS:
        raise ConfigurationError(
            f"{tuning_days} of {days} days to tune on, and the log ends on day {last}: leave some to judge on"
        )
    scene = scene_of(measures, half_miles)
    return Judged(scene, tuple(log), find_truth(scene, log), tuning_days, last)


def _shifts(judged: Judged, measures: Measures) -> tuple[list[Any], list[list[Disturbance]]]:
    """The truths of the log moved by whole days, and the disturbances moved so."""
    span = measures.weekend, judged.first_day, judged.last_day
    window = judged.scene.window_minutes
    truths, disturbances = [], []
    for by in range(1, min(SHIFTS, judged.days - 1) + 1):
        truths.append(find_truth(judged.scene, moved(judged.log, by, *span)))
        shifted = []
        for one in judged.disturbances:
            day = judged.day(one.onset_window) + judged.first_day
            ahead = (moved_day(day, by, *span) - day) * DAY_MINUTES
            shifted.append(replace(one, onset_window=one.onset_window + round(ahead / window)))
        disturbances.append(shifted)
    return truths, disturbances


def _rival(
    contender: Contender,
    measures: Measures,
    judged: Judged,
    training: int,
    shipped: Shipped | None,
    drawn: DrawnDays,
) -> Rival:
    observations = list(measures.observations())
    calm = incident_free(judged.scene, judged.log)[:training]
    alarming = watch(calibrated(contender, measures, observations[:training], calm), observations)
    tallies = [tally(judged, find_alarms(measures.road, alarming[:, level])) for level in range(alarming.shape[1])]
    scores = tuple(score(judged, one, drawn) for one in tallies)
    curve = Curve(contender.name, tuple(float(limit) for limit in contender.thresholds), scores)
    rate = BUDGETS[0] if shipped is None else shipped.score.false_alarms_per_100_sensor_days
    level = curve.at_false_alarms(rate)
    found = None if level is None else tallies[level]
    lead = None if found is None or shipped is None else lead_interval(judged, shipped.found, found, drawn)
    return Rival(curve, level, found, lead)


def comparison_json(comparison: Comparison, measures: Measures) -> dict[str, Any]:
    """All figures, and every alarm, disturbance and match, as JSON."""
    judged, shipped = comparison.judged, comparison.shipped
    truth = judged.truth
    figures: dict[str, Any] = {}
    if shipped is not None:
        figures["shipped"] = {
            **asdict(shipped.score),
            **asdict(shipped.chance),
            "verdicts": dict(Counter(verdicts(judged, shipped.found))),
        }
    figures |= {
        "days": len(measures.weekend),
        "first_scored_day": _date(measures, judged.first_day),
        "last_scored_day": _date(measures, judged.last_day - 1),
        "sensors": len(measures.road.sensors),
        "sensor_days": float(judged.sensor_days().sum()),
        "log": {
            "rows": len(judged.log),
            "watched": truth.rows,
            "felt": truth.rows_felt,
            "disturbances": len(truth.disturbances),
            "derived_disturbances": len(truth.derived),
            "disturbances_scored": len(judged.disturbances),
        },
        "disturbances": [_disturbance_json(measures, one) for one in judged.disturbances],
        "alarms": {name: _alarms_json(judged, measures, found) for name, found in _tallies(comparison)},
        "detectors": {
            rival.curve.name: {
                "at_no_more_false_alarms_than_shipped": rival.level,
                "lead_of_shipped_interval": rival.lead_interval,
                "levels": [
                    {"threshold": threshold, **asdict(one)}
                    for threshold, one in zip(rival.curve.thresholds, rival.curve.scores, strict=True)
                ],
            }
            for rival in comparison.rivals
        },
        "kinds_of_disturbances_to_learn_from": [asdict(kind) for kind in _kinds(judged)],
        "durations": None if comparison.durations is None else asdict(comparison.durations),
    }
    return figures


def _kinds(judged: Judged) -> tuple[DisturbanceShape, ...]:
    """How the disturbances of the days that do not count look: what injected ones are drawn from."""
    return kinds_of(judged.scene, [one for one in judged.truth.disturbances if judged.day(one.onset_window) < 0])


def _tallies(comparison: Comparison) -> list[tuple[str, Matching]]:
    shipped = [] if comparison.shipped is None else [(LIVE, comparison.shipped.found)]
    return shipped + [(rival.curve.name, rival.found) for rival in comparison.rivals if rival.found is not None]


def _alarms_json(judged: Judged, measures: Measures, found: Matching) -> list[dict[str, Any]]:
    return [
        {
            "raised_at": measures.window_end(alarm.window).isoformat(),
            "sensors": [measures.road.sensors[position].sensor_id for position in alarm.positions],
            "verdict": verdict,
            "disturbances": np.flatnonzero(matched).tolist(),
        }
        for alarm, verdict, matched in zip(found.alarms, verdicts(judged, found), found.matches, strict=True)
    ]


def _disturbance_json(measures: Measures, one: Disturbance) -> dict[str, Any]:
    minute = timedelta(minutes=1)
    return {
        "carriageway": one.road_name,
        "travel_miles": list(one.miles),
        "logged_at": (measures.start + one.start_minutes * minute).isoformat(),
        "onset": (measures.start + one.onset_window * measures.window_minutes * minute).isoformat(),
        "end": (measures.start + one.end_minutes * minute).isoformat(),
        "rows": list(one.rows),
        "sensors": [measures.road.sensors[position].sensor_id for position in sorted(one.positions)],
    }


def _date(measures: Measures, day: int) -> str:
    return (measures.start + timedelta(days=day)).date().isoformat()
