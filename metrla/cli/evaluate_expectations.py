"""`metrla evaluate-expectations`: how often congestion that was expected came."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from shared.runtime.settings import PlatformSettings, read_settings
from shared.traffic.folder import load_network

if TYPE_CHECKING:
    from shared.archive.port import Archive


def evaluate_expectations(
    data: Annotated[
        Path,
        typer.Option(
            help="Recorded speeds: METR-LA, PEMS-BAY (.h5, .csv, .parquet), Caltrans PeMS .txt.", metavar="FILE"
        ),
    ],
    network: Annotated[Path, typer.Option(help="Network folder.", metavar="DIR")],
    archive_url: Annotated[
        str | None, typer.Option(help="Where models are kept.", show_default="METRLA_ARCHIVE_URL", metavar="URL")
    ] = None,
    pretrained: Annotated[
        bool, typer.Option("--pretrained", help="The models that come with metrla, not those of an archive.")
    ] = False,
    every_days: Annotated[int, typer.Option(help="Use every so many days of the test part.", min=1)] = 6,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every figure there.", dir_okay=False, metavar="FILE")
    ] = None,
) -> None:
    """Run the rule for expected congestion over the last 20 % of a recording, and count what came.

    An expectation came true when one of its sensors was slow between the moment it was raised and 20 minutes after
    the time for which it was expected.
    """
    from metrla.lab.expectations.expecting import evaluate_expectations as judge  # noqa: PLC0415 - `metrla --help` need not wait
    from metrla.lab.forecasting.evaluating import serving_of  # noqa: PLC0415 - as above
    from metrla.lab.forecasting.progress import stages  # noqa: PLC0415 - as above
    from metrla.lab.forecasting.recordings import recorded  # noqa: PLC0415 - as above

    # What the registry says as a service is no news here; what it refuses is.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    roads = load_network(network)
    archive = _archive(archive_url, pretrained=pretrained)
    try:
        serving = serving_of(archive, roads, None)
        recording = recorded(data, roads)
        with stages() as watch:
            figures = judge(
                recording,
                serving,
                every_days=every_days,
                told=lambda done, total: watch("test part", done, total),
            )
    finally:
        archive.close()
    _say(figures)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def _archive(url: str | None, *, pretrained: bool) -> "Archive":
    from shared.archive.url import open_archive  # noqa: PLC0415 - as above
    from shared.forecasting.registry.pretrained import PretrainedModels  # noqa: PLC0415 - as above

    return PretrainedModels() if pretrained else open_archive(url or read_settings(PlatformSettings).archive_url)


def _say(figures: dict[str, Any]) -> None:
    from rich.console import Console  # noqa: PLC0415 - as above
    from rich.table import Table  # noqa: PLC0415 - as above

    console = Console()
    name, version = figures["model"]
    console.print(
        f"{figures['data']}, {figures['days']} days of the test part, {name} {version}: "
        f"{figures['alerts']} expectations ({figures['alerts_per_day']} per day)"
    )
    came = Table(title=f"Came until {figures['within_minutes']:.0f} min after the time told")
    for heading in ("", "alerts", "came"):
        came.add_column(heading, justify="right" if heading else "left")
    came.add_row("all", str(figures["alerts"]), _percent(figures["came"]))
    for row in figures["by_lead"]:
        lead = f"more than {row['from']} to {min(60, row['to'])} min ahead"
        came.add_row(lead, str(row["alerts"]), _percent(row["came"]))
    for row in figures["by_confidence"]:
        sure = f"said with {100 * row['from']:.0f} to {100 * min(1, row['to']):.0f} %"
        came.add_row(sure, str(row["alerts"]), _percent(row["came"]))
    console.print(came)
    if figures["warning_minutes"] is not None:
        console.print(
            f"Half of those that came did so {figures['warning_minutes']:.0f} min or more after they were told"
        )
    told = Table(title="Probability of slow traffic, told where traffic was not slow, and how often it came")
    for heading in ("min ahead", "told", "forecasts", "mean told", "came"):
        told.add_column(heading, justify="right")
    for row in figures["probabilities"]:
        told.add_row(
            str(row["minutes"]),
            f"{100 * row['from']:.0f}-{100 * row['to']:.0f} %",
            f"{row['forecasts']:,}",
            _percent(row["said"]),
            _percent(row["came"]),
        )
    console.print(told)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
