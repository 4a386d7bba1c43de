"""`metrla evaluate-alerts`: how well incident detectors do on recorded days."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from metrla.cli.feeding.options import TimeFormatOption, TimeZoneOption, read_time_reading
from metrla.cli.studying.models import FiguresOption, write_file
from metrla.cli.tables import print_tables
from metrla.terminal import console, say
from shared.events.errors import ConfigurationError
from shared.traffic.folder import load_network
from shared.traffic.network import Network

if TYPE_CHECKING:
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
        int | None, typer.Option(help="Inject this many simulated incidents instead.", min=1, metavar="COUNT")
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
            help="False alarms to calibrate to: per day of all stations; with --inject per 100 sensor-days.",
            show_default="6; with --inject 1",
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
    """Compare incident detectors on recorded days: detection rate, false alarms, time to detect.

    With --incidents, a log says what happened; with --inject, incidents of the simulator's traffic model are injected
    into the recorded speeds. Detectors are calibrated on the first days and judged on the rest. docs/alerts.md defines
    what counts. --time-zone is also that of the clock of a table of stations, by default America/Los_Angeles.
    """
    from rich.text import Text  # noqa: PLC0415 - slow to import

    from metrla.lab.incidents.measures import read_measures  # noqa: PLC0415 - likewise

    if (incidents is None) == (inject is None):
        raise ConfigurationError("say what is to be detected: either --incidents CSV or --inject COUNT")
    if report is not None and inject is not None:
        raise ConfigurationError("--report draws curves of logged incidents: it goes with --incidents")
    times = read_time_reading(time_format, time_zone)
    roads = _network(network, times.zone or ZoneInfo(ZONE_OF_STATIONS))
    with console(err=True).status("reading") as status:
        measures = read_measures(data, roads, times, lambda file: status.update(Text(f"reading {file.name}")))
        measures = measures if last_days is None else measures.last(last_days)
        days = tuning_days if tuning_days is not None else len(measures.weekend) // 2

        def tell(name: str) -> None:
            status.update(Text(f"running {name}"))

        if incidents is not None:
            figures = _logged(measures, incidents, days, budget, detector or [], report, tell)
        else:
            figures = _injected(measures, inject or 0, seed, days, budget, detector or [], tell)
    if as_json is not None:
        write_file(as_json, (json.dumps(figures, indent=2) + "\n").encode())


def _logged(
    measures: "Measures",
    incidents: Path,
    days: int,
    budget: float | None,
    only: list[str],
    report: Path | None,
    tell: Callable[[str], None],
) -> dict[str, Any]:
    from metrla.cli.studying.incidents import (  # noqa: PLC0415 - likewise
        comparison_table,
        durations_table,
        equal_rates_table,
    )
    from metrla.lab.incidents.log_study import compare, comparison_json  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.logs import read_log  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.plots import plot_curves  # noqa: PLC0415 - likewise

    log = read_log(incidents, measures)
    comparison = compare(measures, log, days, 6.0 if budget is None else budget, only, tell)
    print_tables(comparison_table(comparison), equal_rates_table(comparison), durations_table(comparison.durations))
    if report is not None:
        for path in plot_curves([result.test for result in comparison.results], report):
            say(str(path))
    return comparison_json(comparison)


def _injected(
    measures: "Measures",
    count: int,
    seed: int,
    days: int,
    budget: float | None,
    only: list[str],
    tell: Callable[[str], None],
) -> dict[str, Any]:
    from metrla.cli.studying.incidents import injection_table  # noqa: PLC0415 - likewise
    from metrla.lab.incidents.injection_study import (  # noqa: PLC0415 - likewise
        LIVE,
        evaluate_injected,
        evaluate_live,
        injection_json,
        upset_days,
    )

    tell("the traffic model")
    upset = upset_days(measures, days, count, seed)
    offline = [name for name in only if name != LIVE]
    results = evaluate_injected(upset, 1.0 if budget is None else budget, offline, tell) if offline or not only else []
    if not only or LIVE in only:
        tell(LIVE)
        results.append(evaluate_live(upset))
    print_tables(injection_table(results, len(measures.weekend) - days))
    return injection_json(results)


def _network(path: Path, zone: ZoneInfo) -> Network:
    from metrla.data.importing.stations import station_network  # noqa: PLC0415 - likewise

    if path.is_dir():
        return load_network(path)
    return station_network(path, path.stem, zone, WINDOW)
