"""Figures of incident detectors as tables: what `metrla evaluate-alerts` prints."""

from collections import Counter

from rich.table import Table

from metrla.cli.tables import plain_table
from metrla.lab.incidents.bootstrap import Interval
from metrla.lab.incidents.detectors import LIVE
from metrla.lab.incidents.durations import DurationReport
from metrla.lab.incidents.injection_study import InjectionResult, SizeClass
from metrla.lab.incidents.log_study import BUDGETS, Comparison
from metrla.lab.incidents.scores import Score, verdicts


def shipped_table(comparison: Comparison) -> Table:
    """What the service does as it ships."""
    judged, shipped = comparison.judged, comparison.shipped
    truth = judged.truth
    table = plain_table(
        title=f"As shipped, {judged.days} days: {len(judged.disturbances)} felt disturbances",
        caption=f"{len(judged.log)} logged rows with a place, {truth.rows} near a sensor, {truth.rows_felt} felt, "
        f"{len(truth.disturbances)} disturbances on all days",
    )
    for heading in ("", "", "95 % interval"):
        table.add_column(heading)
    if shipped is None:
        return table
    one, luck = shipped.score, shipped.chance
    table.add_row("detected", f"{100 * one.detected_share:.0f} %", _interval(one.detected_share_interval, 100))
    table.add_row("by chance", f"{100 * luck.placebo_share:.1f} %", _interval(luck.placebo_share_interval, 100))
    corrected = "" if luck.corrected_share is None else f"{100 * luck.corrected_share:.0f} %"
    table.add_row("corrected for what is felt by chance", corrected, _interval(luck.corrected_share_interval, 100))
    by_chance = f"{luck.felt_by_chance:.1f} felt, {luck.detected_by_chance:.1f} of them detected"
    table.add_row(f"of the log, moved {luck.shifts} times", by_chance, "")
    rate = f"{one.false_alarms_per_100_sensor_days:.2f}"
    table.add_row("false alarms per 100 sensor-days", rate, _interval(one.false_alarms_interval))
    table.add_row(
        "false alarms", str(one.false_alarms), f"of {one.alarms} alerts, on {one.sensor_days:,.0f} sensor-days"
    )
    table.add_row("median minutes from onset", _number(one.median_minutes), _interval(one.median_minutes_interval))
    table.add_row("median minutes from the log entry", _number(one.median_minutes_from_log), "")
    told = Counter(verdicts(judged, shipped.found))
    for verdict, count in told.most_common():
        table.add_row(f"alerts: {verdict.replace('_', ' ')}", str(count), "")
    return table


def comparison_table(comparison: Comparison) -> Table:
    """The service and its rivals at the same false alarms."""
    shipped = comparison.shipped
    table = plain_table(
        title="% detected at most, with 95 % interval, at false alarms per 100 sensor-days",
        caption="rivals at their best level on the days that count",
    )
    table.add_column("detector", no_wrap=True)
    for budget in BUDGETS:
        table.add_column(f"at {budget:g}", justify="right")
        table.add_column("median min", justify="right")
    own = "" if shipped is None else f"at {shipped.score.false_alarms_per_100_sensor_days:.2f}"
    for heading in (own, "live is ahead by"):
        table.add_column(heading, justify="right")
    if shipped is not None:
        kept = [
            _point(shipped.score) if shipped.score.false_alarms_per_100_sensor_days <= budget else ("", "")
            for budget in BUDGETS
        ]
        table.add_row(LIVE, *(cell for pair in kept for cell in pair), _point(shipped.score)[0], "")
    for rival in comparison.rivals:
        levels = [rival.curve.at_false_alarms(budget) for budget in BUDGETS]
        points = [("", "") if level is None else _point(rival.curve.scores[level]) for level in levels]
        there = "" if rival.level is None or shipped is None else _point(rival.curve.scores[rival.level])[0]
        table.add_row(
            rival.curve.name, *(cell for pair in points for cell in pair), there, _interval(rival.lead_interval, 100)
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
    """Every detector at the level that keeps to the budget: % detected, with 95 % interval, of how many."""
    table = plain_table(title=f"Incidents injected into {days} recorded days: % detected, with 95 % interval")
    table.add_column("")
    table.add_column("incidents", justify="right")
    for result in results:
        table.add_column(result.name, justify="right")
    if not results:
        return table
    for number, group in enumerate(_groups(results[0])):
        cells = [_share(_groups(result)[number]) for result in results]
        table.add_row(group.name, str(group.incidents), *cells)
    table.add_row("median minutes, all that queue", "", *(_number(_median_minutes(result)) for result in results))
    rates = [f"{result.false_alarms_per_100_sensor_days:.2f}" for result in results]
    table.add_row("false per 100 sensor-days", "", *rates)
    before = [f"{result.false_alarms_before_per_100_sensor_days:.2f}" for result in results]
    table.add_row("alarms per 100 sensor-days on the days before", "", *before)
    return table


def _groups(result: InjectionResult) -> list[SizeClass]:
    return [*result.by_depth, *result.by_blockage, result.light_traffic]


def _median_minutes(result: InjectionResult) -> float | None:
    found = sorted(minutes for minutes in result.minutes if minutes is not None)
    return found[len(found) // 2] if found else None


def _point(one: Score) -> tuple[str, str]:
    share = f"{100 * one.detected_share:.0f} ({_interval(one.detected_share_interval, 100)})"
    return share, _number(one.median_minutes)


def _interval(ends: Interval, times: float = 1.0) -> str:
    return "" if ends is None else " to ".join(f"{times * end:.3g}" for end in ends)


def _share(group: SizeClass) -> str:
    return "" if group.share is None else f"{100 * group.share:.0f} ({_interval(group.interval, 100)})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
