"""`metrla advisories`: publish work zones, road events and weather alerts, and list them."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metrla.cli.broker import BootstrapOption, answered
from metrla.cli.feeding.options import read_duration
from metrla.cli.querying.output import Column, FormatOption, Kind, OutOption, Output
from metrla.cli.querying.selection import require_known
from metrla.terminal import say
from shared.events.errors import ConfigurationError
from shared.runtime.clock import wall_clock
from shared.runtime.settings import PlatformSettings, read_settings
from shared.traffic.text_file import read_small_file

if TYPE_CHECKING:
    from shared.alerts.advisories.documents.draft import DocumentFormat
    from shared.alerts.advisories.documents.formats.zones import ZoneTable
    from shared.events.records import TrafficAdvisory
    from shared.traffic.network import Network

EXIT_FAILED = 1
FORMATS = ("auto", "wzdx", "open511", "datex2", "lcs", "chp", "cifs", "cap", "nws")
LEAST_EVERY_S = 1.0

COLUMNS = (
    Column("advisory_id"),
    Column("network_id"),
    Column("advisory_type"),
    Column("severity"),
    Column("starts_at", Kind.INSTANT),
    Column("ends_at", Kind.INSTANT),
    Column("state"),
    Column("title"),
    Column("description", in_table=False),
    Column("affected_sensors", Kind.TEXTS, in_table=False),
    Column("latitude", Kind.NUMBER, in_table=False),
    Column("longitude", Kind.NUMBER, in_table=False),
    Column("source"),
    Column("updated_at", Kind.INSTANT, in_table=False),
    Column("publisher_id", in_table=False),
    Column("feed", in_table=False),
)

app = typer.Typer(
    help=(
        "Take in work zones (WZDx, CWZ, Caltrans), road events (Open511, DATEX II, CHP, CIFS of Waze) and weather "
        "alerts (CAP, api.weather.gov)."
    ),
    no_args_is_help=True,
)

NetworkDirs = Annotated[
    list[Path] | None,
    typer.Option("--network", help="Network folder; several times for several.", show_default="METRLA_NETWORKS"),
]
DocumentFormatOption = Annotated[
    str, typer.Option("--format", help=f"Format of the documents: {', '.join(FORMATS)}.", metavar="FORMAT")
]

ZonesOption = Annotated[
    Path | None,
    typer.Option("--zones", help="GeoJSON of the zones that alerts name without drawing them.", metavar="FILE"),
]
VerboseOption = Annotated[
    bool, typer.Option("--verbose", help="Name, for every feature, what it says beyond what is read.")
]


@app.command("import")
def import_(
    places: Annotated[list[str], typer.Argument(help="Files or URLs; - for standard input.", metavar="FILE|URL...")],
    network: NetworkDirs = None,
    form: DocumentFormatOption = "auto",
    zones: ZonesOption = None,
    complete: Annotated[
        bool,
        typer.Option("--complete", help="Each document is all that its feed holds: withdraw what is no longer in it."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be published; publish nothing.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any feature is rejected.")] = False,
    verbose: VerboseOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every id and reason.")] = False,
    bootstrap_servers: BootstrapOption = None,
) -> None:
    """Publish the advisories of documents. The same document again changes nothing.

    A bad feature is rejected alone, and reported with its place, id and reason, as is one that affects no sensor.
    A feed in pages is read to its end; where that cannot be done, nothing is withdrawn for being left out.
    Exit codes: 0 done, 1 a document could not be read (with --strict: or a feature was rejected), 2 wrong usage.
    """
    from metrla.cli.advising.importer import import_places  # noqa: PLC0415 - shapely and Kafka's client are slow to import
    from metrla.cli.advising.report import as_json as report_json  # noqa: PLC0415 - likewise
    from metrla.cli.advising.report import print_report  # noqa: PLC0415 - likewise
    from metrla.data.web import is_url  # noqa: PLC0415 - likewise

    for place in places:
        # Refused where it is no address, before anybody is asked.
        is_url(place)
    settings = read_settings(PlatformSettings)
    servers = settings.kafka_bootstrap_servers if bootstrap_servers is None else bootstrap_servers
    networks = _networks(network or list(settings.networks))
    job = import_places(servers, networks, places, _form(form), _zones(zones), complete=complete, dry_run=dry_run)
    imported = answered(servers, job)
    if as_json:
        say(json.dumps(report_json(imported), indent=2, ensure_ascii=False))
    else:
        print_report(imported, dry_run=dry_run, verbose=verbose)
    unread = any(each.outcome is None for each in imported)
    rejected = any(each.outcome is not None and each.outcome.rejected for each in imported)
    if unread or (strict and rejected):
        raise typer.Exit(EXIT_FAILED)


@app.command()
def watch(
    url: Annotated[str, typer.Argument(help="Where the feed is.")],
    every: Annotated[str, typer.Option(help="Time between two requests, e.g. 60s, 5m.", metavar="LENGTH")] = "60s",
    network: NetworkDirs = None,
    form: DocumentFormatOption = "auto",
    zones: ZonesOption = None,
    verbose: VerboseOption = False,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Serve /metrics, /live and /ready there; 0 picks a port.", metavar="PORT"),
    ] = None,
    bootstrap_servers: BootstrapOption = None,
) -> None:
    """Follow a feed until Ctrl-C: publish what is new or changed, withdraw what disappeared from it.

    The server is asked for changes only (ETag, Last-Modified). While it does not answer, or answers with something
    that is not a feed, nothing is withdrawn and the time between two requests grows.
    """
    from metrla.cli.advising.importer import Watched, watch_feed  # noqa: PLC0415 - shapely and Kafka's client are slow to import
    from metrla.data.web import is_url  # noqa: PLC0415 - httpx

    if not is_url(url):
        raise ConfigurationError(f"{url}: an http:// or https:// address is needed; a file is for `import`")
    settings = read_settings(PlatformSettings)
    servers = settings.kafka_bootstrap_servers if bootstrap_servers is None else bootstrap_servers
    networks = _networks(network or list(settings.networks))
    watched = Watched(url, _length(every), _form(form), _zones(zones), verbose, metrics_port)
    answered(servers, watch_feed(settings, servers, networks, watched))


@app.command("list")
def list_(
    network_id: Annotated[str | None, typer.Option("--network", help="Only this network.", metavar="ID")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over or withdrawn as well.")] = False,
    form: FormatOption = None,
    out: OutOption = None,
    bootstrap_servers: BootstrapOption = None,
) -> None:
    """List the advisories on the log that are in force now or will be."""
    from metrla.cli.advising.importer import CLIENT_ID  # noqa: PLC0415 - slow to import
    from shared.kafka.advisories import read_newest  # noqa: PLC0415 - likewise

    settings = read_settings(PlatformSettings)
    servers = settings.kafka_bootstrap_servers if bootstrap_servers is None else bootstrap_servers
    now = wall_clock()
    found = answered(servers, read_newest(servers, CLIENT_ID)).values()
    rows = [
        _row(advisory, state)
        for advisory in sorted(found, key=lambda each: (each.starts_at, each.advisory_id))
        if network_id in {None, advisory.network_id}
        and ((state := _state(advisory, now.timestamp())) in {"now", "later"} or everything)
    ]
    if not any(network_id == advisory.network_id for advisory in found):
        require_known(settings, network_id)
    Output.choose(form, out).write(COLUMNS, rows, "No advisories.")


def _networks(folders: list[Path]) -> "list[Network]":
    from shared.traffic.folder import load_networks  # noqa: PLC0415 - a quick --help

    return list(load_networks(folders).values())


def _form(text: str) -> "DocumentFormat | None":
    from shared.alerts.advisories.documents.draft import DocumentFormat  # noqa: PLC0415 - shapely

    if text not in FORMATS:
        raise ConfigurationError(f"--format {text}: choose one of {', '.join(FORMATS)}")
    return None if text == "auto" else DocumentFormat(text)


def _zones(file: Path | None) -> "ZoneTable":
    from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError  # noqa: PLC0415 - shapely
    from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable  # noqa: PLC0415 - likewise

    if file is None:
        return NO_ZONES
    try:
        return ZoneTable.read(read_small_file(file))
    except UnreadableAdvisoriesError as wrong:
        raise ConfigurationError(f"--zones {file}: {wrong}") from wrong


def _length(text: str) -> float:
    seconds = read_duration("--every", text, bare="s").total_seconds()
    if seconds < LEAST_EVERY_S:
        raise ConfigurationError(f"--every {text}: write at least one second, such as 60s or 5m")
    return seconds


def _state(advisory: "TrafficAdvisory", now: float) -> str:
    if advisory.withdrawn:
        return "withdrawn"
    if advisory.ends_at is not None and advisory.ends_at.timestamp() <= now:
        return "over"
    return "now" if advisory.starts_at.timestamp() <= now else "later"


def _row(advisory: "TrafficAdvisory", state: str) -> tuple[object, ...]:
    return tuple(state if column.name == "state" else getattr(advisory, column.name) for column in COLUMNS)
