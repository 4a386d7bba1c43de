from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from shared.events.records import ProcessedTrafficAggregate, TrafficAlert, TrafficPrediction
from shared.store.encoding import from_millis, to_millis
from shared.store.model_records import ModelScore, ServedModel
from shared.store.sql.access import upsert_statement
from shared.store.sql.tables import AGGREGATES, ALERTS, MODEL_SCORES, PREDICTIONS, SERVED_MODELS

TABLES = {
    ProcessedTrafficAggregate: AGGREGATES,
    TrafficPrediction: PREDICTIONS,
    TrafficAlert: ALERTS,
    ModelScore: MODEL_SCORES,
    ServedModel: SERVED_MODELS,
}


@pytest.mark.parametrize(("record", "table"), TABLES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_a_table_has_the_fields_of_its_record_in_their_order(record: type, table: Table) -> None:
    assert [column.name for column in table.columns] == [field.name for field in fields(record)]
    nullable = {column.name for column in table.columns if column.nullable}
    assert nullable == {field.name for field in fields(record) if "None" in str(field.type)}


@given(st.integers(-(2**44), 2**44))
def test_millis_are_exact(millis: int) -> None:
    instant = from_millis(millis)
    assert instant.tzinfo is UTC
    assert to_millis(instant) == millis
    assert to_millis(instant + timedelta(microseconds=999)) == millis
    assert to_millis(instant.astimezone(timezone(timedelta(hours=-7)))) == millis


def test_an_instant_needs_a_zone() -> None:
    with pytest.raises(TypeError):
        to_millis(datetime(2012, 5, 2))  # noqa: DTZ001 - what is refused


def test_the_same_tables_make_sense_to_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy does not annotate it
    aggregates = str(CreateTable(AGGREGATES).compile(dialect=dialect))
    assert "window_start TIMESTAMP WITH TIME ZONE NOT NULL" in aggregates
    assert "PRIMARY KEY (sensor_id, window_start, network_id)" in aggregates
    assert "horizons JSONB NOT NULL" in str(CreateTable(PREDICTIONS).compile(dialect=dialect))
    upsert = str(upsert_statement(ALERTS, "postgresql").compile(dialect=dialect))
    assert "ON CONFLICT (alert_id) DO UPDATE SET" in upsert
    assert "WHERE excluded.revision >= traffic_alerts.revision" in upsert
