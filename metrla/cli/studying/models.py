"""Which models a study is about: the options, and the archive that they name."""

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from shared.events.errors import ConfigurationError
from shared.runtime.output_file import output_file
from shared.runtime.settings import PlatformSettings, read_settings

if TYPE_CHECKING:
    from shared.archive.port import Archive

SpeedsOption = Annotated[
    Path,
    typer.Option(
        "--data", help="Recorded speeds: METR-LA, PEMS-BAY (.h5, .csv, .parquet), Caltrans PeMS .txt.", metavar="FILE"
    ),
]
NetworkFolderOption = Annotated[Path, typer.Option("--network", help="Network folder.", metavar="DIR")]
ModelsUrlOption = Annotated[
    str | None,
    typer.Option("--archive-url", help="Where models are kept.", show_default="METRLA_ARCHIVE_URL", metavar="URL"),
]
PretrainedOption = Annotated[
    bool, typer.Option("--pretrained", help="The models that come with metrla, not those of an archive.")
]
FiguresOption = Annotated[
    Path | None, typer.Option("--json", help="Write all figures to this file.", dir_okay=False, metavar="FILE")
]


@contextmanager
def open_models(url: str | None, *, pretrained: bool) -> Iterator["Archive"]:
    """The archive of models while the block runs; raises `ConfigurationError` where both are asked for."""
    from shared.archive.url import open_archive  # noqa: PLC0415 - a quick --help
    from shared.forecasting.registry.pretrained import PretrainedModels  # noqa: PLC0415 - likewise

    if pretrained and url is not None:
        raise ConfigurationError("--pretrained and --archive-url: choose one")
    archive = (
        PretrainedModels()
        if pretrained
        else open_archive(read_settings(PlatformSettings).archive_url if url is None else url)
    )
    # What the registry reports to operators of a service is of no interest here; what it refuses is.
    logs = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        with closing(archive):
            yield archive
    finally:
        structlog.configure(**logs)


def write_file(path: Path, content: bytes) -> None:
    """Write a file and the folder it lies in; raises `ConfigurationError` where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise ConfigurationError(f"cannot make folder {path.parent}: {failed.strerror}") from failed
    with output_file(path, binary=True) as file:
        file.write(content)
