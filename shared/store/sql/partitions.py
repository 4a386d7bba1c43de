"""Partitions by month on PostgreSQL, made as rows need them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, Table, text

from shared.store.sql.tables import PARTITIONED_BY

# Whoever holds the advisory lock of this number may change tables; it spells 'metrla'.
DDL_LOCK = int.from_bytes(b"metrla")
MONTHS_IN_A_YEAR = 12

Month = tuple[int, int]


class MonthlyPartitions:
    """Makes the partitions of tables that are partitioned by the month, in UTC, of a time column.

    A partition is made on its own and then attached, which stops neither readers nor writers of its table; making it
    there would.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: set[tuple[str, Month]] = set()

    def ensure(self, table: str, times: Iterable[datetime]) -> None:
        """Make what is missing for rows of these UTC-aware times."""
        wanted = {(table, (time.year, time.month)) for time in (time.astimezone(UTC) for time in times)}
        missing = sorted(wanted - self._known)
        if not missing:
            return
        with self._engine.begin() as connection:
            lock_ddl(connection)
            for _, month in missing:
                _make(connection, table, month)
        self._known.update(missing)

    def forget(self) -> None:
        """Look again: somebody dropped what was there."""
        self._known.clear()


def lock_ddl(connection: Connection) -> None:
    """Wait until nobody else changes tables; nobody else does until the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": DDL_LOCK})


def count_parts(connection: Connection, table: Table) -> int:
    """The partitions of a table; 1 for a table that has none by design."""
    if PARTITIONED_BY not in table.info:
        return 1
    counted = text("SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass(:name)")
    return int(connection.execute(counted, {"name": table.name}).scalar_one())


def _make(connection: Connection, table: str, month: Month) -> None:
    year, number = month
    name = f"{table}_y{year:04}m{number:02}"
    if connection.execute(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name}).scalar_one():
        return
    following = (year + number // MONTHS_IN_A_YEAR, number % MONTHS_IN_A_YEAR + 1)
    first, last = (f"'{year:04}-{number:02}-01 00:00:00+00'" for year, number in (month, following))
    connection.exec_driver_sql(f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)")
    connection.exec_driver_sql(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})")
