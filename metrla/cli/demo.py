"""`metrla demo`: the whole pipeline on this machine, on simulated or published readings."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from metrla.cli.feeding.options import (
    SkipUnknownOption,
    TimeFormatOption,
    TimeZoneOption,
    read_speed,
    read_time_reading,
    taken_until,
)
from metrla.cli.querying.selection import read_range
from metrla.data.feeds.files.times import TimeReading
from metrla.local.stack.shape import DEFAULT_RUN
from shared.events.errors import ConfigurationError
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import Network

DEFAULT_SPEED = 60.0


def demo(
    duration: Annotated[
        float | None, typer.Option(help="Stop after this many seconds.", min=1, metavar="SECONDS")
    ] = None,
    speed: Annotated[
        str, typer.Option(help="Event time per wall time; 1 is live, 'max' as fast as it goes.", metavar="X|max")
    ] = f"{DEFAULT_SPEED:g}",
    port: Annotated[
        int, typer.Option(help="Port of the gateway and its page; 0 picks a free one.", min=0, max=65535)
    ] = 8000,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Published readings to replay (.h5, .csv, .parquet, PeMS station_5min); needs --network.",
            exists=True,
            dir_okay=False,
            metavar="FILE",
        ),
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option(
            help="Sensor network folder; the example network by default.", exists=True, file_okay=False, metavar="DIR"
        ),
    ] = None,
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Start of the replay: ISO 8601, local time of the network unless it has an offset.",
            metavar="TIME",
        ),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="End of the replay, exclusive, in the same form.", metavar="TIME")
    ] = None,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    skip_unknown: SkipUnknownOption = False,
    damaged: Annotated[
        float, typer.Option(help="Share of damaged events to mix in (0-1).", min=0, max=1, metavar="SHARE")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the simulation and of the damage.")] = 7,
    state: Annotated[
        Path | None,
        typer.Option(
            help="Folder for archive, store and logs, emptied first.",
            show_default=".metrla/demo-PORT",
            file_okay=False,
            metavar="DIR",
        ),
    ] = None,
    exit_when_fed: Annotated[
        bool, typer.Option("--exit-when-fed", help="Stop once the feed has ended and all of it is processed.")
    ] = False,
    real: Annotated[
        bool,
        typer.Option(
            "--real",
            help="Run on real Kafka, HDFS and HBase: those of `metrla stack up`, started if necessary.",
        ),
    ] = False,
    stack: Annotated[
        Path, typer.Option(help="Folder of that stack, for --real.", file_okay=False, metavar="DIR")
    ] = DEFAULT_RUN,
) -> None:
    """Start broker, services and a feed, serve a live page, and run until Ctrl-C.

    Without --data the network (by default the example network) is simulated from a weekday morning on. With --data
    the file is replayed: from --from (by default after the first 70 % of its days), with a model trained on what lies
    before. A network that weights come with metrla for, as METR-LA, is recognised by its sensors and edges: its models
    serve at once, and by default the replay begins after all that they have seen.

    With --real the servers keep their data, and a simulation continues where the last one ended.
    """
    if data is not None and network is None:
        raise ConfigurationError("--data needs --network: the folder that says what its columns are")
    if data is None and (end is not None or time_format is not None or time_zone is not None or skip_unknown):
        raise ConfigurationError(
            "--to, --time-format, --time-zone and --skip-unknown are about a file: name it by --data"
        )
    factor, roads = read_speed(speed), load_network(network or EXAMPLE_NETWORK)
    first, last = read_range(begin, end, roads.time_zone)
    if data is not None:
        # All of the file is read before anything is started or trained.
        first, last = _replayed(data, roads, first, last, read_time_reading(time_format, time_zone), skip_unknown)
    from metrla.local.launcher.demo import run_demo  # noqa: PLC0415 - pandas and Rich take their time to import
    from metrla.local.launcher.plan import free_port  # noqa: PLC0415 - likewise
    from metrla.local.launcher.request import DemoRequest  # noqa: PLC0415 - likewise

    port = port or free_port()
    request = DemoRequest(
        state=(state or Path(".metrla") / f"demo-{port}").absolute(),
        network=network.absolute() if network else None,
        data=data.absolute() if data else None,
        begin=None if first is None else first.isoformat(),
        end=None if last is None else last.isoformat(),
        speed=factor,
        damaged=damaged,
        seed=seed,
        port=port,
        duration=timedelta(seconds=duration) if duration else None,
        exit_when_fed=exit_when_fed,
        stack=stack.absolute() if real else None,
        reading=[
            *(("--time-format", time_format) if time_format else ()),
            *(("--time-zone", time_zone) if time_zone else ()),
            *(("--skip-unknown",) if skip_unknown else ()),
        ],
    )
    raise typer.Exit(asyncio.run(run_demo(request)))


def _replayed(
    data: Path, network: Network, begin: datetime | None, end: datetime | None, times: TimeReading, skip_unknown: bool
) -> tuple[datetime, datetime | None]:
    """From when to when a file is replayed; raises `ConfigurationError` where that cannot be."""
    from metrla.data.feeds.files.formats import open_readings  # noqa: PLC0415 - likewise
    from metrla.data.feeds.replay import Replay  # noqa: PLC0415 - likewise
    from metrla.local.launcher.request import default_start  # noqa: PLC0415 - likewise
    from metrla.local.launcher.weights import ShippedWeights  # noqa: PLC0415 - likewise
    from shared.forecasting.registry.pretrained import PretrainedModels  # noqa: PLC0415 - likewise

    recorded = Replay(open_readings(data, times), network, begin, end, skip_unknown=skip_unknown)
    first, last = recorded.extent(taken_until())
    weights = ShippedWeights.of(network, PretrainedModels())
    seen_until = None if weights is None or weights.seen is None else weights.seen[1]
    return begin or default_start(first, last, network.time_zone, seen_until), end
