"""From a store's URL to the store."""

from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from shared.events.errors import ConfigurationError, StoreError
from shared.store.port import OpenedStore
from shared.store.sql.sqlite import open_sqlite, probe_sqlite
from shared.store.sql.store import SqlStore

FORMS = "sqlite:///file, postgresql://user@host/database or hbase://host"


def open_store(url: str, *, create: bool = True) -> OpenedStore:
    """The store that `url` names, with its tables in place.

    `sqlite:///relative` or `sqlite:////absolute` file; `postgresql://user:password@host:5432/database`, with libpq's
    options in the query; `hbase://host:9090`, a Thrift1 server, with `prefix`, `pool`, `timeout_s`, `transport` and
    `protocol` in the query.

    Args:
        url: where it is.
        create: make what does not exist; false for those who only look.

    Raises:
        ConfigurationError: the URL cannot be one of a store.
        StoreError: the store cannot be opened.
    """
    parts = read_url(url)
    match parts.drivername:
        case "sqlite":
            return _open_file(parts, create=create)
        case "postgresql":
            from shared.store.sql.postgresql import open_postgresql  # noqa: PLC0415 - a client that few processes need

            return open_postgresql(parts, create=create)
        case _:
            from shared.store.hbase.connections import thrift_address  # noqa: PLC0415 - likewise
            from shared.store.hbase.store import open_hbase  # noqa: PLC0415 - likewise

            return open_hbase(thrift_address(parts), create=create)


def read_url(url: str) -> URL:
    """The parts of a store's URL; raises `ConfigurationError` where it names none that metrla knows."""
    try:
        parts = make_url(url)
    except (ArgumentError, ValueError) as wrong:
        raise ConfigurationError(f"store URL {url!r}: write {FORMS}") from wrong
    if parts.drivername not in {"sqlite", "postgresql", "hbase"}:
        raise ConfigurationError(f"store URL {parts.render_as_string()!r}: write {FORMS}")
    return parts


def _open_file(parts: URL, *, create: bool) -> OpenedStore:
    if parts.database in {None, "", ":memory:"} or parts.query or parts.host:
        shown = parts.render_as_string()
        raise ConfigurationError(f"store URL {shown!r}: name a file that all services can open: sqlite:///file")
    file = Path(str(parts.database)).absolute()
    try:
        return SqlStore(open_sqlite(file, create=create), probe_sqlite)
    except SQLAlchemyError as failed:
        raise StoreError(f"store: cannot open {file}: {getattr(failed, 'orig', failed)}") from failed
