"""`metrla train`: train a network's models on recorded or simulated speeds and keep them in the archive."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metrla.cli.feeding.options import SkipUnknownOption, TimeFormatOption, TimeZoneOption, read_time_reading
from metrla.cli.querying.selection import read_range
from metrla.cli.studying.forecasts import error_table, gain_table
from metrla.cli.studying.progress import progress_bars
from metrla.cli.tables import print_tables
from metrla.terminal import say
from shared.events.errors import ConfigurationError
from shared.runtime.settings import PlatformSettings, read_settings
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

if TYPE_CHECKING:
    from metrla.lab.forecasting.recording import Recording
    from metrla.lab.forecasting.training.run.card import Choice
    from metrla.lab.forecasting.training.run.work import Work
    from metrla.lab.forecasting.training.train import Trained

ALL = "all"
DEFAULT_WORK = Path(".metrla/training")
EXTRA = "training needs the libraries of the extra 'train': install it with `pip install 'metrla[train]'`"
EXIT_INTERRUPTED = 130


def train(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Recorded speeds: METR-LA, PEMS-BAY (.h5, .csv, .parquet), Caltrans PeMS .txt.", metavar="FILE"
        ),
    ] = None,
    network: Annotated[
        Path, typer.Option(help="Network folder.", metavar="DIR", show_default="the example network")
    ] = EXAMPLE_NETWORK,
    archive_url: Annotated[
        str | None, typer.Option(help="Where models are kept.", show_default="METRLA_ARCHIVE_URL", metavar="URL")
    ] = None,
    models: Annotated[
        str,
        typer.Option(
            help="Models, comma-separated: linear_regression, random_forest, xgboost, neural_network, ensemble.",
            metavar="MODELS",
        ),
    ] = ALL,
    budget: Annotated[
        float | None,
        typer.Option(
            help="How long all of it may take; the neural network gets what the others leave over.",
            show_default="as long as it needs",
            metavar="MINUTES",
            min=0.25,
        ),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="First time: ISO 8601, without an offset in the network's zone.", metavar="TIME"),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="End, exclusive, in the same forms.", metavar="TIME")] = None,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    skip_unknown: SkipUnknownOption = False,
    simulate: Annotated[
        int | None,
        typer.Option(
            help="Train on this many simulated days instead, up to --to or now.", min=6, max=3650, metavar="DAYS"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random, the simulation included.", min=0)] = 1,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Folder of finished work: with the same options, an interrupted training continues from there.",
            show_default=".metrla/training, nowhere with --simulate",
            file_okay=False,
            metavar="DIR",
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit/--no-refit",
            help="Once the models are judged, fit them to all of the history, and let that serve; within a budget, if "
            "there is time for it.",
        ),
    ] = True,
    fresh: Annotated[bool, typer.Option("--fresh", help="Empty the work folder first, and start over.")] = False,
) -> None:
    """Train models on the first 70 % of a history, calibrate them on the next 10 %, test them on the rest.

    The table shows what they would have achieved on the test part beside the historical average and the last value,
    counted as the literature does for METR-LA. Then the same models are fitted to all of the history, which nothing is
    left to judge by: they serve, with the intervals of those that were judged. A running predictor picks up a new model
    by itself. One that has seen nothing of the network yet begins with the recent speeds at the end of the history.
    """
    began = time.monotonic()
    from metrla.lab.forecasting.recording import read_recording, simulate_recording  # noqa: PLC0415 - slow to import
    from metrla.lab.forecasting.training.run.card import Choice  # noqa: PLC0415 - likewise
    from metrla.lab.forecasting.training.run.catalogue import ORDER  # noqa: PLC0415 - likewise
    from metrla.lab.forecasting.training.run.work import Work  # noqa: PLC0415 - likewise
    from metrla.lab.forecasting.training.train import check_models  # noqa: PLC0415 - likewise

    if (data is None) == (simulate is None):
        raise ConfigurationError("say what to train on: either --data FILE or --simulate DAYS")
    if simulate is not None and begin is not None:
        raise ConfigurationError("--from: simulated history is as long as --simulate says, and ends at --to")
    # Before the file is read, which takes its time.
    chosen = tuple(name for name in map(str.strip, models.split(",")) if name)
    if not chosen:
        raise ConfigurationError(f"--models names none: choose from {', '.join(ORDER)}, or {ALL}")
    everything = chosen == (ALL,)
    seconds = None if budget is None else 60 * budget
    choice = Choice(ORDER if everything else chosen, seed, seconds, where_possible=everything, refit=refit)
    check_models(choice.models)
    roads, now = load_network(network), datetime.now(UTC)
    first, last = read_range(begin, end, roads.time_zone)
    if data is not None:
        times = read_time_reading(time_format, time_zone)
        recording = read_recording(data, roads, first, last, times, skip_unknown=skip_unknown)
    else:
        recording = simulate_recording(roads, simulate or 0, seed, last, now)
    for note in recording.notes:
        say(note)
    # A simulation up to now differs each time, so its work is of no use to the next one.
    folder = Work(work or (DEFAULT_WORK if data is not None else None))
    if fresh:
        folder.clear()
    folder.tidy()
    _train(
        recording,
        choice,
        folder,
        read_settings(PlatformSettings).archive_url if archive_url is None else archive_url,
        now,
        began,
    )


def _train(recording: "Recording", choice: "Choice", work: "Work", url: str, now: datetime, began: float) -> None:
    from metrla.lab.forecasting.training.train import train as fit  # noqa: PLC0415 - likewise
    from shared.archive.url import open_archive  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.recent_speeds import keep_recent  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.registry import save  # noqa: PLC0415 - likewise

    archive = open_archive(url)
    try:
        archive.ping()
        try:
            with progress_bars() as watch:
                trained = fit(recording, choice, now=now, work=work, watch=watch, began=began)
        except ImportError as missing:
            raise ConfigurationError(f"{EXTRA} ({missing})") from missing
        except KeyboardInterrupt:
            say(f"interrupted: {work.way_on()}", err=True)
            raise typer.Exit(EXIT_INTERRUPTED) from None
        split = trained.split
        tested = f"{trained.tested:,}" if trained.tested == split.test else f"{trained.tested:,} of {split.test:,}"
        title = f"Test part of {recording.source}: {tested} origins after {split.train:,} trained on"
        print_tables(error_table(trained.figures, "test", title), gain_table(trained.figures, "test"))
        for name, reason in trained.left_out.items():
            say(f"{name} is left out: {reason}")
        say(_served(trained, choice))
        for name, artefact in trained.judged.items():
            save(archive, recording.network.network_id, name, trained.judged_version or "", artefact)
        for name, artefact in trained.artefacts.items():
            path = save(archive, recording.network.network_id, name, trained.version, artefact)
            size = sum(map(len, artefact.files.values())) / 1e6
            say(f"{name}: {url.rstrip('/')}/{path} ({size:.1f} MB)")
        if trained.recent:
            keep_recent(archive, recording.network, trained.recent)
    finally:
        archive.close()


def _served(trained: "Trained", choice: "Choice") -> str:
    from shared.forecasting.models.card import REFIT  # noqa: PLC0415 - likewise

    if trained.serves == REFIT:
        return (
            "what serves: a refit of these models to all of the history, with their intervals; "
            f"they are version {trained.judged_version}, which `metrla evaluate` takes"
        )
    return "what serves: these models" + (
        ", there was no time for a refit to all of the history" if choice.refit else ""
    )
