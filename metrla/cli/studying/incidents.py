"""Figures of incident detectors as tables: what `metrla evaluate-alerts` prints."""

from rich.table import Table

from metrla.cli.tables import plain_table
from metrla.lab.incidents.bootstrap import Interval
from metrla.lab.incidents.detectors import LIVE
from metrla.lab.incidents.durations import DurationReport
from metrla.lab.incidents.injection_study import InjectionResult, SizeScore
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
    table.add_row("median minutes from onset", _number(one.median_minutes), _interval(one.median_minutes_interval))
    table.add_row("median minutes from the log entry", _number(one.median_minutes_from_log), "")
    told = verdicts(judged, shipped.found)
    table.add_row("alerts", str(len(told)), ", ".join(f"{told.count(one)} {one}" for one in dict.fromkeys(told)))
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


def _point(one: Score) -> tuple[str, str]:
    share = f"{100 * one.detected_share:.0f} ({_interval(one.detected_share_interval, 100)})"
    return share, _number(one.median_minutes)


def _interval(ends: Interval, times: float = 1.0) -> str:
    return "" if ends is None else " to ".join(f"{times * end:.3g}" for end in ends)


def _share(size: SizeScore) -> str:
    return f"{100 * size.detected / size.incidents:.0f} %" if size.incidents else ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
