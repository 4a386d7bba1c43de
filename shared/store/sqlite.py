"""A SQLite file as several processes use it at once: write-ahead log, patience for locks, a version of its tables."""

import sqlite3
from pathlib import Path

import stamina
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateIndex, CreateTable

from shared.events.errors import StoreError
from shared.store.tables import metadata

TABLES_VERSION = 1
# Longer than any transaction of ours by far; a writer waits this long for another before it gives up.
BUSY_TIMEOUT_MS = 30_000

_HORIZONS_VIEW = """
CREATE VIEW IF NOT EXISTS traffic_prediction_horizons AS
SELECT p.network_id, p.sensor_id, p.timestamp, p.model_name, p.model_version, p.revision, p.current_speed_mph,
       json_extract(h.value, '$[0]') AS horizon_minutes,
       json_extract(h.value, '$[1]') AS target_timestamp,
       json_extract(h.value, '$[2]') AS predicted_speed_mph,
       json_extract(h.value, '$[3]') AS lower_speed_mph,
       json_extract(h.value, '$[4]') AS upper_speed_mph,
       json_extract(h.value, '$[5]') AS confidence_score
FROM traffic_predictions AS p, json_each(p.horizons) AS h
"""


def open_sqlite(file: Path, *, create: bool) -> Engine:
    """An engine on `file` with the tables in place.

    Raises:
        StoreError: there is no such file and `create` is false, or its tables were made by a newer metrla.
    """
    if not create and not file.exists():
        raise StoreError(f"store: there is no SQLite file {file}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as failed:
        raise StoreError(f"store: cannot make folder {file.parent}: {failed.strerror}") from failed
    engine = create_engine(URL.create("sqlite", database=str(file)))
    event.listen(engine, "connect", _prepare_connection)
    try:
        _use_write_ahead_log(engine)
        _create_tables(engine, file)
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
        # Immediate: of several processes that open a new file together, one makes the tables and the others see them.
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        version = int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())
        if version > TABLES_VERSION:
            raise StoreError(f"store: {file} has tables of version {version}; this metrla knows {TABLES_VERSION}")
        if version < TABLES_VERSION:
            for table in metadata.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in sorted(table.indexes, key=lambda index: str(index.name)):
                    connection.execute(CreateIndex(index, if_not_exists=True))
            connection.exec_driver_sql(_HORIZONS_VIEW)
            connection.exec_driver_sql(f"PRAGMA user_version = {TABLES_VERSION}")
        connection.commit()
