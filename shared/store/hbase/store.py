"""The `Store` on HBase, through its Thrift1 server."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import chain, islice
from typing import Any

from happybase import Connection

from shared.events.avro import decode, encode
from shared.events.errors import RejectedEventError, StoreError
from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store import rowkeys
from shared.store.hbase.address import ThriftAddress
from shared.store.hbase.connections import ThriftConnections
from shared.store.hbase.rows import (
    AGGREGATES,
    AGGREGATES_BY_TIME,
    ALERTS,
    PREDICTIONS,
    PREDICTIONS_BY_TIME,
    RECORD_COLUMN,
    Keyspace,
    Row,
    Stored,
    by_timestamp,
)
from shared.store.hbase.tables import TableOptions, create_tables, missing_tables, table_states
from shared.store.instants import to_millis
from shared.store.port import TableDescription
from shared.store.rowkeys import KeyRange

# Rows in one call: a call's message stays below about 1 MB.
ROWS_AT_ONCE = 1_000
# Of several models' rows one may be wanted; a few rows more cost little beside a call.
FEWEST_ROWS_AT_ONCE = 50


class HBaseStore:
    """Keeps history in the tables of `shared.store.hbase.rows`. Safe for several threads and processes at once.

    A record goes into one table by sensor and one by time, in two calls: what fails between them is in one of the two
    until the same put is done again. Readers hold no connection between pages.
    """

    def __init__(self, connections: ThriftConnections) -> None:
        self._connections = connections

    def put_aggregates(self, aggregates: Sequence[ProcessedTrafficAggregate]) -> None:
        """See `Store.put_aggregates`."""
        self._put(aggregates, AGGREGATES, AGGREGATES_BY_TIME)

    def put_predictions(self, predictions: Sequence[TrafficPrediction]) -> None:
        """See `Store.put_predictions`."""
        self._put(predictions, PREDICTIONS, PREDICTIONS_BY_TIME)

    def put_alerts(self, alerts: Sequence[TrafficAlert]) -> None:
        """See `Store.put_alerts`."""
        self._put(alerts, ALERTS)

    def aggregates(
        self,
        network_id: NetworkId | None = None,
        sensor_id: SensorId | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int | None = None,
    ) -> Iterator[ProcessedTrafficAggregate]:
        """See `Store.aggregates`."""
        found = self._found(
            ProcessedTrafficAggregate,
            (AGGREGATES, AGGREGATES_BY_TIME),
            (network_id, sensor_id),
            (start, end),
            limit,
            order=lambda one: (_newest_first(one.window_start), one.sensor_id, one.network_id),
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
        found = self._found(
            TrafficPrediction,
            (PREDICTIONS, PREDICTIONS_BY_TIME),
            (network_id, sensor_id),
            (start, end),
            limit,
            order=lambda one: (_newest_first(one.timestamp), one.sensor_id, one.model_name, one.network_id),
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
        found = self._found(
            TrafficAlert,
            (ALERTS, ALERTS),
            (network_id, None),
            (start, end),
            limit,
            order=lambda one: (_newest_first(one.raised_at), one.alert_id),
        )
        return islice(found, limit)

    def tables(self) -> Sequence[TableDescription]:
        """See `OpenedStore.tables`."""
        return list(table_states(self._connections))

    def ping(self) -> None:
        """See `Store.ping`."""
        # A row that is not there: a region server must answer, and reads nothing.
        self._connections.run("answer", lambda connection: connection.table(ALERTS.table).row(b"\0"))

    def close(self) -> None:
        """See `Store.close`."""
        self._connections.close()

    def _put(self, records: Sequence[Stored], *keyspaces: Keyspace[Stored]) -> None:
        with _failing_as("write"):
            encoded = [(record, encode(record)) for record in records]
            batches = [
                (keyspace.table, by_timestamp(keyspace.row(record, avro) for record, avro in encoded))
                for keyspace in keyspaces
            ]
        for table, rows_at in batches:
            for timestamp_ms, rows in rows_at.items():
                for first in range(0, len(rows), ROWS_AT_ONCE):
                    send = partial(_send, table, timestamp_ms, rows[first : first + ROWS_AT_ONCE])
                    self._connections.run(f"write {table}", send)

    def _found(
        self,
        kind: type[Stored],
        keyspaces: tuple[Keyspace[Stored], Keyspace[Stored]],
        ids: tuple[NetworkId | None, SensorId | None],
        within: tuple[datetime | None, datetime | None],
        limit: int | None,
        order: Callable[[Stored], tuple[Any, ...]],
    ) -> Iterator[Stored]:
        """What the ids and the range select, in order; reads in pages that suit the limit, but does not apply it."""
        (by_sensor, by_time), (network_id, sensor_id) = keyspaces, ids
        networks = self._networks(by_time.table) if network_id is None else [network_id]
        with _failing_as("read"):
            if sensor_id is None:
                table, prefixes = by_time.table, [rowkeys.network_prefix(network) for network in networks]
            else:
                table, prefixes = by_sensor.table, [rowkeys.sensor_prefix(network, sensor_id) for network in networks]
            ranges = [rowkeys.within(prefix, *within) for prefix in prefixes]
        rows_at_once = ROWS_AT_ONCE if limit is None else min(max(limit, FEWEST_ROWS_AT_ONCE), ROWS_AT_ONCE)
        found = [self._records(kind, table, keys, rows_at_once) for keys in ranges if not keys.empty]
        yield from merge(*found, key=order) if len(found) > 1 else chain(*found)

    def _records(self, kind: type[Stored], table: str, keys: KeyRange, rows_at_once: int) -> Iterator[Stored]:
        # A scan for each page: none stays open while the reader dawdles, and a new connection can go on.
        while True:
            page = self._connections.run(f"read {table}", partial(_scan, table, keys, rows_at_once))
            for _, cells in page:
                with _failing_as(f"read {table}"):
                    record = decode(kind, cells[RECORD_COLUMN])
                yield record
            if len(page) < rows_at_once:
                return
            keys = keys.after(page[-1][0])

    def _networks(self, table: str) -> Iterator[NetworkId]:
        """The networks in a table by time: one short scan for each, from one to past it."""
        keys = KeyRange(b"", rowkeys.END)
        while page := self._connections.run(f"read {table}", partial(_scan, table, keys, 1)):
            key = page[0][0]
            yield rowkeys.network_of(key)
            keys = KeyRange(rowkeys.past_network(key), rowkeys.END)


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


def _send(table: str, timestamp_ms: int, rows: Sequence[Row], connection: Connection) -> None:
    # No batch_size: it counts cells and would cut a row in two.
    with connection.table(table).batch(timestamp=timestamp_ms, transaction=True) as batch:
        for row in rows:
            batch.put(row.key, row.cells)


def _scan(table: str, keys: KeyRange, limit: int, connection: Connection) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
    rows = connection.table(table).scan(keys.start, keys.stop, columns=[RECORD_COLUMN], limit=limit, batch_size=limit)
    return list(rows)


def _newest_first(time: datetime) -> int:
    return -to_millis(time)


@contextmanager
def _failing_as(action: str) -> Iterator[None]:
    try:
        yield
    # An id with a NUL or a lone surrogate, a datetime without a zone, a number beyond its type; a value that is no
    # record.
    except (TypeError, ValueError, OverflowError, RejectedEventError) as failed:
        raise StoreError(f"store: cannot {action}: {failed}") from failed
