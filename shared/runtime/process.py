"""How a service process lives: logs first, then serve until told to stop, drain, and leave with an honest exit code."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

import structlog
import uvloop

from shared.events.errors import ConfigurationError, MetrlaError
from shared.runtime.logs import configure_logs
from shared.runtime.settings import PlatformSettings, read_settings

log = structlog.stdlib.get_logger(__name__)

EXIT_FAILED = 1
EXIT_MISCONFIGURED = 2
PARENT_POLL_S = 1.0
NEW_OBJECTS = 50_000
"""Python looks for objects that refer to each other in circles each time this many have been made."""

Serve = Callable[[PlatformSettings, asyncio.Event], Awaitable[None]]


def run_service(name: str, serve: Serve) -> int:
    """Run `serve(settings, stop)` until it returns; SIGTERM and SIGINT set `stop`, and serve then drains.

    Returns:
        0 after a clean stop, 2 after a `ConfigurationError` (one readable line on standard error), 1 after any other.
    """
    try:
        settings = read_settings(PlatformSettings)
        configure_logs(settings, name)
        collect_rarely()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_stopped(serve, settings))
    except ConfigurationError as wrong:
        sys.stderr.write(f"metrla {name}: {wrong}\n")
        return EXIT_MISCONFIGURED
    except MetrlaError as failed:
        log.error("service failed", error=str(failed))  # noqa: TRY400 - a foreseen failure needs no traceback
        return EXIT_FAILED
    except Exception:
        log.exception("service crashed")
        return EXIT_FAILED
    return 0


class Closes(Protocol):
    """What has to be closed when the process ends."""

    def close(self) -> None:
        """Let go of what is open."""


Port = TypeVar("Port", bound=Closes)


@asynccontextmanager
async def opened_at(url: str, open_port: Callable[[str], Port]) -> AsyncIterator[Port]:
    """The archive or the store at `url`; opened and closed in a thread, for either may wait for a server."""
    port = await asyncio.to_thread(open_port, url)
    try:
        yield port
    finally:
        await asyncio.to_thread(port.close)


def collect_rarely() -> None:
    """Collect garbage less often than Python's default: a network step makes a hundred thousand records at once.

    They hold no circles, and looking through them again and again took longer than making them.
    """
    gc.set_threshold(NEW_OBJECTS)


async def _until_stopped(serve: Serve, settings: PlatformSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stop.set)
    watcher = asyncio.create_task(stop_with_parent(stop)) if settings.stop_with_parent else None
    serving = asyncio.ensure_future(serve(settings, stop))
    try:
        # Its first step reads its settings: where they are wrong, that is the one line to say.
        await asyncio.sleep(0)
        if not serving.done():
            log.info("service starting", kafka=settings.kafka_bootstrap_servers)
        await serving
    finally:
        if watcher is not None:
            watcher.cancel()
    log.info("service stopped")


async def stop_with_parent(stop: asyncio.Event) -> None:
    """Set `stop` once the process that started this one is gone."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - nothing announces it, so ask again and again
        await asyncio.sleep(PARENT_POLL_S)
    stop.set()
