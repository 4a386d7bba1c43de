"""`metrla evaluate`: how good the models of a network are on a recording, and how well they know it."""

import json
import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import structlog
import typer

from shared.events.errors import ConfigurationError
from shared.runtime.settings import PlatformSettings, read_settings
from shared.traffic.folder import load_network

if TYPE_CHECKING:
    from shared.archive.port import Archive


class Part(StrEnum):
    """The parts of a recording that models were not fitted to."""

    TEST = "test"
    VALIDATION = "validation"


def evaluate(
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
    models: Annotated[
        str | None, typer.Option(help="Which, comma-separated.", show_default="all that there are", metavar="MODELS")
    ] = None,
    part: Annotated[
        Part, typer.Option("--split", help="Part of the recording: its last 20 %, or the 10 % before.")
    ] = Part.TEST,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write every figure there.", dir_okay=False, metavar="FILE")
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            help="Write plots and one HTML page there; needs the extra 'train'.", file_okay=False, metavar="DIR"
        ),
    ] = None,
    robustness: Annotated[
        bool, typer.Option(help="Also forecast from missing, stuck and unknown sensors; doubles the time.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Seed of what goes missing.", min=0)] = 1,
) -> None:
    """Forecast the test part of a recording as the predictor would have done, and compare.

    The newest version of each model is used, or the one promoted. Errors are counted as in the literature on METR-LA:
    one average over all pairs of origin and sensor with an actual speed, 15, 30 and 60 minutes ahead.
    """
    from metrla.lab.forecasting.evaluating import evaluate as judge  # noqa: PLC0415 - `metrla --help` need not wait for it
    from metrla.lab.forecasting.evaluating import serving_of  # noqa: PLC0415 - as above
    from metrla.lab.forecasting.progress import stages  # noqa: PLC0415 - as above
    from metrla.lab.forecasting.recordings import recorded  # noqa: PLC0415 - as above

    if pretrained and archive_url is not None:
        raise ConfigurationError("--pretrained and --archive-url: choose one")
    # What the registry says as a service is no news here; what it refuses is.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    roads = load_network(network)
    chosen = None if models is None else [name for name in map(str.strip, models.split(",")) if name]
    archive = _archive(archive_url, pretrained=pretrained)
    try:
        serving = serving_of(archive, roads, chosen)
        recording = recorded(data, roads)
        with stages() as watch:
            figures = judge(
                recording,
                serving,
                lambda of: serving_of(archive, of, chosen),
                part=part.value,
                robustness=robustness,
                seed=seed,
                watch=watch,
            )
    finally:
        archive.close()
    _say(figures)
    if json_file is not None:
        _write(json_file, json.dumps(figures, indent=1).encode())
    if report is not None:
        _report(figures, report)


def _archive(url: str | None, *, pretrained: bool) -> "Archive":
    from shared.archive.url import open_archive  # noqa: PLC0415 - as above
    from shared.forecasting.registry.pretrained import PretrainedModels  # noqa: PLC0415 - as above

    return PretrainedModels() if pretrained else open_archive(url or read_settings(PlatformSettings).archive_url)


def _say(figures: dict[str, Any]) -> None:
    from metrla.lab.forecasting.tables import (  # noqa: PLC0415 - as above
        coverage_table,
        error_table,
        regime_table,
        robustness_table,
        show,
    )

    part = figures["part"]
    title = f"{figures['data']['source']}, {part} part: {figures['origins']:,} origins"
    tables = [error_table(figures, part, title), regime_table(figures), coverage_table(figures)]
    if "robustness" in figures:
        tables.append(robustness_table(figures))
    show(tables)
    for name, model in figures["models"].items():
        if not model["same_data"]:
            typer.echo(f"{name} {model['version']} was trained on other data than this file", err=True)


def _report(figures: dict[str, Any], folder: Path) -> None:
    from metrla.lab.forecasting.evaluation.plots import draw  # noqa: PLC0415 - as above
    from metrla.lab.forecasting.evaluation.report import page  # noqa: PLC0415 - as above

    try:
        images = draw(figures)
    except ImportError as missing:
        raise ConfigurationError(
            f"--report draws with matplotlib: install the extra with `pip install 'metrla[train]'` ({missing})"
        ) from missing
    for name, image in images.items():
        _write(folder / f"{name}.png", image)
    _write(folder / "report.html", page(figures, images).encode())
    typer.echo(f"report: {folder / 'report.html'}")


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as failed:
        raise ConfigurationError(f"cannot write {path}: {failed.strerror}") from failed
