"""`metrla evaluate`: how good the models of a network are on a recording, and how sure they rightly are."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from metrla.cli.feeding.options import TimeFormatOption, TimeZoneOption, read_time_reading
from metrla.cli.studying.forecasts import certainty_table, coverage_table, error_table, regime_table, robustness_table
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
from metrla.cli.tables import print_tables
from metrla.terminal import say
from shared.events.errors import ConfigurationError
from shared.traffic.folder import load_network


class Part(StrEnum):
    """The parts of a recording that models were not fitted to."""

    TEST = "test"
    VALIDATION = "validation"


def evaluate(
    data: SpeedsOption,
    network: NetworkFolderOption,
    archive_url: ModelsUrlOption = None,
    pretrained: PretrainedOption = False,
    models: Annotated[
        str | None, typer.Option(help="Names of models, comma-separated.", show_default="all", metavar="MODELS")
    ] = None,
    part: Annotated[
        Part, typer.Option("--split", help="Part of the recording: its last 20 %, or the 10 % before.")
    ] = Part.TEST,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    json_file: FiguresOption = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write plots and one HTML page there; needs the extra 'train'.", file_okay=False, metavar="DIR"
        ),
    ] = None,
    robustness: Annotated[
        bool, typer.Option(help="Also forecast from missing, stuck and unknown sensors; doubles the time.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of the disturbances.", min=0)] = 1,
) -> None:
    """Forecast the test part of a recording as the predictor would have done, and compare.

    The newest version of each model is used, or the one promoted; where it was fitted to these days, too, the version
    that it is a refit of. Errors are counted as in the literature on METR-LA: one average over all pairs of origin and
    sensor with an actual speed, 15, 30 and 60 minutes ahead.
    """
    from metrla.lab.forecasting.evaluation.evaluate import evaluate as judge  # noqa: PLC0415 - slow to import
    from metrla.lab.forecasting.recording import read_recording  # noqa: PLC0415 - likewise
    from metrla.lab.forecasting.serving import serving_of  # noqa: PLC0415 - likewise

    roads = load_network(network)
    chosen = None if models is None else [name for name in map(str.strip, models.split(",")) if name]
    with open_models(archive_url, pretrained=pretrained) as archive:
        serving = serving_of(archive, roads, chosen)
        recording = read_recording(data, roads, times=read_time_reading(time_format, time_zone))
        for note in recording.notes:
            say(note, err=True)
        with progress_bars() as watch:
            figures = judge(
                recording,
                serving,
                lambda of, *, judged=False: serving_of(archive, of, chosen, judged=judged),
                part=part.value,
                robustness=robustness,
                seed=seed,
                watch=watch,
            )
    _print(figures)
    if json_file is not None:
        write_file(json_file, json.dumps(figures, indent=1).encode())
    if report is not None:
        _report(figures, report)


def _print(figures: dict[str, Any]) -> None:
    part = figures["part"]
    title = f"{figures['data']['source']}, {part} part: {figures['origins']:,} origins"
    tables = [error_table(figures, part, title), regime_table(figures), coverage_table(figures)]
    if figures["calibration"].get(figures["serving"]):
        tables.append(certainty_table(figures))
    if "robustness" in figures:
        tables.append(robustness_table(figures))
    print_tables(*tables)
    for name, model in figures["models"].items():
        if not model["same_data"]:
            say(f"{name} {model['version']} was trained on other data than this file", err=True)


def _report(figures: dict[str, Any], folder: Path) -> None:
    from metrla.lab.forecasting.evaluation.plots import draw  # noqa: PLC0415 - likewise
    from metrla.lab.forecasting.evaluation.report import page  # noqa: PLC0415 - likewise

    try:
        images = draw(figures)
    except ImportError as missing:
        raise ConfigurationError(
            f"--report draws with matplotlib: install the extra with `pip install 'metrla[train]'` ({missing})"
        ) from missing
    for name, image in images.items():
        write_file(folder / f"{name}.png", image)
    write_file(folder / "report.html", page(figures, images).encode())
    say(f"report: {folder / 'report.html'}")
