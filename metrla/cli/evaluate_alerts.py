"""`metrla evaluate-alerts`: how well incident detectors do on recorded days."""

import json
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from metrla.cli.feeding.options import TimeFormatOption, TimeZoneOption, read_time_reading
from metrla.cli.studying.models import FiguresOption, write_file
from metrla.cli.studying.progress import progress_bars
from metrla.cli.tables import print_tables
from metrla.terminal import console, say
from shared.events.errors import ConfigurationError
from shared.traffic.folder import load_network
from shared.traffic.network import Network

if TYPE_CHECKING:
    from metrla.cli.studying.progress import ProgressBars
    from metrla.data.feeds.files.times import TimeReading
    from metrla.lab.incidents.measures import Measures

WINDOW = timedelta(minutes=5)
ZONE_OF_STATIONS = "America/Los_Angeles"
"""PeMS is Californian; --time-zone says otherwise."""


def evaluate_alerts(
    data: Annotated[
        Path,
        typer.Option(
            help="Recorded measures: a file of speeds, or a folder with speed*, occupancy*, flow*, pct_observed* "
            "tables or PeMS station_5min files.",
            metavar="FILE|DIR",
        ),
    ],
    network: Annotated[
        Path, typer.Option(help="Network folder, or a PeMS table of stations (CSV).", metavar="DIR|CSV")
    ],
    incidents: Annotated[
        Path | None, typer.Option(help="Log of incidents (CHP's columns): what is to be detected.", metavar="CSV")
    ] = None,
    inject: Annotated[
        int | None,
        typer.Option(help="Inject this many incidents instead, shaped like real ones.", min=1, metavar="COUNT"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the injected incidents.")] = 1,
    tuning_days: Annotated[
        int | None,
        typer.Option(help="Days to calibrate on, at the beginning.", show_default="half", min=2, metavar="DAYS"),
    ] = None,
    last_days: Annotated[
        int | None, typer.Option(help="Use only the last days of the data.", min=4, metavar="DAYS")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="With --inject: false alarms per 100 sensor-days that detectors are calibrated to.",
            show_default="1",
            min=0.0,
        ),
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(help="Only this detector; may be repeated.", metavar="NAME")
    ] = None,
    time_format: TimeFormatOption = None,
    time_zone: TimeZoneOption = None,
    as_json: FiguresOption = None,
    report: Annotated[
        Path | None, typer.Option(help="Draw the curves into this folder.", file_okay=False, metavar="DIR")
    ] = None,
) -> None:
    """Score the incident alerts that the service raises on recorded days, as it ships, beside published detectors.

    With --incidents, a log says what happened; with --inject, incidents shaped like real ones are injected into the
    recorded days. All learn from the first days and are judged on the rest. docs/alerts.md defines what
    counts. --time-zone is also that of the clock of a table of stations, by default America/Los_Angeles.
    """
    from rich.text import Text  # noqa: PLC0415 - slow to import

    from metrla.lab.incidents.measures import read_measures  # noqa: PLC0415 - likewise

    if (incidents is None) == (inject is None):
        raise ConfigurationError("say what is to be detected: either --incidents CSV or --inject COUNT")
    if report is not None and inject is not None:
        raise ConfigurationError("--report draws curves of logged incidents: it goes with --incidents")
    times = read_time_reading(time_format, time_zone)
    with console(err=True).status("reading") as status:
        roads = _network(network, times.zone or ZoneInfo(ZONE_OF_STATIONS), data, times)
        measures = read_measures(data, roads, times, lambda file: status.update(Text(f"reading {file.name}")))
        measures = measures if network.is_dir() else measures.heard()
    measures = measures if last_days is None else measures.last(last_days)
    for gap in measures.gaps():
        say(f"{data.name}: {gap}", err=True)
    days = tuning_days if tuning_days is not None else len(measures.weekend) // 2
    with progress_bars() as bars:
        if incidents is not None:
            figures = _logged(measures, incidents, network, days, detector or [], report, bars)
        else:
            figures = _injected(measures, inject or 0, seed, days, budget, detector or [], bars)
    if as_json is not None:
        write_file(as_json, (json.dumps(figures, indent=2) + "\n").encode())


def _logged(
    measures: "Measures",
    incidents: Path,
    network: Path,
    days: int,
    only: list[str],
    report: Path | None,
    bars: "ProgressBars",
) -> dict[str, Any]:
    from metrla.cli.studying.incidents import (  # noqa: PLC0415 - likewise
        comparison_table,
        durations_table,
        shipped_table,
    )
    from metrla.data.importing.stations import half_sections  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.log_study import compare, comparison_json  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.logs import read_log  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.plots import plot_curves  # noqa: PLC0415 - likewise

    log = read_log(incidents, measures)
    for note in log.notes:
        say(f"{incidents.name}: {note}", err=True)
    half_miles = None if network.is_dir() else half_sections(network, measures.road)
    comparison = compare(measures, log.rows, days, only, half_miles, bars)
    print_tables(shipped_table(comparison), comparison_table(comparison), durations_table(comparison.durations))
    if report is not None:
        shipped = None if comparison.shipped is None else comparison.shipped.score
        for path in plot_curves([rival.curve for rival in comparison.rivals], report, shipped):
            say(str(path))
    return comparison_json(comparison, measures)


def _injected(
    measures: "Measures",
    count: int,
    seed: int,
    days: int,
    budget: float | None,
    only: list[str],
    bars: "ProgressBars",
) -> dict[str, Any]:
    from metrla.cli.studying.incidents import injection_table  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.detectors import LIVE  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.injection_study import (  # noqa: PLC0415 - likewise
        evaluate_injected,
        evaluate_live,
        injection_json,
        upset_days,
    )

    upset = upset_days(measures, days, count, seed)
    offline = [name for name in only if name != LIVE]
    rate = 1.0 if budget is None else budget
    results = evaluate_injected(upset, rate, offline, lambda name: bars(name, 1, 1)) if offline or not only else []
    if not only or LIVE in only:
        results.append(evaluate_live(upset, lambda done, total: bars(LIVE, done, total)))
    print_tables(injection_table(results, len(measures.weekend) - days))
    return injection_json(results, upset)


def _network(path: Path, zone: ZoneInfo, data: Path, times: "TimeReading") -> Network:
    from metrla.data.importing.stations import station_network  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.measures import reading_interval  # noqa: PLC0415 - likewise

    if path.is_dir():
        return load_network(path)
    return station_network(path, path.stem, zone, max(reading_interval(data, times) or WINDOW, WINDOW))
