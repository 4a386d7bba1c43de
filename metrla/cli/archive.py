"""`metrla archive`: list the archive, read events back, prove that it holds what the log holds."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated

import typer

from metrla.cli.broker import BootstrapOption, answered
from metrla.cli.querying.output import Column, FormatOption, Kind, OutOption, Output, progress
from metrla.cli.querying.selection import (
    ArchiveOption,
    FromOption,
    LocalOption,
    NetworkOption,
    RowSelection,
    SensorOption,
    ToOption,
)
from metrla.terminal import say
from shared.runtime.settings import PlatformSettings, read_settings

if TYPE_CHECKING:
    from metrla.data.archive.verification import PartitionVerification
    from shared.archive.port import Archive

OBJECT_COLUMNS = (Column("path"), Column("size_bytes", Kind.INTEGER))
EVENT_COLUMNS = (
    Column("event_id", in_table=False),
    Column("network_id"),
    Column("sensor_id"),
    Column("timestamp", Kind.INSTANT),
    Column("speed_mph", Kind.NUMBER),
    Column("volume_vehicles", Kind.NUMBER),
    Column("occupancy", Kind.NUMBER, in_table=False),
    Column("share_observed", Kind.NUMBER, in_table=False),
    Column("latitude", Kind.NUMBER, in_table=False),
    Column("longitude", Kind.NUMBER, in_table=False),
    Column("partition", Kind.INTEGER),
    Column("offset", Kind.INTEGER),
)
PLACE = ("partition", "offset")

app = typer.Typer(help="Look into the archive of raw events and models.", no_args_is_help=True)


@app.command()
def ls(
    prefix: Annotated[str, typer.Argument(help="Folder to list, as traffic-data/models.", show_default="all")] = "",
    form: FormatOption = None,
    out: OutOption = None,
    archive_url: ArchiveOption = None,
) -> None:
    """List objects and their sizes in bytes."""
    settings = read_settings(PlatformSettings)
    output = Output.choose(form, out)
    with _archive(settings.archive_url if archive_url is None else archive_url) as archive:
        objects = archive.list(prefix.strip("/"))
        output.write(OBJECT_COLUMNS, map(attrgetter("path", "size_bytes"), objects), "The archive has no objects here.")


@app.command()
def read(
    network: NetworkOption = None,
    sensor: SensorOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    raw: Annotated[bool, typer.Option("--raw", help="Every event as it was sent, repeated readings too.")] = False,
    form: FormatOption = None,
    out: OutOption = None,
    local: LocalOption = False,
    archive_url: ArchiveOption = None,
) -> None:
    """Read events back, one per sensor and timestamp: hour by hour, within an hour in the order of the log.

    Speeds in mph; empty means not observed.
    """
    from metrla.data.archive.events import events_in, raw_files  # noqa: PLC0415 - fastavro is slow to import

    settings = read_settings(PlatformSettings)
    wanted = RowSelection.read(settings, network, sensor, begin, end, local=local)
    output = Output.choose(form, out, wanted.zone)
    values = attrgetter(*(column.name if column.name in PLACE else f"event.{column.name}" for column in EVENT_COLUMNS))
    with (
        _archive(settings.archive_url if archive_url is None else archive_url) as archive,
        progress("files", quiet=output.on_screen) as bar,
    ):
        files = list(raw_files(archive, wanted.network_id, wanted.start, wanted.end))
        tracked = bar.track(files, description="reading")
        events = events_in(archive, tracked, wanted.start, wanted.end, wanted.sensor_id, raw=raw)
        output.write(EVENT_COLUMNS, map(values, events), wanted.none_found(settings, "No events match."))


@app.command()
def verify(
    bootstrap_servers: BootstrapOption = None,
    archive_url: ArchiveOption = None,
    form: FormatOption = None,
    out: OutOption = None,
) -> None:
    """Compare log and archive offset by offset; exit code 1 where they differ.

    Every valid event that the log still holds, up to the offset that the archiver has committed, must be archived
    exactly once and unchanged. Dead-lettered events are accounted for. The networks and settings of now decide
    what is valid.
    """
    from metrla.data.archive.audit import audit_archive  # noqa: PLC0415 - aiokafka is slow to import
    from services.ingest.app import open_validator  # noqa: PLC0415 - likewise
    from shared.runtime.clock import wall_clock  # noqa: PLC0415 - likewise

    settings = read_settings(PlatformSettings)
    servers = settings.kafka_bootstrap_servers if bootstrap_servers is None else bootstrap_servers
    output = Output.choose(form, out)
    with (
        # One whose archiver has not begun has no folder yet.
        _archive(settings.archive_url if archive_url is None else archive_url, create=True) as archive,
        open_validator(settings) as validator,
        progress("offsets") as bar,
    ):
        task = bar.add_task("verifying", total=None)
        verifications = answered(
            servers,
            audit_archive(
                servers,
                archive,
                validator,
                wall_clock,
                lambda done, total: bar.update(task, completed=done, total=total),
            ),
        )
    _report(output, verifications)
    if not all(one.exact for one in verifications):
        raise typer.Exit(1)


def _report(output: Output, verifications: list["PartitionVerification"]) -> None:
    from metrla.data.archive.verification import MEANINGS, Fault  # noqa: PLC0415 - fastavro is slow to import

    counts = ("partition", "log_start", "committed", "not_yet_archived", "valid", "archived", "rejected", "rekeyed")
    columns = [Column(name, Kind.INTEGER) for name in (*counts, *Fault)]
    figures = attrgetter(*counts)
    output.write(columns, ([*figures(one), *(one.faults[fault] for fault in Fault)] for one in verifications), "")
    for one in verifications:
        for fault, examples in one.examples.items():
            offsets = ", ".join(map(str, examples))
            say(f"partition {one.partition}: {one.faults[fault]:,} {MEANINGS[fault]}: {offsets} ...", err=True)
    valid = sum(one.valid for one in verifications)
    if all(one.exact for one in verifications):
        say(f"exact: {valid:,} valid events on the log, each archived once", err=True)
    else:
        faults = sum(sum(one.faults.values()) for one in verifications)
        say(f"not exact: {faults:,} faults among {valid:,} valid events on the log", err=True)


@contextmanager
def _archive(url: str, *, create: bool = False) -> Iterator["Archive"]:
    from shared.archive.url import open_archive  # noqa: PLC0415 - a quick --help

    with closing(open_archive(url, create=create)) as archive:
        yield archive
