"""A SQLite file as several processes use it at once: write-ahead log, patience for locks, tables in place."""

import shutil
import sqlite3
from pathlib import Path

import stamina
import structlog
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from shared.events.errors import StoreError
from shared.store.sql.schema import is_current, migrate, require_current

log = structlog.stdlib.get_logger(__name__)

# Longer than any transaction of ours by far; a writer waits this long for another before it gives up.
BUSY_TIMEOUT_MS = 30_000
PROBE_BUSY_TIMEOUT_MS = 500
IDENTITY = "device and inode"
LEAST_FREE_BYTES = 16 * 1024 * 1024
"""Below this a step of a large network, or the checkpoint after it, may find no room."""


def open_sqlite(file: Path, *, create: bool) -> Engine:
    """An engine on `file` with the tables in place.

    SQLite goes on writing into a file that was deleted, which nobody will ever read: so a connection is used only while
    its file is the one at the path. Where there is none any more, every use raises `StoreError`; another one there, put
    back by an operator or made by a service that was restarted, is connected to anew.

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
    # Connections that were opened before say nothing of their file.
    engine.dispose()
    _keep_to(engine, file)
    return engine


def _keep_to(engine: Engine, file: Path) -> None:
    """See to it that a connection is used only while it is one to the file at its path."""

    def require_file(*_: object) -> None:
        # Before it is connected to: SQLite would make one.
        _identity_of(file)

    def note_file(_: object, entry: ConnectionPoolEntry) -> None:
        entry.info[IDENTITY] = _identity_of(file)

    def require_same_file(_: object, entry: ConnectionPoolEntry, __: object) -> None:
        if entry.info[IDENTITY] != _identity_of(file):
            log.error("the store's file is another one than before, opening it anew", file=str(file))
            raise DisconnectionError("the file is another one")

    event.listen(engine, "do_connect", require_file)
    event.listen(engine, "connect", note_file)
    event.listen(engine, "checkout", require_same_file)


def _identity_of(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError as gone:
        raise StoreError(
            f"store: the file {file} is gone ({gone.strerror}): put it back, or restart the services to begin an "
            "empty one"
        ) from gone
    return found.st_dev, found.st_ino


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
