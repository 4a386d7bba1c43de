"""`metrla feed`: send readings to the log, simulated or from published files."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metrla.cli.feeding.options import (
    SkipUnknownOption,
    TimeFormatOption,
    TimeZoneOption,
    moved,
    read_duration,
    read_fault_kinds,
    read_incidents,
    read_pace,
    read_speed,
    read_time_reading,
    taken_until,
)
from metrla.cli.querying.selection import read_range, read_time
from metrla.data.feeds.delivery import AsFastAsPossible
from metrla.terminal import say
from shared.events.errors import ConfigurationError
from shared.runtime.clock import wall_clock
from shared.runtime.settings import PlatformSettings, read_settings
from shared.traffic.folder import load_networks

if TYPE_CHECKING:
    from metrla.data.feeds.measured_data import MeasuredCounts

app = typer.Typer(help="Send readings to the log: simulated, or replayed from published files.", no_args_is_help=True)

# A twentieth of a second at a time: otherwise all readings of one time would come in one burst.
PIECES_PER_SECOND = 20

NetworkDirOption = Annotated[
    Path | None,
    typer.Option(help="Network folder.", show_default="the first of METRLA_NETWORKS, else the example", metavar="DIR"),
]
SpeedOption = Annotated[
    str | None, typer.Option(help="Event time per wall time, or 'max'.", show_default="1, live", metavar="X|max")
]
DamagedOption = Annotated[
    float, typer.Option(help="Send damaged copies of this share of the events (0-1) as well.", min=0, max=1)
]
SeedOption = Annotated[int, typer.Option(help="Seed; the same seed sends the same.", min=0)]


@app.command()
def simulate(
    network: NetworkDirOption = None,
    speed: SpeedOption = None,
    rate: Annotated[
        float | None, typer.Option(help="Events per second of wall time instead of --speed.", min=0.001)
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="First event time, local unless it has an offset.",
            show_default="now if live, else a past Tuesday, 07:15",
            metavar="TIME",
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(help="Event time to send, e.g. 90m, 12h, 7d.", show_default="endless", metavar="LENGTH"),
    ] = None,
    warm_up: Annotated[
        str | None, typer.Option(help="Event time before the start to send at once, e.g. 2h.", metavar="LENGTH")
    ] = None,
    seed: SeedOption = 7,
    faults: Annotated[
        str, typer.Option(help="Kinds of sensor faults, comma-separated, or 'all' or 'none'.", metavar="KINDS")
    ] = "none",
    incident: Annotated[
        list[str] | None,
        typer.Option(
            help="An incident just after a sensor, MINUTES after the start, which lasts 45 minutes or LASTS.",
            metavar="SENSOR@MINUTES[+LASTS]",
        ),
    ] = None,
    damaged: DamagedOption = 0.0,
) -> None:
    """Simulate the traffic of a network: peaks, shock waves, incidents, rain and, if asked for, faulty sensors.

    Kinds of faults: dead, stuck, noisy, out-of-order, duplicated.
    """
    from metrla.cli.feeding.legs import Leg, send_legs  # noqa: PLC0415 - Kafka's client takes its time to import
    from metrla.data.feeds.delivery import split  # noqa: PLC0415 - likewise
    from metrla.data.simulation.demand import recent_workday  # noqa: PLC0415 - numpy
    from metrla.data.simulation.simulator import Simulator  # noqa: PLC0415 - numpy

    settings = read_settings(PlatformSettings)
    roads = next(iter(load_networks([network] if network else settings.networks).values()))
    given = read_time("--start", start, roads.time_zone)
    live = rate is None and read_speed(speed) == 1.0
    first = given or (wall_clock() if live else recent_workday(wall_clock(), roads))
    until = moved("--duration", duration, first, read_duration("--duration", duration)) if duration else None
    pace = read_pace(speed, rate, first)
    simulator = Simulator(roads, seed, faults=read_fault_kinds(faults), incidents=read_incidents(incident or (), first))
    legs = []
    if warm_up:
        earlier = moved("--warm-up", warm_up, first, -read_duration("--warm-up", warm_up))
        legs.append(Leg("warm-up", simulator.deliveries(earlier, first), AsFastAsPossible(), (earlier, first)))
    deliveries = simulator.deliveries(first, until)
    if rate is not None:
        deliveries = split(deliveries, max(1, round(rate / PIECES_PER_SECOND)))
    legs.append(Leg("simulation", deliveries, pace, (first, until) if until else None))
    raise typer.Exit(send_legs(legs, settings, roads.time_zone, damaged, seed).exit_code)


@app.command()
def replay(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="METR-LA or PEMS-BAY (.h5, .csv, .parquet) or PeMS station_5min (.txt, .txt.gz).", show_default=False
        ),
    ] = None,
    network: NetworkDirOption = None,
    begin: Annotated[
        str | None,
        typer.Option("--from", help="First event time, local unless it has an offset.", metavar="TIME"),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="End, exclusive, in the same form.", metavar="TIME")] = None,
    speed: SpeedOption = None,
    warm_up: Annotated[
        str | None, typer.Option(help="Event time at the beginning to send at once, e.g. 2h.", metavar="LENGTH")
    ] = None,
    missing: Annotated[
        str, typer.Option(help="Drop missing readings, or send them marked as missing.", metavar="drop|mark")
    ] = "drop",
    skip_unknown: SkipUnknownOption = False,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    from_archive: Annotated[
        bool, typer.Option("--from-archive", help="Replay archived events, exactly as they came, instead of a file.")
    ] = False,
    archive_url: Annotated[
        str | None,
        typer.Option(help="The archive for --from-archive.", show_default="METRLA_ARCHIVE_URL", metavar="URL"),
    ] = None,
    damaged: DamagedOption = 0.0,
    seed: SeedOption = 7,
) -> None:
    """Replay a published file; its local times become UTC, daylight saving included.

    With --from-archive, the archived events of the network are sent again in the order that they had on the log, so
    that a new log and a new store get the same windows.

    With --from, what lies before it is read as well: the predictor begins with the recent speeds of those days, as if
    it had seen them.
    """
    from metrla.cli.feeding.archive import ArchivedReplay, send_archived  # noqa: PLC0415 - Kafka's client takes its time to import
    from metrla.cli.feeding.history import begin_with  # noqa: PLC0415 - likewise
    from metrla.cli.feeding.legs import Leg, send_legs  # noqa: PLC0415 - likewise
    from metrla.data.feeds.files.formats import open_readings  # noqa: PLC0415 - likewise
    from metrla.data.feeds.replay import Missing, Replay  # noqa: PLC0415 - likewise
    from metrla.data.recent_speeds import recent_in_archive, recent_in_file  # noqa: PLC0415 - likewise
    from shared.archive.url import open_archive  # noqa: PLC0415 - likewise

    settings = read_settings(PlatformSettings)
    roads = next(iter(load_networks([network] if network else settings.networks).values()))
    start, stop = read_range(begin, end, roads.time_zone)
    if (file is None) != from_archive:
        raise ConfigurationError("name a FILE to replay, or give --from-archive")
    if file is None:
        again = ArchivedReplay(
            settings.archive_url if archive_url is None else archive_url, start, stop, speed, warm_up
        )
        if start is not None:
            with closing(open_archive(again.url, create=False)) as archive:
                begin_with(settings.archive_url, roads, partial(recent_in_archive, archive, roads, start))
        raise typer.Exit(send_archived(again, roads, settings, damaged, seed).exit_code)
    times = read_time_reading(time_format, time_zone)
    if missing not in list(Missing):
        raise ConfigurationError(f"--missing {missing}: choose one of {', '.join(Missing)}")
    recorded = Replay(open_readings(file, times), roads, start, stop, Missing(missing), skip_unknown)
    first, last = recorded.extent(taken_until())
    if start is not None:
        past = partial(recent_in_file, file, roads, start, times, skip_unknown=skip_unknown)
        begin_with(settings.archive_url, roads, past)
    origin = moved("--warm-up", warm_up, first, read_duration("--warm-up", warm_up)) if warm_up else first
    leg = Leg("replay", recorded.deliveries(), read_pace(speed, None, origin), (first, last))
    sent = send_legs([leg], settings, roads.time_zone, damaged, seed)
    counts = recorded.counts
    say(f"{counts.read:,} readings read, {counts.missing:,} of them missing")
    if recorded.resampled:
        say(recorded.resampled)
    if counts.out_of_range:
        say(f"{counts.out_of_range:,} readings are out of range: ingest rejects them")
    if counts.skipped_hour:
        say(f"{counts.skipped_hour:,} readings left out: they lie in the hour that the clock skips in spring")
    if counts.unknown_sensor:
        say(f"{counts.unknown_sensor:,} readings left out: the network does not have their sensors")
    raise typer.Exit(sent.exit_code)


@app.command()
def measured(
    places: Annotated[list[str], typer.Argument(help="Files or URLs; - for standard input.", metavar="FILE|URL...")],
    network: NetworkDirOption = None,
) -> None:
    """Send measured data in DATEX II: speed, flow and occupancy of the sites that are sensors of the network.

    A table of the sites may be given beside the measurements: it tells lanes from classes of vehicles.
    """
    import asyncio  # noqa: PLC0415 - with the others

    from metrla.cli.feeding.legs import Leg, send_legs  # noqa: PLC0415 - Kafka's client takes its time to import
    from metrla.data.feeds.measured_data import MeasuredData, extent  # noqa: PLC0415 - likewise
    from metrla.data.web import FetchError, fetch_document  # noqa: PLC0415 - likewise

    async def fetched() -> list[bytes]:
        return [page for place in places for page in (await fetch_document(place, lambda _: None)).data]

    settings = read_settings(PlatformSettings)
    roads = next(iter(load_networks([network] if network else settings.networks).values()))
    try:
        data = MeasuredData(asyncio.run(fetched()), roads)
    except FetchError as failed:
        raise ConfigurationError(str(failed)) from failed
    deliveries = data.deliveries()
    if not deliveries:
        raise ConfigurationError(f"nothing to send: {_measured(data.counts)}")
    sent = send_legs(
        [Leg("measured data", deliveries, AsFastAsPossible(), extent(deliveries))], settings, roads.time_zone, 0.0, 0
    )
    say(_measured(data.counts))
    raise typer.Exit(sent.exit_code)


def _measured(counts: "MeasuredCounts") -> str:
    """What measured data had, in lines."""
    told = [f"{counts.read:,} readings read, {counts.missing:,} of them missing"]
    for number, what in (
        (counts.unknown_sensor, "readings left out: the network does not have their sites"),
        (counts.faulty, "readings left out: they have no site, no time or no numbers"),
        (counts.unclear, "readings without volume: it is unclear which of their flows are lanes; give the site table"),
    ):
        if number:
            told.append(f"{number:,} {what}")
    return "\n".join(told)
