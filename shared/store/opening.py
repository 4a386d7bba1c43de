"""From a store's URL to the store."""

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from shared.events.errors import ConfigurationError, StoreError
from shared.store.port import Store
from shared.store.sql import SqlStore
from shared.store.sqlite import open_sqlite


def open_store(url: str, *, create: bool = True) -> Store:
    """The store that `url` names, with its tables in place: `sqlite:///relative` or `sqlite:////absolute` file.

    Args:
        url: where it is.
        create: make what does not exist; false for those who only look.

    Raises:
        ConfigurationError: the URL cannot be one of a store.
        StoreError: the store cannot be opened.
    """
    try:
        parts = make_url(url)
    except ArgumentError as wrong:
        raise ConfigurationError(f"store URL {url!r}: write sqlite:///file") from wrong
    if parts.drivername != "sqlite":
        raise ConfigurationError(f"store URL {parts.render_as_string()!r}: write sqlite:///file")
    if parts.database in {None, "", ":memory:"} or parts.query or parts.host:
        raise ConfigurationError(f"store URL {url!r}: name a file that all services can open: sqlite:///file")
    file = Path(str(parts.database)).absolute()
    try:
        return SqlStore(open_sqlite(file, create=create))
    except SQLAlchemyError as failed:
        raise StoreError(f"store: cannot open {file}: {getattr(failed, 'orig', failed)}") from failed
