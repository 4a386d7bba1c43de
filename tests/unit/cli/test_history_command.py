import csv
import io
import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyarrow import parquet
from typer.testing import CliRunner, Result

from metrla.cli.history import AGGREGATE_COLUMNS, ALERT_COLUMNS, PREDICTION_COLUMNS, app
from metrla.cli.querying.output import Kind
from shared.events.errors import ConfigurationError, StoreError
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertEvidence,
    AlertId,
    AlertSeverity,
    HorizonForecast,
    MeasuredWindow,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.url import open_store
from tests.kit.announcements import alert_of

NETWORK = NetworkId("metr-la")
A, B = SensorId("a"), SensorId("b")
START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def aggregate(sensor: SensorId, window: int) -> ProcessedTrafficAggregate:
    start = START + window * WINDOW
    return ProcessedTrafficAggregate(
        NETWORK, sensor, start, start + WINDOW, 1, 1, 61.25, 61.25, 61.25, 0.0, None, None, 1.0, f"{sensor}{window}"
    )


def prediction(sensor: SensorId, step: int) -> TrafficPrediction:
    origin = START + step * WINDOW
    forecasts = tuple(
        HorizonForecast(5 * number, origin + number * WINDOW, 60.0, 50.0, 70.0, 0.75) for number in range(1, 13)
    )
    return TrafficPrediction(NETWORK, sensor, origin, "linear_regression", "v1", 12, 61.25, forecasts)


def alert(name: str, minute: int, *sensors: SensorId) -> TrafficAlert:
    raised = START + timedelta(minutes=minute)
    return alert_of(
        raised,
        alert_id=AlertId(name),
        network_id=NETWORK,
        severity=AlertSeverity.HIGH,
        message="Queue",
        location="I-5 N",
        affected_sensors=sensors,
    )


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    open_store(url).close()
    return url


@pytest.fixture
def filled(url: str) -> str:
    with closing(open_store(url)) as store:
        store.put_aggregates([aggregate(sensor, window) for sensor in (A, B) for window in range(3)])
        store.put_predictions([prediction(sensor, step) for sensor in (A, B) for step in range(2)])
        store.put_alerts([alert("x", 0, A), alert("y", 5, A, B), alert("z", 10, B)])
    return url


def run(*arguments: str, url: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--store-url", url], catch_exceptions=False, env={"COLUMNS": "300"})


def rows(*arguments: str, url: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(run(*arguments, "--format", "json", url=url).stdout)
    return found


def test_aggregates_newest_first(filled: str) -> None:
    found = rows("aggregates", url=filled)
    assert [row["last_event_id"] for row in found] == ["a2", "b2", "a1", "b1", "a0", "b0"]
    assert list(found[0]) == [column.name for column in AGGREGATE_COLUMNS]
    assert found[0]["window_start"] == "2012-05-02T07:10:00Z"


def test_aggregates_by_sensor_time_and_limit(filled: str) -> None:
    def found(*arguments: str) -> list[object]:
        return [row["last_event_id"] for row in rows("aggregates", *arguments, url=filled)]

    assert found("--sensor", "a", "--limit", "2") == ["a2", "a1"]
    assert found("--network", "metr-la", "--from", "2012-05-02T07:05Z", "--to", "2012-05-02T07:10Z") == ["a1", "b1"]
    with pytest.raises(ConfigurationError, match="--network 'other'"):
        found("--network", "other")


def test_local_times_are_read_and_shown_in_the_zone_of_the_network(filled: str, tmp_path: Path) -> None:
    folder = tmp_path / "network"
    folder.mkdir()
    (folder / "network.toml").write_text('id = "metr-la"\ntime_zone = "America/Los_Angeles"\n')
    (folder / "sensors.csv").write_text("sensor_id,freeway,direction,postmile,latitude,longitude\na,I-5,N,1,34,-118\n")
    arguments = ["aggregates", "--local", "--from", "2012-05-02T00:10", "--format", "json", "--store-url", filled]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False, env={"METRLA_NETWORKS": str(folder)})
    assert [row["window_start"] for row in json.loads(result.stdout)] == ["2012-05-02T00:10:00-07:00"] * 2


def test_predictions_have_a_row_per_horizon(filled: str) -> None:
    found = rows("predictions", "--sensor", "a", "--limit", "1", url=filled)
    assert [row["horizon_minutes"] for row in found] == list(range(5, 61, 5))
    assert list(found[0]) == [column.name for column in PREDICTION_COLUMNS]
    assert found[2]["timestamp"] == "2012-05-02T07:05:00Z"
    assert found[2]["target_timestamp"] == "2012-05-02T07:20:00Z"


def test_predictions_by_horizon_and_model(filled: str) -> None:
    found = rows("predictions", "--horizon", "15", url=filled)
    assert [(row["sensor_id"], row["horizon_minutes"]) for row in found] == [("a", 15), ("b", 15)] * 2
    assert rows("predictions", "--model", "other", url=filled) == []


def test_alerts_of_a_sensor(filled: str) -> None:
    assert [row["alert_id"] for row in rows("alerts", url=filled)] == ["z", "y", "x"]
    assert [row["alert_id"] for row in rows("alerts", "--sensor", "a", "--limit", "1", url=filled)] == ["y"]
    first = rows("alerts", "--limit", "1", url=filled)[0]
    assert list(first) == [column.name for column in ALERT_COLUMNS]
    assert (first["severity"], first["affected_sensors"]) == ("high", ["b"])
    lines = csv.DictReader(io.StringIO(run("alerts", "--format", "csv", url=filled).stdout))
    assert [line["affected_sensors"] for line in lines] == ["b", "a b", "a"]


def test_evidence_and_actions_are_objects_in_json_and_text_elsewhere(url: str, tmp_path: Path) -> None:
    window = MeasuredWindow(A, START, 18.5, None, 55.0)
    evidence = (AlertEvidence("bottleneck", "speed_drop_mph", 41.5, 20.0, None, None, (window,)),)
    actions = (AlertAction("a-1", AlertId("x"), NETWORK, AlertActionKind.CLOSE, START, "Dana", "2, or 3 lanes"),)
    with closing(open_store(url)) as store:
        store.put_alerts([replace(alert("x", 0, A), evidence=evidence, actions=actions, recurrent=False)])
    (row,) = json.loads(run("alerts", "--format", "json", url=url).stdout)
    assert row["evidence"][0]["windows"][0]["window_end"] == "2012-05-02T07:00:00.000Z"
    assert (row["actions"][0]["kind"], row["recurrent"]) == ("close", False)
    (line,) = csv.DictReader(io.StringIO(run("alerts", "--format", "csv", url=url).stdout))
    assert json.loads(line["actions"]) == row["actions"]
    assert line["recurrent"] == "false"
    out = tmp_path / "alerts.parquet"
    run("alerts", "--out", str(out), url=url)
    (stored,) = parquet.read_table(out).to_pylist()
    assert json.loads(stored["evidence"]) == row["evidence"]


@pytest.mark.parametrize("command", ["aggregates", "predictions", "alerts"])
def test_nothing_found_says_so(url: str, command: str) -> None:
    result = run(command, url=url)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", f"No {command} match.\n")


def test_forecasts_stand_beside_what_came_true(filled: str) -> None:
    found = rows("predictions", "--sensor", "a", "--horizon", "10", url=filled)
    assert [row["actual_speed_mph"] for row in found] == [61.25, 61.25]
    found = rows("predictions", "--sensor", "a", "--horizon", "15", "--from", "2012-05-02T07:00", url=filled)
    assert [(row["timestamp"], row["actual_speed_mph"]) for row in found] == [
        ("2012-05-02T07:05:00Z", None),
        ("2012-05-02T07:00:00Z", 61.25),
    ]


def test_what_was_served_is_told_from_what_was_compared(filled: str) -> None:
    with closing(open_store(filled)) as store:
        compared = [replace(one, model_name="xgboost", serving=False) for one in store.predictions()]
        store.put_predictions(compared)
    both = rows("predictions", "--horizon", "15", url=filled)
    assert [row["serving"] for row in both] == [True, False] * 4
    served = rows("predictions", "--horizon", "15", "--serving", url=filled)
    assert [(row["model_name"], row["basis"]) for row in served] == [("linear_regression", "trained")] * 4
    lines = csv.DictReader(io.StringIO(run("predictions", "--format", "csv", url=filled).stdout))
    assert {line["serving"] for line in lines} == {"true", "false"}


@pytest.mark.parametrize("command", ["aggregates", "predictions", "alerts"])
def test_tables_and_parquet_have_rows(filled: str, tmp_path: Path, command: str) -> None:
    import pandas as pd  # noqa: PLC0415 - slow to import

    lines = run(command, url=filled).stdout.splitlines()
    out = tmp_path / "rows.parquet"
    assert run(command, "--out", str(out), url=filled).exit_code == 0
    assert len(pd.read_parquet(out)) == len(lines) - 1 > 0


def test_a_store_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no SQLite file"):
        run("aggregates", url=f"sqlite:///{tmp_path / 'absent.sqlite'}")
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_range_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not before"):
        run("alerts", "--from", "2012-05-03", "--to", "2012-05-02", url=url)


def test_columns_name_fields_of_the_records() -> None:
    for columns, record in ((AGGREGATE_COLUMNS, aggregate(A, 0)), (ALERT_COLUMNS, alert("x", 0))):
        for column in columns:
            value = getattr(record, column.name)
            assert isinstance(value, datetime) == (column.kind is Kind.INSTANT) or value is None


@pytest.mark.parametrize("command", ["aggregates", "predictions", "alerts"])
def test_help(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert "METRLA_STORE_URL" in result.stdout
