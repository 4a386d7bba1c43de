"""The `Store` on HBase, through its Thrift1 server."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice

from shared.events.errors import StoreError
from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.hbase.access import HBaseTables, newest_first
from shared.store.hbase.connections import ThriftAddress, ThriftConnections
from shared.store.hbase.rows import (
    AGGREGATES,
    AGGREGATES_BY_TIME,
    ALERTS,
    MODEL_SCORES,
    MODEL_SCORES_BY_TIME,
    PREDICTIONS,
    PREDICTIONS_BY_TIME,
    SERVED_MODELS,
)
from shared.store.hbase.tables import TableOptions, create_tables, missing_tables, table_states
from shared.store.model_records import ModelScore, ServedModel
from shared.store.port import TableDescription


class HBaseStore:
    """Keeps history in the tables of `shared.store.hbase.rows`. Safe for several threads and processes at once.

    A record goes into one table by sensor and one by time, in two calls: what fails between them is in one of the two
    until the same put is done again. Readers hold no connection between pages.
    """

    def __init__(self, connections: ThriftConnections) -> None:
        self._connections = connections
        self._tables = HBaseTables(connections)

    def put_aggregates(self, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        """See `Store.put_aggregates`."""
        self._tables.put(aggregates, AGGREGATES, AGGREGATES_BY_TIME)

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        """See `Store.put_predictions`."""
        self._tables.put(predictions, PREDICTIONS, PREDICTIONS_BY_TIME)

    def put_alerts(self, alerts: Sequence[TrafficAlert]) -> None:
        """See `Store.put_alerts`."""
        self._tables.put(alerts, ALERTS)

    def put_model_scores(self, scores: Sequence[ModelScore]) -> None:
        """See `Store.put_model_scores`."""
        self._tables.put(scores, MODEL_SCORES, MODEL_SCORES_BY_TIME)

    def put_served_models(self, models: Sequence[ServedModel]) -> None:
        """See `Store.put_served_models`."""
        self._tables.put(models, SERVED_MODELS)

    def aggregates(
        self,
        network_id: NetworkId | None = None,
        sensor_id: SensorId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ProcessedTrafficAggregate]:
        """See `Store.aggregates`."""
        found = self._tables.found(
            (AGGREGATES, AGGREGATES_BY_TIME),
            (network_id, sensor_id),
            (start, end),
            limit,
            order=lambda one: (newest_first(one.window_start), one.sensor_id, one.network_id),
        )
        return islice(found, limit)

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
        found = self._tables.found(
            (PREDICTIONS, PREDICTIONS_BY_TIME),
            (network_id, sensor_id),
            (start, end),
            limit,
            order=lambda one: (newest_first(one.timestamp), one.sensor_id, one.model_name, one.network_id),
        )
        wanted = (one for one in found if model_name in {None, one.model_name} and serving in {None, one.serving})
        return islice(wanted, limit)

    def alerts(
        self,
        network_id: NetworkId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[TrafficAlert]:
        """See `Store.alerts`."""
        found = self._tables.found(
            (ALERTS, ALERTS),
            (network_id, None),
            (start, end),
            limit,
            order=lambda one: (newest_first(one.raised_at), one.alert_id),
        )
        return islice(found, limit)

    def model_scores(
        self,
        network_id: NetworkId | None = None,
        model_name: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ModelScore]:
        """See `Store.model_scores`."""
        found = self._tables.found(
            (MODEL_SCORES, MODEL_SCORES_BY_TIME),
            (network_id, model_name),
            (start, end),
            limit,
            order=lambda one: (newest_first(one.timestamp), one.model_name, one.model_version, one.network_id),
        )
        return islice(found, limit)

    def served_models(self, network_id: NetworkId | None = None) -> Iterator[ServedModel]:
        """See `Store.served_models`."""
        return self._tables.found(
            (SERVED_MODELS, SERVED_MODELS),
            (network_id, None),
            (None, None),
            None,
            order=lambda one: (one.network_id, one.model_name, one.model_version),
        )

    def tables(self) -> Sequence[TableDescription]:
        """See `OpenedStore.tables`."""
        return list(table_states(self._connections))

    def ping(self) -> None:
        """See `Store.ping`."""
        # To delete a row that is not there is a write like any other: a region server must answer, and its write-ahead
        # log must take it, which it does not where HDFS is full or read-only.
        self._connections.run("answer", lambda connection: connection.table(ALERTS.table).delete(b"\0"))

    def close(self) -> None:
        """See `Store.close`."""
        self._connections.close()


def open_hbase(address: ThriftAddress, *, create: bool) -> HBaseStore:
    """The store at `address` with its tables in place.

    Raises:
        StoreError: the server does not answer, or tables are missing and `create` is false.
    """
    connections = ThriftConnections(address)
    try:
        if create:
            create_tables(connections, TableOptions())
        else:
            _refuse_missing(connections, address)
    except BaseException:
        connections.close()
        raise
    return HBaseStore(connections)


def _refuse_missing(connections: ThriftConnections, address: ThriftAddress) -> None:
    if missing := missing_tables(connections):
        raise StoreError(f"store: {address} has no {', '.join(missing)}: `metrla store init` makes them")
