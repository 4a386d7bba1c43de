"""The version of a SQL store's tables, and its migration to what this metrla uses."""

from sqlalchemy import Connection, inspect, text

from shared.events.errors import StoreError

# Oldest first; each is a module in `migrations/versions`.
VERSIONS = ("0001", "0002", "0003", "0004", "0005", "0006")
VERSION_TABLE = "metrla_schema_version"


def schema_version(connection: Connection) -> str | None:
    """The version of the tables, `None` where there are none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    version = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608 - ours
    return None if version is None else str(version)


def is_current(connection: Connection, where: str) -> bool:
    """Whether the tables are as this metrla uses them; `where` names the database in errors.

    Raises:
        StoreError: they were made by a newer one.
    """
    version = schema_version(connection)
    if version not in {None, *VERSIONS}:
        raise StoreError(f"store: {where} has tables of version {version}; this metrla knows {VERSIONS[-1]}")
    return version == VERSIONS[-1]


def require_current(connection: Connection, where: str) -> None:
    """Raise `StoreError` unless the tables are there and as this metrla uses them."""
    if not is_current(connection, where):
        raise StoreError(f"store: {where} has no tables of version {VERSIONS[-1]}: `metrla store init` makes them")


def migrate(connection: Connection) -> None:
    """Bring the tables to the newest version, within the transaction that `connection` is in."""
    # Slow to import, and needed once in a database's life.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "shared.store:migrations")
    command.upgrade(config, "head")
