"""`metrla data`: published data sets."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from metrla.terminal import console, say
from shared.events.errors import ConfigurationError

app = typer.Typer(help="Get published data sets.", no_args_is_help=True)


@app.callback()
def data() -> None:
    """Get published data sets."""


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="The data set: metr-la.")],
    out: Annotated[Path, typer.Option(help="Folder to put it in.", file_okay=False, metavar="DIR")] = Path("data"),
    url: Annotated[str | None, typer.Option(help="Another place to fetch the same file from.", metavar="URL")] = None,
    force: Annotated[bool, typer.Option("--force", help="Fetch it again if it is there.")] = False,
) -> None:
    """Download a public data set and check its shape; an interrupted download goes on where it stopped."""
    from metrla.data.data_sets import DATA_SETS, check_shape, fetch_data_set  # noqa: PLC0415 - httpx is slow to import

    if name not in DATA_SETS:
        raise ConfigurationError(f"data set {name!r} is not one of {', '.join(DATA_SETS)}")
    data_set = DATA_SETS[name]
    target = out / data_set.file_name
    if target.exists() and not force:
        check_shape(target, data_set)
        say(f"{target} is there already: {data_set.steps:,} steps x {data_set.sensors} sensors")
        return
    terminal = console(err=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=terminal, transient=True, disable=not terminal.is_terminal) as bar:
        task = bar.add_task(data_set.file_name, total=None)
        path = fetch_data_set(data_set, out, url, lambda done, total: bar.update(task, completed=done, total=total))
    say(f"{path}: {data_set.title}, {data_set.steps:,} steps x {data_set.sensors} sensors")
