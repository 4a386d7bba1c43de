"""The `Store` on a SQL database, through SQLAlchemy Core."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Engine, Insert, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from shared.events.errors import StoreError
from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.port import TableDescription
from shared.store.sql.partitions import MonthlyPartitions, count_parts
from shared.store.sql.rows import alert_of, as_row, prediction_of, prediction_row
from shared.store.sql.schema import schema_version
from shared.store.sql.tables import AGGREGATES, ALERTS, PARTITIONED_BY, PREDICTIONS, TABLES

# Rows fetched at a time: a long history is never whole in memory.
ROWS_AT_ONCE = 1_000
CHECK_VIOLATION = "23514"

Stored = TypeVar("Stored")


class SqlStore:
    """Keeps history in the tables of `shared.store.sql.tables`. Safe for several threads and processes at once.

    An iterator that is not read to its end holds a connection until it is closed or collected.
    """

    def __init__(self, engine: Engine, partitions: MonthlyPartitions | None = None) -> None:
        self._engine = engine
        self._partitions = partitions

    def put_aggregates(self, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        """See `Store.put_aggregates`; all or none."""
        self._upsert(AGGREGATES, [as_row(aggregate) for aggregate in aggregates])

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        """See `Store.put_predictions`; all or none."""
        self._upsert(PREDICTIONS, [prediction_row(prediction) for prediction in predictions])

    def put_alerts(self, alerts: Sequence[TrafficAlert]) -> None:
        """See `Store.put_alerts`; all or none."""
        self._upsert(ALERTS, [as_row(alert) | {"affected_sensors": list(alert.affected_sensors)} for alert in alerts])

    def aggregates(
        self,
        network_id: NetworkId | None = None,
        sensor_id: SensorId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ProcessedTrafficAggregate]:
        """See `Store.aggregates`."""
        columns = AGGREGATES.c
        conditions = _conditions(
            (columns.network_id, network_id),
            (columns.sensor_id, sensor_id),
            time=columns.window_start,
            within=(start, end),
        )
        order = (columns.window_start.desc(), columns.sensor_id, columns.network_id)
        return self._select(AGGREGATES, conditions, order, limit, ProcessedTrafficAggregate)

    def predictions(
        self,
        network_id: NetworkId | None = None,
        sensor_id: SensorId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        model_name: str | None = None,
        limit: int | None = None,
        *,
        serving: bool | None = None,
    ) -> Iterator[TrafficPrediction]:
        """See `Store.predictions`."""
        columns = PREDICTIONS.c
        conditions = _conditions(
            (columns.network_id, network_id),
            (columns.sensor_id, sensor_id),
            (columns.model_name, model_name),
            time=columns.timestamp,
            within=(start, end),
        )
        if serving is not None:
            conditions.append(columns.serving.is_(serving))
        order = (columns.timestamp.desc(), columns.sensor_id, columns.model_name, columns.network_id)
        return self._select(PREDICTIONS, conditions, order, limit, prediction_of)

    def alerts(
        self,
        network_id: NetworkId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[TrafficAlert]:
        """See `Store.alerts`."""
        columns = ALERTS.c
        conditions = _conditions((columns.network_id, network_id), time=columns.raised_at, within=(start, end))
        return self._select(ALERTS, conditions, (columns.raised_at.desc(), columns.alert_id), limit, alert_of)

    def tables(self) -> Sequence[TableDescription]:
        """See `OpenedStore.tables`."""
        with _failing_as("describe tables"), self._engine.connect() as connection:
            version = f"schema {schema_version(connection)}"
            parts = {table.name: 1 if self._partitions is None else count_parts(connection, table) for table in TABLES}
        return [TableDescription(name, number, version) for name, number in parts.items()]

    def ping(self) -> None:
        """See `Store.ping`."""
        with _failing_as("answer"), self._engine.connect() as connection:
            connection.execute(select(ALERTS.c.alert_id).limit(1)).first()

    def close(self) -> None:
        """See `Store.close`."""
        self._engine.dispose()

    def _upsert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if not rows:
            return
        with _failing_as(f"write {table.name}"):
            try:
                self._write(table, rows)
            except IntegrityError as refused:
                # What PostgreSQL says when there is no partition for a row: somebody dropped it since we made it.
                if self._partitions is None or getattr(refused.orig, "sqlstate", None) != CHECK_VIOLATION:
                    raise
                self._partitions.forget()
                self._write(table, rows)

    def _write(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if self._partitions is not None:
            # Writers that meet take the locks of their rows in one order.
            keys = itemgetter(*(column.name for column in table.primary_key.columns))
            rows = sorted(rows, key=lambda row: str(keys(row)))
            if column := table.info.get(PARTITIONED_BY):
                # A time without a zone is refused with its row.
                self._partitions.ensure(table.name, [row[column] for row in rows if row[column] and row[column].tzinfo])
        with self._engine.begin() as connection:
            connection.execute(_upsert_statement(table, self._engine.dialect.name), rows)

    def _select(
        self,
        table: Table,
        conditions: Sequence[ColumnElement[bool]],
        order: Sequence[ColumnElement[Any]],
        limit: int | None,
        build: Callable[..., Stored],
    ) -> Iterator[Stored]:
        statement = select(table).where(*conditions).order_by(*order).limit(limit)
        with (
            _failing_as(f"read {table.name}"),
            self._engine.connect() as connection,
            # Closed when the reader leaves early, too: PostgreSQL keeps a cursor for it.
            closing(connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)) as rows,
        ):
            for row in rows:
                yield build(*row)


@cache
def _upsert_statement(table: Table, dialect: str) -> Insert:
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = list(table.primary_key.columns)
    return insert.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: insert.excluded[column.name] for column in table.columns if column not in keys},
        where=insert.excluded.revision >= table.c.revision,
    )


def _conditions(
    *equals: tuple[ColumnElement[Any], str | None],
    time: ColumnElement[datetime],
    within: tuple[datetime | None, datetime | None],
) -> list[ColumnElement[bool]]:
    start, end = within
    if any(bound is not None and bound.tzinfo is None for bound in within):
        raise StoreError("store: cannot read: a time has no zone")
    conditions = [column == value for column, value in equals if value is not None]
    if start is not None:
        conditions.append(time >= start)
    if end is not None:
        conditions.append(time < end)
    return conditions


@contextmanager
def _failing_as(action: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as failed:
        cause = getattr(failed, "orig", None) or failed
        raise StoreError(f"store: cannot {action}: {cause}") from failed
