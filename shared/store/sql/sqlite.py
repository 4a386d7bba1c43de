"""A SQLite file as several processes use it at once: write-ahead log, patience for locks, tables in place."""

import sqlite3
from pathlib import Path

import stamina
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from shared.events.errors import StoreError
from shared.store.sql.schema import is_current, migrate, require_current

# Longer than any transaction of ours by far; a writer waits this long for another before it gives up.
BUSY_TIMEOUT_MS = 30_000


def open_sqlite(file: Path, *, create: bool) -> Engine:
    """An engine on `file` with the tables in place.

    Raises:
        StoreError: it is no file, its tables were made by a newer metrla, or there are none and `create` is false.
    """
    if file.exists() and not file.is_file():
        # SQLite would take it, and leave its journal beside it.
        raise StoreError(f"store: {file} is no regular file")
    if not create and not file.exists():
        raise StoreError(f"store: there is no SQLite file {file}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise StoreError(f"store: cannot make folder {file.parent}: {failed.strerror}") from failed
    engine = create_engine(URL.create("sqlite", database=str(file)))
    event.listen(engine, "connect", _prepare_connection)
    try:
        if create:
            _use_write_ahead_log(engine)
            _create_tables(engine, file)
        else:
            with engine.connect() as connection:
                require_current(connection, str(file))
    except BaseException:
        engine.dispose()
        raise
    return engine


def _prepare_connection(connection: sqlite3.Connection, _: object) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    # Offsets are committed after a put returns, so what was put must survive a power failure.
    connection.execute("PRAGMA synchronous = FULL")


@stamina.retry(on=OperationalError, attempts=10, wait_initial=0.05, wait_max=1.0)
def _use_write_ahead_log(engine: Engine) -> None:
    # The switch needs the file alone and does not honour the busy timeout, so processes that open it together retry.
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = WAL")


def _create_tables(engine: Engine, file: Path) -> None:
    with engine.connect() as connection:
        if is_current(connection, str(file)):
            return
        # Immediate: of several processes that open a new file together, one makes the tables and the others see them.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        if not is_current(connection, str(file)):
            migrate(connection)
        connection.commit()
