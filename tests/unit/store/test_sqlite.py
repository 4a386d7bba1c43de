import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.events.errors import ConfigurationError, StoreError
from shared.events.records import HorizonForecast, NetworkId, ProcessedTrafficAggregate, SensorId, TrafficPrediction
from shared.store.model_records import HorizonScore, ModelScore
from shared.store.port import Store
from shared.store.sql import sqlite
from shared.store.sql.schema import VERSIONS
from shared.store.url import open_store
from tests.kit.windows import processed_window

START = datetime(2012, 5, 2, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def aggregate(window: int = 0, sensor: str = "a") -> ProcessedTrafficAggregate:
    return processed_window("metr-la", sensor, START + window * WINDOW)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "store.sqlite"


@pytest.fixture
def store(file: Path) -> Iterator[Store]:
    with closing(open_store(f"sqlite:///{file}")) as opened:
        yield opened


def query(file: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


def test_the_file_is_made_with_its_folder_and_write_ahead_log(store: Store, file: Path) -> None:
    store.ping()
    assert query(file, "PRAGMA journal_mode") == [("wal",)]
    assert query(file, "SELECT version_num FROM metrla_schema_version") == [(VERSIONS[-1],)]


def test_a_relative_url_is_relative_to_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store("sqlite:///here.sqlite").close()
    assert (tmp_path / "here.sqlite").exists()


def test_looking_makes_no_file(file: Path) -> None:
    with pytest.raises(StoreError, match=f"no SQLite file {file}"):
        open_store(f"sqlite:///{file}", create=False)
    assert not file.parent.exists()


def test_instants_are_milliseconds(store: Store, file: Path) -> None:
    store.put_aggregates([aggregate()])
    assert query(file, "SELECT window_start, datetime(window_start / 1000, 'unixepoch') FROM traffic_aggregates") == [
        (1_335_916_800_000, "2012-05-02 00:00:00")
    ]


def test_the_view_has_a_row_per_horizon(store: Store, file: Path) -> None:
    forecasts = tuple(
        HorizonForecast(5 * number, START + number * WINDOW, 60.0 - number, 50.0, 70.0, 0.5, number / 8)
        for number in (1, 2, 3)
    )
    store.put_predictions([TrafficPrediction(NetworkId("metr-la"), SensorId("a"), START, "m", "v", 4, None, forecasts)])
    found = query(
        file,
        "SELECT sensor_id, timestamp, revision, current_speed_mph, horizon_minutes, target_timestamp,"
        " predicted_speed_mph, confidence_score, congestion_probability FROM traffic_prediction_horizons"
        " ORDER BY horizon_minutes",
    )
    origin = 1_335_916_800_000
    assert found == [
        ("a", origin, 4, None, 5 * number, origin + 300_000 * number, 60.0 - number, 0.5, number / 8)
        for number in (1, 2, 3)
    ]


def test_a_view_has_a_row_per_horizon_of_a_score(store: Store, file: Path) -> None:
    horizons = tuple(HorizonScore(minutes, 10, 25.0, 90.0, -5.0, 9, 8, 7.5) for minutes in (5, 10))
    counts = (0,) * 17
    store.put_model_scores([ModelScore(NetworkId("metr-la"), "ensemble", "v", START, 4, counts, 2, horizons)])
    found = query(
        file,
        "SELECT model_name, timestamp, horizon_minutes, pairs, absolute_error_sum_mph / pairs, covered, close,"
        " confidence_sum FROM traffic_model_score_horizons ORDER BY horizon_minutes",
    )
    assert found == [("ensemble", 1_335_916_800_000, minutes, 10, 2.5, 9, 8, 7.5) for minutes in (5, 10)]


@pytest.mark.parametrize(
    ("table", "condition", "order", "index"),
    [
        ("traffic_aggregates", "sensor_id = 'a'", "window_start DESC, sensor_id, network_id", "PRIMARY KEY"),
        ("traffic_aggregates", "1", "window_start DESC, sensor_id, network_id", "traffic_aggregates_by_time"),
        (
            "traffic_aggregates",
            "network_id = 'metr-la' AND window_start >= 1 AND window_start < 2",
            "window_start DESC, sensor_id, network_id",
            "traffic_aggregates_by_time",
        ),
        (
            "traffic_predictions",
            "network_id = 'metr-la'",
            "timestamp DESC, sensor_id, model_name, network_id",
            "traffic_predictions_by_time",
        ),
        (
            "traffic_predictions",
            "sensor_id = 'a' AND timestamp >= 1",
            "timestamp DESC, sensor_id, model_name, network_id",
            "sqlite_autoindex_traffic_predictions_1",
        ),
        ("traffic_alerts", "network_id = 'metr-la'", "raised_at DESC, alert_id", "traffic_alerts_by_time"),
        (
            "traffic_model_scores",
            "network_id = 'metr-la' AND timestamp >= 1",
            "timestamp DESC, model_name, model_version, network_id",
            "traffic_model_scores_by_time",
        ),
        (
            "traffic_model_scores",
            "network_id = 'metr-la' AND model_name = 'ensemble' AND timestamp >= 1",
            "timestamp DESC, model_name, model_version, network_id",
            "sqlite_autoindex_traffic_model_scores_1",
        ),
        (
            "traffic_served_models",
            "network_id = 'metr-la'",
            "network_id, model_name, model_version",
            "sqlite_autoindex_traffic_served_models_1",
        ),
    ],
)
def test_the_queries_of_the_store_are_served_by_an_index(
    store: Store, file: Path, table: str, condition: str, order: str, index: str
) -> None:
    store.ping()
    plan = query(file, f"EXPLAIN QUERY PLAN SELECT * FROM {table} WHERE {condition} ORDER BY {order} LIMIT 10")  # noqa: S608 - literals
    steps = [str(step[-1]) for step in plan]
    assert index in steps[0]
    # At most the rows of one instant are sorted, never the history.
    assert "USE TEMP B-TREE FOR ORDER BY" not in steps


def test_a_writer_waits_for_another(store: Store, file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = threading.Thread(target=store.put_aggregates, args=([aggregate()],))
        writing.start()
        writing.join(0.2)
        assert writing.is_alive()
        assert list(store.aggregates()) == []
        other.execute("COMMIT")
        writing.join(10)
    assert list(store.aggregates()) == [aggregate()]


def test_a_writer_does_not_wait_for_ever(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 50)
    with (
        closing(open_store(f"sqlite:///{file}")) as store,
        closing(sqlite3.connect(file, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="cannot write traffic_aggregates: database is locked"):
            store.put_aggregates([aggregate()])


def test_a_batch_is_stored_whole_or_not_at_all(store: Store) -> None:
    bad = ProcessedTrafficAggregate(*[None] * 14)  # type: ignore[arg-type]  # what the table refuses
    with pytest.raises(StoreError, match="cannot write traffic_aggregates"):
        store.put_aggregates([aggregate(), bad])
    assert list(store.aggregates()) == []


def test_tables_of_a_newer_version_are_left_alone(file: Path) -> None:
    open_store(f"sqlite:///{file}").close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE metrla_schema_version SET version_num = '9999'")
    for create in (True, False):
        with pytest.raises(StoreError, match=f"tables of version 9999; this metrla knows {VERSIONS[-1]}"):
            open_store(f"sqlite:///{file}", create=create)


def test_looking_makes_no_tables(file: Path) -> None:
    file.parent.mkdir()
    file.touch()
    with pytest.raises(StoreError, match="`metrla store init` makes them"):
        open_store(f"sqlite:///{file}", create=False)
    assert file.stat().st_size == 0


def test_what_is_no_database_is_named(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is not a database, whatever its name says" * 100)
    with pytest.raises(StoreError, match=r"cannot open .*store\.sqlite: file is not a database"):
        open_store(f"sqlite:///{file}")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot make folder"):
        open_store(f"sqlite:///{tmp_path}/file/folder/store.sqlite")


@pytest.mark.parametrize(
    "url", ["", "store", "postgresql+psycopg://host/db", "sqlite://", "sqlite:///:memory:", "mysql://host/db"]
)
def test_a_url_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///"):
        open_store(url)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store("mysql://me:secret@host/db")
    assert "secret" not in str(refused.value)
