"""The tables of the HBase store, made through Thrift, each in one region; `shared.store.hbase.shell` can split them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from happybase import Connection
from Hbase_thrift import AlreadyExists
from Hbase_thrift import IOError as HBaseIOError

from shared.events.errors import ConfigurationError, StoreError
from shared.store.hbase.connections import ThriftConnections
from shared.store.hbase.rows import DAY_MS, FAMILY, KEPT_FOR_EVER, TABLES
from shared.store.port import TableDescription

COMPRESSIONS = ("NONE", "GZ", "SNAPPY", "LZ4", "ZSTD")
DAY_S = DAY_MS // 1000
APPEAR_TIMEOUT_S = 30.0
POLL_S = 0.2
_FOREVER_S = 2**31 - 1


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What an operator decides before the tables are made.

    `ttl_days` counts from the event time of a row, not from when it was written: with one, a replay of data that are
    older vanishes at once. `None` keeps rows for ever; which models serve is kept in any case. GZ is part of Java; the
    others need native libraries on every region server.
    """

    ttl_days: int | None = None
    compression: str = "GZ"

    def __post_init__(self) -> None:
        if self.compression not in COMPRESSIONS:
            raise ConfigurationError(f"compression {self.compression!r} is not one of {', '.join(COMPRESSIONS)}")
        if self.ttl_days is not None and not 0 < self.ttl_days < _FOREVER_S // DAY_S:
            raise ConfigurationError(f"time to live of {self.ttl_days} days: give 1 to {_FOREVER_S // DAY_S - 1}")

    def time_to_live_s(self, table: str) -> int | None:
        """What HBase is told: it counts from the midnight before the event, so a day more keeps no row too short."""
        return None if self.ttl_days is None or table in KEPT_FOR_EVER else (self.ttl_days + 1) * DAY_S


def missing_tables(connections: ThriftConnections) -> list[str]:
    """The tables that are not there."""
    there = connections.run("list tables", lambda connection: set(connection.tables()))
    return [table for table in TABLES if table.encode() not in there]


def create_tables(connections: ThriftConnections, options: TableOptions) -> list[str]:
    """Make the tables that are not there, each in one region; returns their names.

    Raises:
        StoreError: the server refuses, for instance a compression that its region servers do not have.
    """
    made = []
    for table in missing_tables(connections):
        if connections.run(f"create table {table}", partial(_create, table, options)):
            made.append(table)
        else:
            _wait_until_usable(connections, table)
    return made


def table_states(connections: ThriftConnections) -> Iterator[TableDescription]:
    """The tables that are there, as they are."""
    absent = set(missing_tables(connections))
    for table in TABLES:
        if table not in absent:
            yield connections.run(f"describe table {table}", partial(_state, table))


def _create(table: str, options: TableOptions, connection: Connection) -> bool:
    family: dict[str, Any] = {
        "max_versions": 1,
        "compression": options.compression,
        "bloom_filter_type": "ROW",
        "block_cache_enabled": True,
        "time_to_live": options.time_to_live_s(table) or _FOREVER_S,
    }
    try:
        connection.create_table(table, {FAMILY: family})
    except AlreadyExists:
        return False
    except HBaseIOError as failed:
        # The server looks first and creates then: of two that create at once, one hears of it so.
        if b"TableExistsException" not in _bytes(failed.message):
            raise
        return False
    return True


def _bytes(message: str | bytes) -> bytes:
    return message if isinstance(message, bytes) else message.encode()


def _wait_until_usable(connections: ThriftConnections, table: str) -> None:
    # Another process is making it: a table exists before its region is open.
    deadline = time.monotonic() + APPEAR_TIMEOUT_S
    while not connections.run(f"open table {table}", partial(_usable, table)):
        if time.monotonic() > deadline:
            raise StoreError(f"store: table {table} exists, but it cannot be used after {APPEAR_TIMEOUT_S:g} s")
        time.sleep(POLL_S)


def _usable(table: str, connection: Connection) -> bool:
    return bool(connection.is_table_enabled(table) and connection.table(table).regions())


def _state(table: str, connection: Connection) -> TableDescription:
    opened = connection.table(table)
    family = opened.families()[FAMILY.encode()]
    lifetime_s = family["time_to_live"]
    kept = "for ever" if lifetime_s == _FOREVER_S else f"{lifetime_s // DAY_S} days"
    settings = f"compression {family['compression'].decode()}, rows kept {kept}"
    return TableDescription(opened.name.decode(), len(opened.regions()), settings)
