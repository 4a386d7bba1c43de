"""A PostgreSQL database as the services use it: bounded waits, tables in place, a partition for each month."""

from sqlalchemy import URL, Engine, create_engine
from sqlalchemy.exc import SQLAlchemyError

from shared.events.errors import ConfigurationError, StoreError
from shared.store.sql.partitions import MonthlyPartitions, lock_ddl
from shared.store.sql.schema import is_current, migrate, require_current
from shared.store.sql.store import SqlStore

CONNECT_TIMEOUT_S = 10
# Sent bytes that nobody acknowledges, and a statement that does not end, are given up after so long.
TCP_TIMEOUT_MS = 15_000
STATEMENT_TIMEOUT_MS = 60_000


def open_postgresql(url: URL, *, create: bool) -> SqlStore:
    """The store in the database that `url` names, with its tables in place.

    Raises:
        ConfigurationError: the URL names no database. StoreError: it does not let us in, its tables were made by a
        newer metrla, or there are none and `create` is false.
    """
    where = f"PostgreSQL database {url.render_as_string()}"
    if not url.database:
        raise ConfigurationError(f"store URL {url.render_as_string()!r}: write postgresql://user@host:5432/database")
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        # A connection that broke while it was idle is replaced before it is used.
        pool_pre_ping=True,
        connect_args=_connect_args(url),
    )
    try:
        _prepare(engine, where, create=create)
    except SQLAlchemyError as failed:
        engine.dispose()
        raise StoreError(f"store: cannot open {where}: {_first_line(failed)}") from failed
    except BaseException:
        engine.dispose()
        raise
    return SqlStore(engine, probe_postgresql, MonthlyPartitions(engine))


def probe_postgresql(engine: Engine) -> None:
    """Raise `StoreError` where the database is read-only, as providers make one whose disk is nearly full.

    A standby says nothing of the primary that is written to. Whether a table finds room for more rows, PostgreSQL does
    not tell who may not write to it.
    """
    with engine.connect() as connection:
        standby, read_only = connection.exec_driver_sql(
            "SELECT pg_is_in_recovery(), current_setting('transaction_read_only') = 'on'"
        ).one()
    if read_only and not standby:
        raise StoreError("store: the database is read-only")


def _connect_args(url: URL) -> dict[str, str]:
    """Libpq's parameters; what the URL says goes before what we say."""
    options = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC {url.query.get('options', '')}"
    defaults = {"connect_timeout": str(CONNECT_TIMEOUT_S), "tcp_user_timeout": str(TCP_TIMEOUT_MS)}
    return {name: value for name, value in defaults.items() if name not in url.query} | {"options": options}


def _prepare(engine: Engine, where: str, *, create: bool) -> None:
    with engine.begin() as connection:
        if not create:
            require_current(connection, where)
        elif not is_current(connection, where):
            # Of several processes that open a new database together, one makes the tables and the others see them.
            lock_ddl(connection)
            if not is_current(connection, where):
                migrate(connection)


def _first_line(failed: SQLAlchemyError) -> str:
    return str(getattr(failed, "orig", None) or failed).strip().partition("\n")[0]
