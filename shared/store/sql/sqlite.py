"""A SQLite file as several processes use it at once: write-ahead log, patience for locks, tables in place."""

import shutil
import sqlite3
from pathlib import Path

import stamina
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from shared.events.errors import StoreError
from shared.store.sql.schema import is_current, migrate, require_current

# Longer than any transaction of ours by far; a writer waits this long for another before it gives up.
BUSY_TIMEOUT_MS = 30_000
PROBE_BUSY_TIMEOUT_MS = 500
LEAST_FREE_BYTES = 16 * 1024 * 1024
"""Below this a step of a large network, or the checkpoint after it, may find no room."""


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


def probe_sqlite(engine: Engine) -> None:
    """Commit a write that changes nothing; raises `StoreError`, or what SQLAlchemy raises, where that is not possible.

    A write of a few kilobytes may still find room in the write-ahead log when the rows of a step do not, so there must
    be room on the disk as well. Whoever holds the lock is writing just now, which is an answer.
    """
    file = engine.url.database or ""
    left = shutil.disk_usage(Path(file).parent).free
    if left < LEAST_FREE_BYTES:
        raise StoreError(f"store: only {left / 1e6:.1f} MB are left on the disk of {file}")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {PROBE_BUSY_TIMEOUT_MS}")
        try:
            (version,) = connection.exec_driver_sql("PRAGMA user_version").one()
            connection.exec_driver_sql(f"PRAGMA user_version = {int(version)}")
            connection.commit()
        except OperationalError as failed:
            if getattr(failed.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
                raise
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


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
