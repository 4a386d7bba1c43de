"""`metrla store`: make the tables of the store, and say what is in them."""

import shlex
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from metrla.cli.querying.selection import StoreOption
from metrla.cli.tables import plain_table, print_tables
from metrla.terminal import say
from shared.events.errors import ConfigurationError
from shared.runtime.settings import PlatformSettings, read_settings

if TYPE_CHECKING:
    from sqlalchemy import URL

    from shared.store.port import Store

app = typer.Typer(help="Make the tables of the store, and say what is in them.", no_args_is_help=True)


@app.command()
def init(
    store_url: StoreOption = None,
    ttl_days: Annotated[
        int | None,
        typer.Option(
            "--ttl-days",
            help="HBase: drop rows this many days after their event time; a replay of older data leaves nothing.",
            show_default="keep for ever",
            min=1,
        ),
    ] = None,
    compression: Annotated[
        str | None,
        typer.Option(
            help="HBase: NONE, GZ, SNAPPY, LZ4 or ZSTD; all but NONE and GZ need native libraries on the servers.",
            show_default="GZ",
        ),
    ] = None,
    regions: Annotated[
        int, typer.Option(help="HBase: split each table in advance; more than one needs the HBase shell.", min=1)
    ] = 1,
    hbase_shell: Annotated[
        str, typer.Option("--hbase-shell", help="Command of the HBase shell.", metavar="COMMAND")
    ] = "hbase shell",
    print_script: Annotated[
        bool, typer.Option("--print-script", help="HBase: only print the HBase shell script that makes the tables.")
    ] = False,
) -> None:
    """Make the tables that are missing, or migrate a SQL database; what is there keeps its rows and its settings.

    The services do the same when they start, with the defaults. Run this first to choose other settings, or to let
    services run under a user who may not make tables.
    """
    from shared.store.url import open_store, read_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    where = read_settings(PlatformSettings).store_url if store_url is None else store_url
    url = read_url(where)
    if url.drivername == "hbase":
        _init_hbase(url, ttl_days, compression, regions, hbase_shell, print_script=print_script)
        if print_script:
            return
    elif ttl_days or compression or regions > 1 or print_script:
        raise ConfigurationError("--ttl-days, --compression, --regions and --print-script are for HBase alone")
    else:
        open_store(where).close()
    _show(where)


@app.command()
def status(store_url: StoreOption = None) -> None:
    """Say whether the store answers, what tables it has and how new their rows are. Changes nothing."""
    _show(read_settings(PlatformSettings).store_url if store_url is None else store_url)


def _init_hbase(
    url: "URL", ttl_days: int | None, compression: str | None, regions: int, hbase_shell: str, *, print_script: bool
) -> None:
    from shared.store.hbase.connections import (  # noqa: PLC0415 - a client that few commands need
        ThriftConnections,
        thrift_address,
    )
    from shared.store.hbase.shell import run_script, shell_script  # noqa: PLC0415 - likewise
    from shared.store.hbase.tables import TableOptions, create_tables  # noqa: PLC0415 - likewise

    address = thrift_address(url)
    options = TableOptions(ttl_days, (compression or "GZ").upper())
    script = shell_script(address.prefix, options, regions)
    if print_script:
        say(script, newline=False)
        return
    if regions > 1:
        try:
            run_script(shlex.split(hbase_shell), script)
        except ConfigurationError as missing:
            raise ConfigurationError(
                f"{missing}; HBase's Thrift server cannot split tables in advance. Add --print-script, and run what it"
                " prints by `hbase shell -n FILE` on a machine of the cluster"
            ) from missing
    with closing(ThriftConnections(address)) as connections:
        create_tables(connections, options)


def _show(where: str) -> None:
    from shared.store.url import open_store, read_url  # noqa: PLC0415 - SQLAlchemy is slow to import

    shown = plain_table(("table", "parts", "settings", "newest row"))
    with closing(open_store(where, create=False)) as store:
        newest = _newest_times(store)
        for table in store.tables():
            # Names may have a prefix or a suffix: of a deployment, of a second order of the same rows.
            time = next(time for kind, time in newest.items() if kind in table.name)
            shown.add_row(
                table.name, f"{table.parts}", table.settings, f"{time:%Y-%m-%dT%H:%M:%SZ}" if time else "none"
            )
    say(read_url(where).render_as_string())
    print_tables(shown, wide=True)


def _newest_times(store: "Store") -> dict[str, datetime | None]:
    """Of each kind of records the newest time, `None` where the store has none of them."""
    found = {
        "aggregates": [one.window_start for one in store.aggregates(limit=1)],
        "predictions": [one.timestamp for one in store.predictions(limit=1)],
        "alerts": [one.raised_at for one in store.alerts(limit=1)],
        "model_scores": [one.timestamp for one in store.model_scores(limit=1)],
        "served_models": [one.since for one in store.served_models()],
    }
    return {kind: max(times, default=None) for kind, times in found.items()}
