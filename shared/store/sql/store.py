"""The `Store` on a SQL database, through SQLAlchemy Core."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from sqlalchemy import Engine, select

from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.encoding import score_of, served_of
from shared.store.model_records import ModelScore, ServedModel
from shared.store.port import TableDescription
from shared.store.sql.access import SqlTables, conditions_of, failing_as
from shared.store.sql.partitions import MonthlyPartitions
from shared.store.sql.rows import alert_of, alert_row, as_row, prediction_of, prediction_row, score_row
from shared.store.sql.schema import schema_version
from shared.store.sql.tables import AGGREGATES, ALERTS, MODEL_SCORES, PREDICTIONS, SERVED_MODELS, TABLES

TakesRows: TypeAlias = Callable[[Engine], None]
"""Returns where the database takes rows, as far as it says that; else raises `StoreError` or what SQLAlchemy does."""


class SqlStore:
    """Keeps history in the tables of `shared.store.sql.tables`. Safe for several threads and processes at once.

    An iterator that is not read to its end holds a connection until it is closed or collected.
    """

    def __init__(self, engine: Engine, probe: TakesRows, partitions: MonthlyPartitions | None = None) -> None:
        self._engine = engine
        self._probe = probe
        self._tables = SqlTables(engine, partitions)

    def put_aggregates(self, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        """See `Store.put_aggregates`; all or none."""
        self._tables.upsert(AGGREGATES, [as_row(aggregate) for aggregate in aggregates])

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        """See `Store.put_predictions`; all or none."""
        self._tables.upsert(PREDICTIONS, [prediction_row(prediction) for prediction in predictions])

    def put_alerts(self, alerts: Sequence[TrafficAlert]) -> None:
        """See `Store.put_alerts`; all or none."""
        self._tables.upsert(ALERTS, [alert_row(alert) for alert in alerts])

    def put_model_scores(self, scores: Sequence[ModelScore]) -> None:
        """See `Store.put_model_scores`; all or none."""
        self._tables.upsert(MODEL_SCORES, [score_row(score) for score in scores])

    def put_served_models(self, models: Sequence[ServedModel]) -> None:
        """See `Store.put_served_models`; all or none."""
        self._tables.upsert(SERVED_MODELS, [as_row(model) for model in models])

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
        conditions = conditions_of(
            (columns.network_id, network_id),
            (columns.sensor_id, sensor_id),
            time=columns.window_start,
            within=(start, end),
        )
        order = (columns.window_start.desc(), columns.sensor_id, columns.network_id)
        return self._tables.select(AGGREGATES, conditions, order, limit, ProcessedTrafficAggregate)

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
        conditions = conditions_of(
            (columns.network_id, network_id),
            (columns.sensor_id, sensor_id),
            (columns.model_name, model_name),
            time=columns.timestamp,
            within=(start, end),
        )
        if serving is not None:
            conditions.append(columns.serving.is_(serving))
        order = (columns.timestamp.desc(), columns.sensor_id, columns.model_name, columns.network_id)
        return self._tables.select(PREDICTIONS, conditions, order, limit, prediction_of)

    def alerts(
        self,
        network_id: NetworkId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[TrafficAlert]:
        """See `Store.alerts`."""
        columns = ALERTS.c
        conditions = conditions_of((columns.network_id, network_id), time=columns.raised_at, within=(start, end))
        return self._tables.select(ALERTS, conditions, (columns.raised_at.desc(), columns.alert_id), limit, alert_of)

    def model_scores(
        self,
        network_id: NetworkId | None = None,
        model_name: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ModelScore]:
        """See `Store.model_scores`."""
        columns = MODEL_SCORES.c
        conditions = conditions_of(
            (columns.network_id, network_id),
            (columns.model_name, model_name),
            time=columns.timestamp,
            within=(start, end),
        )
        order = (columns.timestamp.desc(), columns.model_name, columns.model_version, columns.network_id)
        return self._tables.select(MODEL_SCORES, conditions, order, limit, score_of)

    def served_models(self, network_id: NetworkId | None = None) -> Iterator[ServedModel]:
        """See `Store.served_models`."""
        columns = SERVED_MODELS.c
        conditions = [] if network_id is None else [columns.network_id == network_id]
        order = (columns.network_id, columns.model_name, columns.model_version)
        return self._tables.select(SERVED_MODELS, conditions, order, None, served_of)

    def tables(self) -> Sequence[TableDescription]:
        """See `OpenedStore.tables`."""
        with failing_as("describe tables"), self._engine.connect() as connection:
            version = f"schema {schema_version(connection)}"
            parts = {table.name: self._tables.parts(connection, table) for table in TABLES}
        return [TableDescription(name, number, version) for name, number in parts.items()]

    def ping(self) -> None:
        """See `Store.ping`."""
        with failing_as("answer"), self._engine.connect() as connection:
            connection.execute(select(ALERTS.c.alert_id).limit(1)).first()
        with failing_as("take rows"):
            self._probe(self._engine)

    def close(self) -> None:
        """See `Store.close`."""
        self._engine.dispose()
