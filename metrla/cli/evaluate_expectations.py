"""`metrla evaluate-expectations`: how often expected congestion came true."""

import json
from typing import Annotated, Any

import typer

from metrla.cli.feeding.options import TimeFormatOption, TimeZoneOption, read_time_reading
from metrla.cli.studying.models import (
    FiguresOption,
    ModelsUrlOption,
    NetworkFolderOption,
    PretrainedOption,
    SpeedsOption,
    open_models,
    write_file,
)
from metrla.cli.studying.progress import progress_bars
from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import say
from shared.traffic.folder import load_network


def evaluate_expectations(
    data: SpeedsOption,
    network: NetworkFolderOption,
    archive_url: ModelsUrlOption = None,
    pretrained: PretrainedOption = False,
    every_days: Annotated[int, typer.Option(help="Use every n-th day of the test part.", min=1)] = 6,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    json_file: FiguresOption = None,
) -> None:
    """Run the rule for expected congestion over the last 20 % of a recording, and count what came true.

    An expectation came true when one of its sensors was slow between the moment it was raised and 20 minutes after
    the time for which it was expected.
    """
    from metrla.lab.expectations import evaluate_expectations as judge  # noqa: PLC0415 - slow to import
    from metrla.lab.forecasting.recording import read_recording  # noqa: PLC0415 - likewise
    from metrla.lab.forecasting.serving import serving_of  # noqa: PLC0415 - likewise

    roads = load_network(network)
    with open_models(archive_url, pretrained=pretrained) as archive:
        serving = serving_of(archive, roads, None, judged=True)
        recording = read_recording(data, roads, times=read_time_reading(time_format, time_zone))
        for note in recording.notes:
            say(note, err=True)
        with progress_bars() as watch:
            figures = judge(
                recording,
                serving,
                every_days=every_days,
                told=lambda done, total: watch("test part", done, total),
            )
    _print(figures)
    if json_file is not None:
        write_file(json_file, json.dumps(figures, indent=1).encode())


def _print(figures: dict[str, Any]) -> None:
    name, version = figures["model"]
    came = plain_table(
        ("", "alerts", "came true"),
        right=("alerts", "came true"),
        title=f"Came true within {figures['within_minutes']:.0f} min of the expected time",
    )
    came.add_row("all", str(figures["alerts"]), _percent(figures["came"]))
    for row in figures["by_lead"]:
        lead = f"more than {row['from']}, up to {min(60, row['to'])} min ahead"
        came.add_row(lead, str(row["alerts"]), _percent(row["came"]))
    for row in figures["by_confidence"]:
        sure = f"confidence {100 * row['from']:.0f} to {100 * min(1, row['to']):.0f} %"
        came.add_row(sure, str(row["alerts"]), _percent(row["came"]))
    headings = ("min ahead", "probability", "forecasts", "mean probability", "came true")
    probabilities = plain_table(
        headings,
        right=headings,
        title="Probability of slow traffic where it was not slow yet, and how often it came true",
    )
    for row in figures["probabilities"]:
        probabilities.add_row(
            str(row["minutes"]),
            f"{100 * row['from']:.0f}-{100 * row['to']:.0f} %",
            f"{row['forecasts']:,}",
            _percent(row["said"]),
            _percent(row["came"]),
        )
    print_tables(
        f"{figures['data']}, {figures['days']} days of the test part, {name} {version}: "
        f"{figures['alerts']} expectations ({figures['alerts_per_day']} per day)",
        came,
    )
    if figures["warning_minutes"] is not None:
        say(f"Half of those that came true did so {figures['warning_minutes']:.0f} min or more after the alert")
    print_tables(probabilities)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
