"""Upserts and ordered reads of the SQL tables: what every kind of record does alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cache
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Insert, Table, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError, StatementError

from shared.events.errors import RefusedByStoreError, StoreError
from shared.store.sql.partitions import MonthlyPartitions, count_parts
from shared.store.sql.tables import ORDERED_BY, PARTITIONED_BY

# Rows fetched at a time: a long history is never whole in memory.
ROWS_AT_ONCE = 1_000
CHECK_VIOLATION = "23514"
ABOUT_THE_DATA = ("22", "23", "54")
"""Classes of SQLSTATE: data exception, constraint violation, program limit exceeded (by a key that no index takes)."""

Stored = TypeVar("Stored")


class SqlTables:
    """The tables of one database. Every method raises `StoreError` when the database cannot do what was asked."""

    def __init__(self, engine: Engine, partitions: MonthlyPartitions | None) -> None:
        self._engine = engine
        self._partitions = partitions

    def upsert(self, table: Table, rows: list[dict[str, Any]]) -> None:
        """Insert rows, or replace those of the same key that know no more; all or none."""
        if not rows:
            return
        with failing_as(f"write {table.name}"):
            try:
                self._write(table, rows)
            except IntegrityError as refused:
                # What PostgreSQL says when there is no partition for a row: somebody dropped it since we made it.
                if self._partitions is None or getattr(refused.orig, "sqlstate", None) != CHECK_VIOLATION:
                    raise
                self._partitions.forget()
                self._write(table, rows)

    def select(
        self,
        table: Table,
        conditions: Sequence[ColumnElement[bool]],
        order: Sequence[ColumnElement[Any]],
        limit: int | None,
        build: Callable[..., Stored],
    ) -> Iterator[Stored]:
        """What `build` makes of the columns of each row; an iterator that is not read to its end holds a connection."""
        statement = select(table).where(*conditions).order_by(*order).limit(limit)
        with (
            failing_as(f"read {table.name}"),
            self._engine.connect() as connection,
            # Closed when the reader leaves early, too: PostgreSQL keeps a cursor for it.
            closing(connection.execution_options(yield_per=ROWS_AT_ONCE).execute(statement)) as rows,
        ):
            for row in rows:
                yield build(*row)

    def parts(self, connection: Connection, table: Table) -> int:
        """How many partitions a table has; 1 where there are none by design."""
        return 1 if self._partitions is None else count_parts(connection, table)

    def _write(self, table: Table, rows: list[dict[str, Any]]) -> None:
        if self._partitions is not None:
            # Writers that meet take the locks of their rows in one order.
            keys = itemgetter(*(column.name for column in table.primary_key.columns))
            rows = sorted(rows, key=lambda row: str(keys(row)))
            if column := table.info.get(PARTITIONED_BY):
                # A time without a zone is refused with its row.
                self._partitions.ensure(table.name, [row[column] for row in rows if row[column] and row[column].tzinfo])
        with self._engine.begin() as connection:
            connection.execute(upsert_statement(table, self._engine.dialect.name), rows)


@cache
def upsert_statement(table: Table, dialect: str) -> Insert:
    """An insert that replaces a row of the same key, unless that one has the greater `ORDERED_BY`."""
    insert = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = list(table.primary_key.columns)
    order = table.info[ORDERED_BY]
    return insert.on_conflict_do_update(
        index_elements=keys,
        set_={column.name: insert.excluded[column.name] for column in table.columns if column not in keys},
        where=insert.excluded[order] >= table.c[order],
    )


def conditions_of(
    *equals: tuple[ColumnElement[Any], str | None],
    time: ColumnElement[datetime],
    within: tuple[datetime | None, datetime | None],
) -> list[ColumnElement[bool]]:
    """What a read selects: ids that are given, and times in [start, end)."""
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
def failing_as(action: str) -> Iterator[None]:
    """Turn what SQLAlchemy raises into `StoreError`, `RefusedByStoreError` where it is about what was to be written."""
    try:
        yield
    except SQLAlchemyError as failed:
        cause = getattr(failed, "orig", None) or failed
        kind = RefusedByStoreError if _about_the_data(failed) else StoreError
        raise kind(f"store: cannot {action}: {cause}") from failed
    # What drivers raise of themselves: text that is no UTF-8, an integer beyond 64 bits, a time without a zone.
    except (ValueError, OverflowError, TypeError) as unfit:
        raise RefusedByStoreError(f"store: cannot {action}: {unfit}") from unfit


def _about_the_data(failed: SQLAlchemyError) -> bool:
    state = getattr(getattr(failed, "orig", None), "sqlstate", None)
    if state is not None:
        return str(state).startswith(ABOUT_THE_DATA)
    if isinstance(failed, DataError | IntegrityError):
        return True
    # A value that could not be made into one of its column's type: nothing was sent to the database.
    return type(failed) is StatementError
