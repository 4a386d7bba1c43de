"""Puts and ordered scans of the HBase tables: what every kind of record does alike."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from heapq import merge
from itertools import chain
from typing import Any

from happybase import Connection

from shared.events.errors import RefusedByStoreError, RejectedEventError
from shared.events.records import NetworkId
from shared.store.encoding import to_millis
from shared.store.hbase import rowkeys
from shared.store.hbase.connections import ThriftConnections
from shared.store.hbase.rowkeys import KeyRange
from shared.store.hbase.rows import Keyspace, Put, Stored, by_timestamp

# Rows in one call: a call's message stays below about 1 MB.
ROWS_AT_ONCE = 1_000
# Of several models' rows one may be wanted; a few rows more cost little beside a call.
FEWEST_ROWS_AT_ONCE = 50


class HBaseTables:
    """The tables behind one Thrift server. Every method raises `StoreError` when it cannot do what was asked."""

    def __init__(self, connections: ThriftConnections) -> None:
        self._connections = connections

    def put(self, records: Sequence[Stored], *keyspaces: Keyspace[Stored]) -> None:
        """Put each record into all of these tables, which hold it in one form; in calls of bounded size."""
        form = keyspaces[0].form
        with failing_as("write"):
            encoded = [(record, form.encode(record)) for record in records]
            batches = [
                (keyspace.table, by_timestamp(keyspace.row(record, whole) for record, whole in encoded))
                for keyspace in keyspaces
            ]
        for table, rows_at in batches:
            for timestamp_ms, rows in rows_at.items():
                for first in range(0, len(rows), ROWS_AT_ONCE):
                    send = partial(_send, table, timestamp_ms, rows[first : first + ROWS_AT_ONCE])
                    self._connections.run(f"write {table}", send)

    def found(
        self,
        keyspaces: tuple[Keyspace[Stored], Keyspace[Stored]],
        ids: tuple[NetworkId | None, str | None],
        within: tuple[datetime | None, datetime | None],
        limit: int | None,
        order: Callable[[Stored], tuple[Any, ...]],
    ) -> Iterator[Stored]:
        """What the ids and the range select, in order; reads in pages that suit the limit, but does not apply it.

        Args:
            keyspaces: by sensor (or model) and by time.
            ids: of the network and of the sensor (or model).
            within: times from the first to before the second.
            limit: how many are wanted.
            order: the order of rows of several networks.
        """
        (by_sensor, by_time), (network_id, sensor_id) = keyspaces, ids
        networks = self._networks(by_time) if network_id is None else [network_id]
        with failing_as("read"):
            if sensor_id is None:
                keyspace, prefixes = by_time, [rowkeys.network_prefix(network) for network in networks]
            else:
                keyspace, prefixes = by_sensor, [rowkeys.sensor_prefix(network, sensor_id) for network in networks]
            ranges = [rowkeys.within(prefix, *within) for prefix in prefixes]
        rows_at_once = ROWS_AT_ONCE if limit is None else min(max(limit, FEWEST_ROWS_AT_ONCE), ROWS_AT_ONCE)
        found = [self._records(keyspace, keys, rows_at_once) for keys in ranges if not keys.empty]
        yield from merge(*found, key=order) if len(found) > 1 else chain(*found)

    def _records(self, keyspace: Keyspace[Stored], keys: KeyRange, rows_at_once: int) -> Iterator[Stored]:
        table, form = keyspace.table, keyspace.form
        scan = partial(_scan, table, form.column)
        # A scan for each page: none stays open while the reader dawdles, and a new connection can go on.
        while True:
            page = self._connections.run(f"read {table}", partial(scan, keys, rows_at_once))
            for _, cells in page:
                with failing_as(f"read {table}"):
                    record = form.decode(cells[form.column])
                yield record
            if len(page) < rows_at_once:
                return
            keys = keys.after(page[-1][0])

    def _networks(self, keyspace: Keyspace[Stored]) -> Iterator[NetworkId]:
        """The networks in a table by time: one short scan for each, from one to past it."""
        keys, scan = KeyRange(b"", rowkeys.END), partial(_scan, keyspace.table, keyspace.form.column)
        while page := self._connections.run(f"read {keyspace.table}", partial(scan, keys, 1)):
            key = page[0][0]
            yield rowkeys.network_of(key)
            keys = KeyRange(rowkeys.past_network(key), rowkeys.END)


def _send(table: str, timestamp_ms: int, rows: Sequence[Put], connection: Connection) -> None:
    # No batch_size: it counts cells and would cut a row in two.
    with connection.table(table).batch(timestamp=timestamp_ms, transaction=True) as batch:
        for row in rows:
            batch.put(row.key, row.cells)


def _scan(
    table: str, column: bytes, keys: KeyRange, limit: int, connection: Connection
) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
    rows = connection.table(table).scan(keys.start, keys.stop, columns=[column], limit=limit, batch_size=limit)
    return list(rows)


def newest_first(time: datetime) -> int:
    """A number that is the smaller, the later a time is."""
    return -to_millis(time)


@contextmanager
def failing_as(action: str) -> Iterator[None]:
    """Turn what cannot be written or read into `RefusedByStoreError`."""
    try:
        yield
    # An id with a NUL or a lone surrogate, a datetime without a zone, a number beyond its type; a value that is no
    # record.
    except (TypeError, ValueError, OverflowError, RejectedEventError) as failed:
        raise RefusedByStoreError(f"store: cannot {action}: {failed}") from failed
