"""Tables of HBase that tests made."""

from functools import partial

from happybase import Connection

from shared.store.hbase.connections import ThriftConnections
from shared.store.hbase.rows import TABLES
from shared.store.hbase.tables import missing_tables


def drop_tables(connections: ThriftConnections) -> None:
    """Delete the tables with all that is in them."""
    absent = set(missing_tables(connections))
    for table in TABLES:
        if table not in absent:
            connections.run(f"drop table {table}", partial(_drop, table))


def _drop(table: str, connection: Connection) -> None:
    connection.delete_table(table, disable=True)
