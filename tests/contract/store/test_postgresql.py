"""What holds on PostgreSQL alone: partitions and migrations."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, make_url
from sqlalchemy.pool import NullPool

from shared.events.errors import StoreError
from shared.events.records import (
    HorizonForecast,
    NetworkId,
    PredictionBasis,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficPrediction,
)
from shared.store.model_records import HorizonScore, ModelScore
from shared.store.port import OpenedStore
from shared.store.sql.schema import VERSION_TABLE
from shared.store.sql.tables import metadata
from shared.store.url import open_store

pytestmark = pytest.mark.real

START = datetime(2012, 5, 31, 23, 55, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def aggregate(network: NetworkId, start: datetime = START, sensor: str = "a") -> ProcessedTrafficAggregate:
    return ProcessedTrafficAggregate(
        *(network, SensorId(sensor), start, start + WINDOW, 1, 1, 60.0, 60.0, 60.0, 0.0, None, None, 1.0, "e")
    )


@pytest.fixture
def store(postgresql_url: str) -> Iterator[OpenedStore]:
    with closing(open_store(postgresql_url)) as opened:
        yield opened


@pytest.fixture
def engine(postgresql_url: str) -> Engine:
    return create_engine(make_url(postgresql_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)


def query(engine: Engine, sql: str) -> list[tuple[object, ...]]:
    with engine.begin() as connection:
        result = connection.exec_driver_sql(sql)
        return [tuple(row) for row in result] if result.returns_rows else []


def test_migrated_tables_are_those_of_the_code(store: OpenedStore, engine: Engine) -> None:
    def is_ours(_: object, name: str | None, kind: str, *__: object) -> bool:
        # Partitions are made as rows need them.
        return not (kind == "table" and name is not None and "_y" in name)

    store.ping()
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE, "compare_type": True, "include_object": is_ours}
        )
        assert compare_metadata(context, metadata) == []


def test_tables_of_the_first_version_are_migrated_with_their_partitions(
    store: OpenedStore, engine: Engine, postgresql_url: str, network: NetworkId
) -> None:
    forecast = HorizonForecast(5, START + WINDOW, 60.0, 50.0, 70.0, 0.5, 0.25)
    made = TrafficPrediction(network, SensorId("a"), START, "m", "1", 1, None, (forecast,))
    store.put_predictions([made])
    query(engine, "DROP VIEW traffic_prediction_horizons")
    query(engine, "ALTER TABLE traffic_predictions DROP COLUMN serving, DROP COLUMN basis")
    query(engine, f"UPDATE {VERSION_TABLE} SET version_num = '0001'")  # noqa: S608 - our own name
    with closing(open_store(postgresql_url)) as migrated:
        assert list(migrated.predictions(network)) == [made]
        again = replace(made, serving=False, basis=PredictionBasis.IMPUTED, revision=2)
        migrated.put_predictions([again])
        assert list(migrated.predictions(network)) == [again]
    columns = "horizon_minutes, serving, basis, congestion_probability"
    shown = f"SELECT {columns} FROM traffic_prediction_horizons WHERE network_id = '{network}'"  # noqa: S608 - ours
    assert query(engine, shown) == [(5, False, "imputed", 0.25)]


def test_rows_go_to_the_partition_of_their_utc_month(store: OpenedStore, engine: Engine, network: NetworkId) -> None:
    store.put_aggregates([aggregate(network), aggregate(network, START + WINDOW)])
    for month in ("05", "06"):
        rows = f"traffic_aggregates_y2012m{month} WHERE network_id = '{network}'"
        assert query(engine, f"SELECT count(*) FROM {rows}") == [(1,)]  # noqa: S608 - our own names
    parts = {table.name: table.parts for table in store.tables()}
    assert parts["traffic_aggregates"] >= 2
    assert parts["traffic_alerts"] == 1


def test_the_last_month_of_all_has_a_partition(store: OpenedStore, network: NetworkId) -> None:
    latest = aggregate(network, datetime(9999, 12, 31, tzinfo=UTC))
    store.put_aggregates([latest])
    assert list(store.aggregates(network)) == [latest]


def test_a_month_that_was_dropped_is_made_again(store: OpenedStore, engine: Engine, network: NetworkId) -> None:
    old = aggregate(network, START.replace(year=2001))
    store.put_aggregates([old])
    query(engine, "ALTER TABLE traffic_aggregates DETACH PARTITION traffic_aggregates_y2001m05")
    query(engine, "DROP TABLE traffic_aggregates_y2001m05")
    assert list(store.aggregates(network)) == []
    store.put_aggregates([old])
    assert list(store.aggregates(network)) == [old]


def test_a_new_month_waits_for_no_reader(store: OpenedStore, network: NetworkId) -> None:
    store.put_aggregates([aggregate(network, START + number * WINDOW) for number in range(2_000)])
    reading = store.aggregates(network)
    next(reading)
    store.put_aggregates([aggregate(network, START.replace(year=2002))])
    # It reads on past the pages that it had: older rows that come meanwhile are not in its snapshot.
    assert sum(1 for _ in reading) == 1_999
    assert len(list(store.aggregates(network, end=START.replace(year=2003)))) == 1


def test_writers_that_need_the_same_months_do_not_meet(postgresql_url: str, network: NetworkId) -> None:
    def write(order: int) -> None:
        months = [START.replace(year=1990 + year, day=1) for year in range(8)]
        rows = [
            aggregate(network, start, f"{sensor}")
            for start in months[:: 1 if order % 2 else -1]
            for sensor in range(20)
        ]
        with closing(open_store(postgresql_url)) as store:
            for _ in range(3):
                store.put_aggregates(rows)

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(write, range(6)))
    with closing(open_store(postgresql_url)) as store:
        assert len(list(store.aggregates(network))) == 160


def test_ids_sort_by_their_bytes(store: OpenedStore, network: NetworkId) -> None:
    ids = ["a", "B", "_", "Z", "é", "b", "0"]
    store.put_aggregates([aggregate(network, sensor=sensor) for sensor in ids])
    assert [one.sensor_id for one in store.aggregates(network)] == sorted(ids)


def test_the_view_has_a_row_per_horizon(store: OpenedStore, engine: Engine, network: NetworkId) -> None:
    forecasts = tuple(HorizonForecast(5 * n, START + n * WINDOW, 60.5 - n, 50.0, 70.0, 0.5) for n in (1, 2))
    store.put_predictions([TrafficPrediction(network, SensorId("a"), START, "m", "v", 4, None, forecasts)])
    columns = "horizon_minutes, target_timestamp, predicted_speed_mph"
    rows = f"traffic_prediction_horizons WHERE network_id = '{network}' ORDER BY 1"
    found = query(engine, f"SELECT {columns} FROM {rows}")  # noqa: S608 - our own names
    assert found == [(5 * n, START + n * WINDOW, 60.5 - n) for n in (1, 2)]


def test_a_view_has_a_row_per_horizon_of_a_score(store: OpenedStore, engine: Engine, network: NetworkId) -> None:
    horizons = tuple(HorizonScore(minutes, 10, 25.0, 90.0, -5.0, 9, 8, 7.5) for minutes in (5, 10))
    store.put_model_scores([ModelScore(network, "ensemble", "v", START, 4, (0,) * 17, 2, horizons)])
    columns = "timestamp, horizon_minutes, pairs, absolute_error_sum_mph, covered, close, confidence_sum"
    rows = f"traffic_model_score_horizons WHERE network_id = '{network}' ORDER BY horizon_minutes"
    found = query(engine, f"SELECT {columns} FROM {rows}")  # noqa: S608 - our own names
    assert found == [(START, minutes, 10, 25.0, 9, 8, 7.5) for minutes in (5, 10)]


def test_a_time_without_a_zone_spoils_no_partition(store: OpenedStore, network: NetworkId) -> None:
    naive = START.replace(tzinfo=None)
    with pytest.raises(StoreError, match="cannot write traffic_aggregates"):
        store.put_aggregates([aggregate(network), replace(aggregate(network), window_start=naive)])
    assert list(store.aggregates(network)) == []


def test_what_does_not_let_us_in_is_named_without_the_password(postgresql_url: str) -> None:
    url = make_url(postgresql_url).set(database="none-such", password="secret").render_as_string(hide_password=False)  # noqa: S106
    with pytest.raises(StoreError, match='database "none-such" does not exist') as failed:
        open_store(url)
    assert "secret" not in str(failed.value)


def test_looking_makes_no_tables(postgresql_url: str, engine: Engine) -> None:
    query(engine, "CREATE SCHEMA IF NOT EXISTS empty")
    url = (
        make_url(postgresql_url)
        .update_query_dict({"options": "-c search_path=empty"})
        .render_as_string(hide_password=False)
    )
    with pytest.raises(StoreError, match="`metrla store init` makes them"):
        open_store(url, create=False)
    open_store(url).close()
    open_store(url, create=False).close()
    assert ("traffic_aggregates",) in query(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'empty'")
