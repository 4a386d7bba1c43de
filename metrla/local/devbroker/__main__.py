"""`python -m metrla.local.devbroker`: the embedded broker as a process."""

import asyncio
import logging
import signal
import sys
from pathlib import Path
from typing import Annotated

import structlog
import typer
import uvloop

from metrla.local.devbroker.broker import DevBroker
from metrla.local.devbroker.settings import BrokerSettings, require_loopback
from metrla.terminal import run_command, say
from shared.events.errors import ConfigurationError
from shared.runtime.process import stop_with_parent as watch_parent

_DEFAULTS = BrokerSettings()

app = typer.Typer(add_completion=False)


@app.command()
def main(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port; 0 takes a free one.")] = 9092,
    port_file: Annotated[
        Path | None, typer.Option(help="Write the bootstrap address here once clients can connect.")
    ] = None,
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of topics that are created without a count.")
    ] = _DEFAULTS.default_partitions,
    auto_create_topics: Annotated[
        bool, typer.Option(help="Create topics that a client asks for.")
    ] = _DEFAULTS.auto_create_topics,
    retention_bytes: Annotated[
        int, typer.Option(min=-1, help="Bytes kept per partition unless the topic says otherwise; -1 keeps all.")
    ] = _DEFAULTS.retention_bytes,
    retention_ms: Annotated[
        int,
        typer.Option(
            min=-1, help="Age in milliseconds at which records go unless the topic says otherwise; -1: never."
        ),
    ] = _DEFAULTS.retention_ms,
    max_message_bytes: Annotated[
        int, typer.Option(min=1, help="Largest batch accepted unless the topic says otherwise.")
    ] = _DEFAULTS.max_message_bytes,
    *,
    stop_with_parent: Annotated[
        bool,
        typer.Option(envvar="METRLA_STOP_WITH_PARENT", help="Stop when the process that started this one is gone."),
    ] = False,
) -> None:
    """Run metrla's embedded Kafka-protocol broker until Ctrl-C or SIGTERM.

    Everything is in memory and gone at the end: not durable, not replicated, no transactions, loopback only.
    """
    try:
        require_loopback(host)
        settings = BrokerSettings(
            default_partitions=partitions,
            auto_create_topics=auto_create_topics,
            retention_bytes=retention_bytes,
            retention_ms=retention_ms,
            max_message_bytes=max_message_bytes,
        )
        _log_to_standard_error()
        uvloop.run(_serve(DevBroker(host, port, settings=settings), port_file, follow_parent=stop_with_parent))
    except ConfigurationError as error:
        say(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    except OSError as error:
        say(f"error: cannot listen on {host}:{port}: {error.strerror or error}", err=True)
        raise typer.Exit(1) from error


def _log_to_standard_error() -> None:
    structlog.configure(
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=True,
    )


async def _serve(broker: DevBroker, port_file: Path | None, *, follow_parent: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with broker:
        if port_file is not None:
            _write_address(port_file, broker.bootstrap_servers)
        say(f"embedded broker ready at {broker.bootstrap_servers}")
        watcher = asyncio.create_task(watch_parent(stopped)) if follow_parent else None
        await stopped.wait()
        if watcher is not None:
            watcher.cancel()
        if port_file is not None:
            _remove_address(port_file)


def _write_address(port_file: Path, address: str) -> None:
    # Renamed into place: whoever waits for the file never reads half an address.
    temporary = port_file.with_name(f".{port_file.name}.tmp")
    temporary.write_text(address + "\n")
    temporary.replace(port_file)


def _remove_address(port_file: Path) -> None:
    port_file.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(run_command(app, "python -m metrla.local.devbroker"))
