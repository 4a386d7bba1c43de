"""`metrla history`: query the aggregates, predictions and alerts in the store."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache, partial
from itertools import islice
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metrla.cli.querying.output import Column, FormatOption, Kind, OutOption, Output, Row, progress
from metrla.cli.querying.selection import (
    FromOption,
    LocalOption,
    NetworkOption,
    RowSelection,
    SensorOption,
    StoreOption,
    ToOption,
)
from shared.events.records import TrafficAlert
from shared.runtime.settings import PlatformSettings, read_settings
from shared.store.encoding import action_json, evidence_json
from shared.store.outcomes import Outcome, with_outcomes

if TYPE_CHECKING:
    from shared.store.port import Store

AGGREGATE_COLUMNS = (
    Column("network_id"),
    Column("sensor_id"),
    Column("window_start", Kind.INSTANT),
    Column("window_end", Kind.INSTANT, in_table=False),
    Column("revision", Kind.INTEGER),
    Column("speed_count", Kind.INTEGER, in_table=False),
    Column("mean_speed_mph", Kind.NUMBER),
    Column("min_speed_mph", Kind.NUMBER),
    Column("max_speed_mph", Kind.NUMBER),
    Column("std_speed_mph", Kind.NUMBER, in_table=False),
    Column("volume_vehicles", Kind.NUMBER),
    Column("occupancy", Kind.NUMBER, in_table=False),
    Column("share_observed", Kind.NUMBER),
    Column("last_event_id", in_table=False),
)
PREDICTION_COLUMNS = (
    Column("network_id"),
    Column("sensor_id"),
    Column("timestamp", Kind.INSTANT),
    Column("model_name"),
    Column("model_version", in_table=False),
    Column("revision", Kind.INTEGER, in_table=False),
    Column("serving", Kind.FLAG, in_table=False),
    Column("basis"),
    Column("current_speed_mph", Kind.NUMBER),
    Column("horizon_minutes", Kind.INTEGER),
    Column("target_timestamp", Kind.INSTANT, in_table=False),
    Column("predicted_speed_mph", Kind.NUMBER),
    Column("lower_speed_mph", Kind.NUMBER),
    Column("upper_speed_mph", Kind.NUMBER),
    Column("confidence_score", Kind.NUMBER),
    Column("congestion_probability", Kind.NUMBER, in_table=False),
    Column("actual_speed_mph", Kind.NUMBER),
)
HORIZON_COLUMNS = [column.name for column in PREDICTION_COLUMNS].index("horizon_minutes")
ALERT_COLUMNS = (
    Column("alert_id"),
    Column("network_id", in_table=False),
    Column("alert_type"),
    Column("severity"),
    Column("status"),
    Column("revision", Kind.INTEGER, in_table=False),
    Column("message", in_table=False),
    Column("location"),
    Column("raised_at", Kind.INSTANT),
    Column("updated_at", Kind.INSTANT, in_table=False),
    Column("cleared_at", Kind.INSTANT),
    Column("latitude", Kind.NUMBER, in_table=False),
    Column("longitude", Kind.NUMBER, in_table=False),
    Column("affected_sensors", Kind.TEXTS, in_table=False),
    Column("estimated_duration_minutes", Kind.NUMBER),
    Column("confidence_score", Kind.NUMBER, in_table=False),
    Column("estimated_duration_lower_minutes", Kind.NUMBER, in_table=False),
    Column("estimated_duration_upper_minutes", Kind.NUMBER, in_table=False),
    Column("delay_vehicle_hours", Kind.NUMBER),
    Column("recurrent", Kind.FLAG),
    Column("expected_at", Kind.INSTANT, in_table=False),
    Column("worst_severity", in_table=False),
    Column("evidence", Kind.OBJECTS, in_table=False),
    Column("actions", Kind.OBJECTS, in_table=False),
)
ALERT_VALUES = ALERT_COLUMNS[: [column.name for column in ALERT_COLUMNS].index("evidence")]

app = typer.Typer(help="Query the store: windows, forecasts and alerts, newest first.", no_args_is_help=True)

LimitOption = Annotated[
    int | None, typer.Option("--limit", help="At most this many, the newest.", show_default="all", min=1)
]


@app.command()
def aggregates(
    network: NetworkOption = None,
    sensor: SensorOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    limit: LimitOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    local: LocalOption = False,
    store_url: StoreOption = None,
) -> None:
    """Windows of one or all sensors whose start lies in the range. Speeds in mph; empty means not observed."""
    settings = read_settings(PlatformSettings)
    wanted = RowSelection.read(settings, network, sensor, begin, end, local=local)
    output = Output.choose(form, out, wanted.zone)
    with _store(settings.store_url if store_url is None else store_url) as store:
        found = store.aggregates(wanted.network_id, wanted.sensor_id, wanted.start, wanted.end, limit)
        _write(
            output,
            AGGREGATE_COLUMNS,
            map(_values(AGGREGATE_COLUMNS), found),
            wanted.none_found(settings, "No aggregates match."),
        )


@app.command()
def predictions(
    network: NetworkOption = None,
    sensor: SensorOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Model name.", show_default="all", metavar="NAME")
    ] = None,
    serving: Annotated[
        bool, typer.Option("--serving", help="Only the network's answer for each sensor, whichever model gave it.")
    ] = False,
    horizon: Annotated[
        int | None, typer.Option("--horizon", help="Only this horizon.", show_default="all", min=1, metavar="MINUTES")
    ] = None,
    limit: LimitOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    local: LocalOption = False,
    store_url: StoreOption = None,
) -> None:
    """Forecasts made in the range, a row per horizon, with actual speeds; --limit counts forecasts. Speeds in mph."""
    settings = read_settings(PlatformSettings)
    wanted = RowSelection.read(settings, network, sensor, begin, end, local=local)
    output = Output.choose(form, out, wanted.zone)
    with _store(settings.store_url if store_url is None else store_url) as store:
        found = store.predictions(
            wanted.network_id, wanted.sensor_id, wanted.start, wanted.end, model, limit, serving=serving or None
        )
        windows = partial(store.aggregates, wanted.network_id, wanted.sensor_id, wanted.start)
        rows = (row for outcome in with_outcomes(found, windows) for row in _horizon_rows(outcome, horizon))
        _write(output, PREDICTION_COLUMNS, rows, wanted.none_found(settings, "No predictions match."))


@app.command()
def alerts(
    network: NetworkOption = None,
    sensor: SensorOption = None,
    begin: FromOption = None,
    end: ToOption = None,
    limit: LimitOption = None,
    form: FormatOption = None,
    out: OutOption = None,
    local: LocalOption = False,
    store_url: StoreOption = None,
) -> None:
    """Alerts raised in the range, each in its latest state; --sensor keeps those that affect it."""
    settings = read_settings(PlatformSettings)
    wanted = RowSelection.read(settings, network, sensor, begin, end, local=local)
    output = Output.choose(form, out, wanted.zone)
    with _store(settings.store_url if store_url is None else store_url) as store:
        found = store.alerts(wanted.network_id, wanted.start, wanted.end, None if sensor else limit)
        matching = (alert for alert in found if sensor is None or sensor in alert.affected_sensors)
        _write(
            output,
            ALERT_COLUMNS,
            map(_alert_row, islice(matching, limit)),
            wanted.none_found(settings, "No alerts match."),
        )


def _write(output: Output, columns: tuple[Column, ...], rows: Iterable[Row], empty: Callable[[], str]) -> None:
    with progress("rows", quiet=output.on_screen) as bar:
        output.write(columns, bar.track(rows, description="reading"), empty)


def _alert_row(alert: TrafficAlert) -> tuple[Any, ...]:
    evidence = [evidence_json(each) for each in alert.evidence]
    return (*_values(ALERT_VALUES)(alert), evidence, [action_json(each) for each in alert.actions])


def _horizon_rows(outcome: Outcome, only_minutes: int | None) -> Iterator[tuple[Any, ...]]:
    whole = _values(PREDICTION_COLUMNS[:HORIZON_COLUMNS])(outcome.prediction)
    of_horizon = _values(PREDICTION_COLUMNS[HORIZON_COLUMNS:-1])
    for forecast, actual_speed_mph in zip(outcome.prediction.horizons, outcome.actual_speeds_mph, strict=True):
        if only_minutes in {None, forecast.horizon_minutes}:
            yield (*whole, *of_horizon(forecast), actual_speed_mph)


@cache
def _values(columns: tuple[Column, ...]) -> Callable[[object], tuple[Any, ...]]:
    return attrgetter(*(column.name for column in columns))


@contextmanager
def _store(url: str) -> Iterator["Store"]:
    from shared.store.url import open_store  # noqa: PLC0415 - SQLAlchemy is slow to import

    with closing(open_store(url, create=False)) as store:
        yield store
