"""`metrla train`: train a network's models on recorded or simulated speeds and keep them in the archive."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from shared.events.errors import ConfigurationError
from shared.networks.folder import EXAMPLE_NETWORK, load_network
from shared.networks.network import Network
from shared.runtime.settings import PlatformSettings, read_settings

if TYPE_CHECKING:
    from services.predictor.inputs.history import Floats
    from services.predictor.training.train import Trained

SHOWN_STEPS = (3, 6, 12)
DAY = timedelta(days=1)
EXTRA = "training needs scikit-learn: install the extra with `pip install 'metrla[train]'`"


def train(
    data: Annotated[
        Path | None,
        typer.Option(
            help="Recorded speeds: METR-LA, PEMS-BAY (.h5, .csv, .parquet), Caltrans PeMS .txt.", metavar="FILE"
        ),
    ] = None,
    network: Annotated[Path, typer.Option(help="Network folder.", metavar="DIR")] = EXAMPLE_NETWORK,
    archive_url: Annotated[
        str | None, typer.Option(help="Where models are kept.", show_default="METRLA_ARCHIVE_URL", metavar="URL")
    ] = None,
    models: Annotated[str, typer.Option(help="Models to train, comma-separated.")] = "linear_regression",
    begin: Annotated[
        str | None,
        typer.Option("--from", help="First time: ISO 8601, without an offset in the network's zone.", metavar="TIME"),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="End, exclusive, in the same forms.", metavar="TIME")] = None,
    simulate: Annotated[
        int | None,
        typer.Option(help="Train on so many simulated days instead, up to --to or now.", min=6, metavar="DAYS"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 1,
) -> None:
    """Train models on the first 70 % of a history, calibrate them on the next 10 %, test them on the rest.

    The table shows what they would have achieved on the test part beside the historical average and the last value,
    counted as the literature does for METR-LA. A running predictor takes a new model up by itself.
    """
    if (data is None) == (simulate is None):
        raise ConfigurationError("say what to train on: either --data FILE or --simulate DAYS")
    roads = load_network(network)
    first, last = _instant("--from", begin, roads.time_zone), _instant("--to", end, roads.time_zone)
    if data is not None:
        start, speeds, source = _recorded(data, roads, first, last)
    else:
        start, speeds, source = _simulated(simulate or 0, seed, roads, first, last)
    _train(roads, start, speeds, source, [name.strip() for name in models.split(",") if name.strip()], archive_url)


def _train(
    roads: Network, start: datetime, speeds: "Floats", source: str, models: list[str], archive_url: str | None
) -> None:
    from rich.console import Console  # noqa: PLC0415 - `metrla --help` need not wait for it

    from metrla.querying.output import progress  # noqa: PLC0415 - as above
    from services.predictor.registry.registry import save  # noqa: PLC0415 - as above
    from services.predictor.training.train import train as fit  # noqa: PLC0415 - as above
    from shared.archive.opening import open_archive  # noqa: PLC0415 - as above

    url = archive_url or read_settings(PlatformSettings).archive_url
    archive = open_archive(url)
    try:
        archive.ping()
        try:
            with progress("sensors") as bar:
                task = bar.add_task("training", total=len(roads.sensors))
                trained = fit(
                    roads,
                    start,
                    speeds,
                    now=datetime.now(UTC),
                    source=source,
                    models=models,
                    on_progress=lambda done, _: bar.update(task, completed=done),
                )
        except ImportError as missing:
            raise ConfigurationError(EXTRA) from missing
        console = Console()
        console.print(_table(trained, roads, source))
        for name, artefact in trained.artefacts.items():
            folder = save(archive, roads.network_id, name, trained.version, artefact)
            console.print(
                f"{name}: {url.rstrip('/')}/{folder} ({sum(map(len, artefact.files.values())) / 1e6:.1f} MB)", markup=False, soft_wrap=True
            )
    finally:
        archive.close()


def _table(trained: "Trained", roads: Network, source: str) -> "object":
    from rich.table import Table  # noqa: PLC0415 - as above

    minutes = roads.window // timedelta(minutes=1)
    table = Table(
        title=f"Test part of {source}: {trained.split.test:,} origins after {trained.split.train:,} trained on",
        caption="MAE and RMSE in mph; pairs without an actual speed left out",
    )
    table.add_column("model", no_wrap=True)
    table.add_column("ahead", justify="right")
    for measure in ("MAE", "RMSE", "MAPE"):
        table.add_column(measure, justify="right")
    for name, scores in trained.scores.items():
        for step in SHOWN_STEPS:
            one = scores[step - 1]
            errors = (f"{one.mae_mph:.2f}", f"{one.rmse_mph:.2f}", f"{one.mape_percent:.2f} %")
            last = step == SHOWN_STEPS[-1]
            table.add_row("" if step != SHOWN_STEPS[0] else name, f"{step * minutes} min", *errors, end_section=last)
    return table


def _recorded(
    data: Path, roads: Network, first: datetime | None, last: datetime | None
) -> tuple[datetime, "Floats", str]:
    import numpy as np  # noqa: PLC0415 - as above

    from shared.feeds.files.opening import open_recording  # noqa: PLC0415 - as above
    from shared.feeds.tables import speed_table  # noqa: PLC0415 - as above

    table = speed_table(open_recording(data), roads, first, last)
    return table.start, table.speed_mph.astype(np.float64), data.name


def _simulated(
    days: int, seed: int, roads: Network, first: datetime | None, last: datetime | None
) -> tuple[datetime, "Floats", str]:
    from shared.networks.simulation.simulator import Simulator  # noqa: PLC0415 - as above

    if first is not None:
        raise ConfigurationError("--from: simulated history is as long as --simulate says, and ends at --to")
    stop = roads.window_start(last or datetime.now(UTC))
    start = roads.window_start(stop - days * DAY)
    return start, Simulator(roads, seed).speeds(start, (stop - start) // roads.window), f"simulation with seed {seed}"


def _instant(option: str, text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text.strip())
    except ValueError as wrong:
        raise ConfigurationError(f"{option} {text!r}: write an ISO 8601 time as 2012-05-02T08:00") from wrong
    return (instant if instant.tzinfo else instant.replace(tzinfo=zone)).astimezone(UTC)
