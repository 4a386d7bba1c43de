"""Results of an evaluation for people and for programs."""

from dataclasses import asdict
from typing import Any

from rich.table import Table

from metrla.lab.incidents.comparing import Comparison
from metrla.lab.incidents.curves import Curve, equal_detection, equal_false_alarms
from metrla.lab.incidents.durations import DurationReport
from metrla.lab.incidents.injecting import InjectionResult, Outcome, Size
from metrla.lab.incidents.line_up import OURS
from metrla.lab.incidents.metrics import Score

FALSE_ALARMS_PER_DAY = (1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 15.0)
DETECTION_RATES = (0.2, 0.3, 0.4, 0.5, 0.6)


def comparison_table(comparison: Comparison) -> Table:
    """Every detector at the level chosen on the tuning days, with our best one at no more false alarms."""
    rows = comparison.truth
    table = Table(
        title=f"Last {comparison.days - comparison.tuning_days} of {comparison.days} days: "
        f"{comparison.disturbances} disturbances",
        caption=f"{rows.rows} logged incidents with a station near, {rows.rows_felt} felt, "
        f"{len(rows.disturbances)} disturbances in all",
    )
    table.add_column("detector", no_wrap=True)
    headings = (
        "detected",
        "false alarms/day",
        "per station-hour",
        "mean min",
        "median min",
        "from onset",
        f"{OURS} there",
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    ours = next((result.test for result in comparison.results if result.test.name == OURS), None)
    for result in comparison.results:
        score = result.score
        table.add_row(
            result.test.name,
            f"{100 * score.detection_rate:.0f} %",
            f"{score.false_alarms_per_day:.2f}",
            f"{score.false_alarms_per_station_hour:.5f}",
            *(_number(minutes) for minutes in (score.mean_minutes, score.median_minutes)),
            _number(score.median_minutes_from_onset),
            _percent(ours, score.false_alarms_per_day),
        )
    return table


def equal_rates_table(comparison: Comparison) -> Table:
    """Detection rates at equal false-alarm rates, and false alarms at equal detection rates."""
    curves = [result.test for result in comparison.results]
    table = Table(title="Detected (%) at up to so many false alarms per day; false alarms per day at so much detected")
    table.add_column("detector", no_wrap=True)
    for rate in FALSE_ALARMS_PER_DAY:
        table.add_column(f"{rate:g}/day", justify="right")
    for share in DETECTION_RATES:
        table.add_column(f"{100 * share:.0f} %", justify="right")
    detected = equal_false_alarms(curves, FALSE_ALARMS_PER_DAY)
    wrong = equal_detection(curves, DETECTION_RATES)
    for curve in curves:
        table.add_row(
            curve.name,
            *(f"{100 * share:.0f}" for share in detected[curve.name]),
            *(_number(rate) for rate in wrong[curve.name]),
        )
    return table


def durations_table(report: DurationReport | None) -> Table:
    """Estimated durations against what came, on the days that count."""
    table = Table(title="Estimated durations (min)", caption=None if report else "too few durations to judge")
    for heading in ("age", "cases", "median error", "naive", "naive given age", "in 90 % interval", "median width"):
        table.add_column(heading, justify="right")
    for one in report.figures if report else ():
        table.add_row(
            f"{one.age_minutes:.0f}",
            str(one.count),
            f"{one.median_absolute_error:.1f}",
            f"{one.naive_median_absolute_error:.1f}",
            f"{one.naive_given_age_median_absolute_error:.1f}",
            f"{100 * one.coverage:.0f} %",
            f"{one.median_width:.0f}",
        )
    return table


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """All figures."""
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


def injection_table(results: list[InjectionResult], days: int) -> Table:
    """Every detector at the level that keeps to the budget."""
    table = Table(title=f"Incidents put into {days} recorded days")
    table.add_column("detector", no_wrap=True)
    sizes = results[0].outcomes[0].sizes if results else ()
    headings = [f"{100 * size.share_blocked:.0f} % blocked ({size.incidents})" for size in sizes]
    for heading in (*headings, "half or more", "median min", "mean min", "false/100 sensor-days"):
        table.add_column(heading, justify="right")
    for result in results:
        outcome = result.outcomes[result.level]
        table.add_row(
            result.name,
            *(_share(size) for size in (*outcome.sizes, outcome.half)),
            _number(outcome.half.median_minutes),
            _number(outcome.half.mean_minutes),
            f"{outcome.false_alarms_per_100_sensor_days:.2f}",
        )
    return table


def injection_json(results: list[InjectionResult]) -> dict[str, Any]:
    """All figures."""
    return {
        result.name: {
            "operating_level": result.level,
            "levels": [_outcome(outcome) for outcome in result.outcomes],
        }
        for result in results
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return asdict(outcome) | {"false_alarms_per_100_sensor_days": outcome.false_alarms_per_100_sensor_days}


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


def _percent(curve: Curve | None, per_day: float) -> str:
    level = None if curve is None else curve.at_false_alarms(per_day)
    return "" if curve is None or level is None else f"{100 * curve.scores[level].detection_rate:.0f} %"


def _share(size: Size) -> str:
    return f"{100 * size.detected / size.incidents:.0f} %" if size.incidents else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
