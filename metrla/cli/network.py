"""`metrla network`: make a network folder from published files, and look at one."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrla.cli.feeding.options import (
    SkipUnknownOption,
    TimeFormatOption,
    TimeZoneOption,
    read_time_reading,
    read_zone,
    taken_until,
)
from metrla.cli.tables import plain_table, print_tables
from metrla.data.feeds.files.times import TimeReading
from metrla.terminal import say
from shared.events.errors import ConfigurationError
from shared.traffic.calendar import checked_holidays
from shared.traffic.folder import (
    EXAMPLE_NETWORK,
    MAX_WINDOW_MINUTES,
    MIN_WINDOW_MINUTES,
    check_network,
    load_network,
)
from shared.traffic.network import Network

if TYPE_CHECKING:
    from metrla.data.importing.published import ImportNotes

app = typer.Typer(help="Make sensor network folders, check them and look at them.", no_args_is_help=True)


@app.command("import")
def import_(
    sensors: Annotated[
        Path, typer.Option(help="Table of sensors: id, latitude, longitude and further columns.", metavar="CSV")
    ],
    edges: Annotated[Path, typer.Option(help="Table of edges: from, to, and weight or metres (cost).", metavar="CSV")],
    network_id: Annotated[str, typer.Option("--id", help="Id of the network, e.g. metr-la.", metavar="ID")],
    time_zone: Annotated[str, typer.Option(help="IANA time zone of its clock, e.g. America/Los_Angeles.")],
    out: Annotated[Path, typer.Option(help="Folder to write.", file_okay=False, metavar="DIR")],
    name: Annotated[str | None, typer.Option(help="Name for people.", show_default="the id")] = None,
    reading_interval: Annotated[
        float | None,
        typer.Option(help="Seconds between two readings of a sensor.", show_default="one window", metavar="SECONDS"),
    ] = None,
    window_minutes: Annotated[
        int,
        typer.Option(
            help="Length of a window in minutes; a day is to be a whole number of them.",
            min=MIN_WINDOW_MINUTES,
            max=MAX_WINDOW_MINUTES,
            metavar="MINUTES",
        ),
    ] = 5,
    holidays: Annotated[
        str | None,
        typer.Option(help="Whose public holidays its traffic keeps, e.g. US-CA.", show_default="none", metavar="CODE"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing network folder.")] = False,
) -> None:
    """Make a network folder from published tables, as they are.

    It reads the tables of METR-LA and PEMS-BAY (DCRNN's graph_sensor_locations*.csv and distances_*.csv, the
    adjacency as a list of edges) and PeMS station metadata (d07_text_meta_*.txt; its ramps are left out). Columns are
    found by name. Road metres become weights by DCRNN's Gaussian kernel, threshold 0.1. A freeway like SR134-E is split
    into freeway and direction. Where postmiles are missing they are estimated from the positions along the freeway.
    """
    from metrla.data.importing.folder import require_place, write_network  # noqa: PLC0415 - only this command needs it
    from metrla.data.importing.published import import_network  # noqa: PLC0415 - likewise

    require_place(out, replace=force)
    zone = read_zone(time_zone)
    keeps = None if holidays is None else checked_holidays(holidays)
    window = timedelta(minutes=window_minutes)
    try:
        interval = window if reading_interval is None else timedelta(seconds=reading_interval)
    except (ValueError, OverflowError) as wrong:
        raise ConfigurationError(f"--reading-interval {reading_interval}: write a number of seconds") from wrong
    network, notes = import_network(sensors, edges, network_id, zone, name, interval, keeps, window)
    write_network(network, out)
    say(
        f"{out}: network {network.network_id} with {len(network.sensors)} sensors on {len(network.carriageways)} "
        f"carriageways and {len(network.edges)} edges"
    )
    for line in _notes(notes):
        say(f"  {line}")


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="Network folder.", metavar="DIR", show_default=False)],
    data: Annotated[
        Path | None,
        typer.Option(help="A file of readings: whether it fits the network.", dir_okay=False, metavar="FILE"),
    ] = None,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    skip_unknown: SkipUnknownOption = False,
) -> None:
    """Say all that is wrong with a network folder, each fault in a line with its file and line number.

    The same rules hold wherever a folder is read: by the services, the demo, training and `metrla network import`.
    With --data, a file of readings is read to its end as training does it: its sensors, times, the distance between
    readings, and what of it would be left out.
    """
    times = read_time_reading(time_format, time_zone)
    found = check_network(folder)
    for line in (*found.faults, *found.notes):
        say(line)
    if found.network is None:
        raise ConfigurationError(
            f"{folder}: {len(found.faults)} faults" if len(found.faults) > 1 else f"{folder}: 1 fault"
        )
    network = found.network
    fits = () if data is None else tuple(_fit(data, network, times, skip_unknown=skip_unknown))
    say(
        f"{folder}: network {network.network_id} is sound: {len(network.sensors)} sensors, {len(network.edges)} edges, "
        f"windows of {network.window}"
    )
    for line in fits:
        say(line)


def _fit(data: Path, network: Network, times: TimeReading, *, skip_unknown: bool) -> Iterator[str]:
    """What a file of readings has for a network, in lines; raises `ConfigurationError` where it does not fit."""
    from metrla.data.feeds.files.formats import open_readings  # noqa: PLC0415 - pandas takes its time to import
    from metrla.data.feeds.local_time import zone_of_times  # noqa: PLC0415 - likewise
    from metrla.data.feeds.replay import Replay  # noqa: PLC0415 - likewise
    from metrla.data.feeds.speed_table import speed_table  # noqa: PLC0415 - likewise

    recording = open_readings(data, times)
    # What a replay refuses, and what it leaves out, before what training does.
    use = Replay(recording, network, skip_unknown=skip_unknown).use(taken_until())
    table = speed_table(recording, network, skip_unknown=skip_unknown)
    windows, sensors = table.speed_mph.shape
    yield (
        f"{data}: it fits: {windows:,} windows of {sensors} sensors from {table.start.isoformat()} on, "
        f"{table.left_out.readings:,} readings"
    )
    for note in filter(None, (*use.notes(zone_of_times(recording, network)), table.resampled, str(table.left_out))):
        yield f"  {note}"


@app.command()
def show(
    folder: Annotated[
        Path, typer.Argument(help="Network folder.", show_default="the example network", metavar="DIR")
    ] = EXAMPLE_NETWORK,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """Show the carriageways of a network, its clock and its graph."""
    network = load_network(folder)
    if as_json:
        say(json.dumps(_description(network), indent=2))
        return
    numbers = ("sensors", "postmiles", "lanes")
    table = plain_table(("carriageway", *numbers), right=numbers, title=f"{network.name} ({network.network_id})")
    for road in (description := _description(network))["carriageways"]:
        lanes = "-".join(str(count) for count in sorted(set(road["lanes"] or ())))
        table.add_row(
            road["name"], str(road["sensors"]), f"{road['postmiles'][0]:.1f} - {road['postmiles'][1]:.1f}", lanes
        )
    graph = description["graph"]
    print_tables(
        table,
        f"{len(network.sensors)} sensors, {graph['edges']} edges ({graph['edges_per_sensor']:.1f} per sensor, "
        f"{graph['sensors_without_edge']} sensors without one)",
        f"Time zone {network.time_zone.key}, windows of {network.window}, readings every {network.reading_interval}",
        f"Public holidays: {network.holidays or 'none'}",
    )


def _notes(notes: "ImportNotes") -> list[str]:
    lines = []
    for kind, count in notes.left_out_types.items():
        lines.append(f"{count} stations of type {kind} left out: they do not measure a carriageway")
    if notes.without_position:
        lines.append(f"{notes.without_position} stations without a position left out")
    if notes.estimated_postmiles:
        lines.append(f"postmiles of {notes.estimated_postmiles} sensors estimated from their positions")
    if notes.unknown_freeway:
        lines.append(
            f"the freeway of {notes.unknown_freeway} sensors is unknown: each is a road of its own, without neighbours "
            "for congestion alerts; a column freeway or Fwy and Dir would tell"
        )
    if notes.foreign_edges:
        lines.append(f"{notes.foreign_edges} edges to sensors outside the network left out")
    return lines


def _description(network: Network) -> dict[str, Any]:
    touched = {end for edge in network.edges for end in (edge.from_sensor, edge.to_sensor)}
    return {
        "id": network.network_id,
        "name": network.name,
        "time_zone": network.time_zone.key,
        "window_seconds": network.window.total_seconds(),
        "reading_interval_seconds": network.reading_interval.total_seconds(),
        "holidays": network.holidays,
        "sensors": len(network.sensors),
        "graph": {
            "edges": len(network.edges),
            "edges_per_sensor": len(network.edges) / len(network.sensors),
            "sensors_without_edge": len(set(network.index) - touched),
        },
        "carriageways": [
            {
                "name": name,
                "sensors": len(along),
                "postmiles": [min(s.postmile for s in along), max(s.postmile for s in along)],
                "lanes": _range([s.lane_count for s in along if s.lane_count is not None]),
            }
            for name, along in sorted(network.carriageways.items())
        ],
    }


def _range(counts: list[int]) -> list[int] | None:
    return [min(counts), max(counts)] if counts else None
