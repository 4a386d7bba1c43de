"""Figures of incident detectors as tables: what `metrla evaluate-alerts` prints."""

from rich.table import Table

from metrla.cli.tables import plain_table
from metrla.lab.incidents.detectors import OURS
from metrla.lab.incidents.durations import DurationReport
from metrla.lab.incidents.injection_study import InjectionResult, SizeScore
from metrla.lab.incidents.log_study import DETECTION_RATES, FALSE_ALARMS_PER_DAY, Comparison
from metrla.lab.incidents.scores import Curve, equal_detection, equal_false_alarms


def comparison_table(comparison: Comparison) -> Table:
    """Every detector at the level chosen on the tuning days, with our best one at no more false alarms."""
    truth = comparison.truth
    table = plain_table(
        title=f"Last {comparison.days - comparison.tuning_days} of {comparison.days} days: "
        f"{comparison.disturbances} disturbances",
        caption=f"{truth.rows} logged incidents near a station, {truth.rows_felt} felt, "
        f"{len(truth.disturbances)} disturbances in all",
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
    table = plain_table(title="% detected at most at these false alarms per day; false alarms per day at these rates")
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
    table = plain_table(title="Estimated durations (min)", caption=None if report else "too few durations to judge")
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


def injection_table(results: list[InjectionResult], days: int) -> Table:
    """Every detector at the level that keeps to the budget."""
    table = plain_table(title=f"Incidents injected into {days} recorded days")
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


def _percent(curve: Curve | None, per_day: float) -> str:
    level = None if curve is None else curve.at_false_alarms(per_day)
    return "" if curve is None or level is None else f"{100 * curve.scores[level].detection_rate:.0f} %"


def _share(size: SizeScore) -> str:
    return f"{100 * size.detected / size.incidents:.0f} %" if size.incidents else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
