"""`metrla evaluate-durations`: how good the estimated durations of congestion were that operators would have seen."""

import json
from dataclasses import asdict
from datetime import timedelta
from math import isfinite
from typing import Annotated

import typer

from metrla.cli.feeding.options import TimeFormatOption, TimeZoneOption, read_time_reading
from metrla.cli.studying.models import FiguresOption, NetworkFolderOption, SpeedsOption, write_file
from metrla.cli.studying.progress import progress_bars
from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import say
from shared.events.errors import ConfigurationError
from shared.traffic.folder import load_network


def evaluate_durations(
    data: SpeedsOption,
    network: NetworkFolderOption,
    tuning_days: Annotated[
        int, typer.Option(help="Days that the naive survivor knows, and whose alerts are not judged.", min=1)
    ] = 60,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    json_file: FiguresOption = None,
) -> None:
    """Replay a recording through the detectors, and judge what each update of a congestion alert said of its duration.

    The naive survivor tells the quantiles of all durations of the first days that reached the same age.
    """
    from metrla.lab.incidents.durations import judge_updates  # noqa: PLC0415 - slow to import
    from metrla.lab.incidents.live import live_alerts  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.measures import read_measures  # noqa: PLC0415 - likewise

    roads = load_network(network)
    measures = read_measures(data, roads, read_time_reading(time_format, time_zone))
    for gap in measures.gaps():
        say(f"{data.name}: {gap}", err=True)
    split = measures.window_end(0) - roads.window + timedelta(days=tuning_days)
    with progress_bars() as watch:
        log = live_alerts(measures, on_window=lambda done, total: watch("windows", done, total))
    figures = judge_updates(log, split)
    if not figures:
        raise ConfigurationError(f"no congestion alert was raised and cleared after the first {tuning_days} days")
    headings = (
        "age, min",
        "states",
        "pinball",
        "naive",
        "median error",
        "naive error",
        "in 90 %",
        "naive in",
        "too long",
    )
    table = plain_table(
        headings, right=headings, title=f"Estimated durations of congestion, minutes, from {split:%Y-%m-%d} on"
    )
    for row in figures:
        table.add_row(
            f"{row.from_minutes:.0f} to {row.to_minutes:.0f}"
            if isfinite(row.to_minutes)
            else f"{row.from_minutes:.0f} or more",
            f"{row.count:,}",
            f"{row.pinball:.1f}",
            f"{row.naive_pinball:.1f}",
            f"{row.median_absolute_error:.0f}",
            f"{row.naive_median_absolute_error:.0f}",
            f"{100 * row.coverage:.0f} %",
            f"{100 * row.naive_coverage:.0f} %",
            f"{100 * row.too_long:.0f} %",
        )
    print_tables(table)
    if json_file is not None:
        write_file(json_file, (json.dumps([asdict(row) for row in figures], indent=1) + "\n").encode())
