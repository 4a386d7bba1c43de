"""The HTTP face of a service that has no other: `/live`, `/ready` and `/metrics`."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from shared.events.errors import ConfigurationError
from shared.runtime.settings import PlatformSettings

log = structlog.stdlib.get_logger(__name__)

NotReady = Callable[[], str | None]
"""Says what the service still waits for, or `None` when it is ready."""

Notes = Callable[[], str | None]
"""Says what an operator should know of a service that may well be ready, or `None`."""


@asynccontextmanager
async def serve_probes(
    settings: PlatformSettings, registry: CollectorRegistry, not_ready: NotReady, notes: Notes = lambda: None
) -> AsyncIterator[int]:
    """Serve the probes while the block runs; yields the port.

    `/ready` answers 503 with what `not_ready` says, and either way with the note of `notes`.
    """

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_: web.Request) -> web.Response:
        waiting_for, note = not_ready(), notes()
        noted = {} if note is None else {"note": note}
        if waiting_for is None:
            return web.json_response({"status": "ready", **noted})
        return web.json_response({"status": "waiting", "waiting_for": waiting_for, **noted}, status=503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    application = web.Application()
    application.add_routes([web.get("/live", live), web.get("/ready", ready), web.get("/metrics", metrics)])
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.metrics_host, settings.metrics_port)
        try:
            await site.start()
        except OSError as taken:
            where = f"{settings.metrics_host}:{settings.metrics_port}"
            raise ConfigurationError(f"METRLA_METRICS_PORT: cannot listen on {where}: {taken.strerror}") from taken
        port = int(runner.addresses[0][1])
        log.info("probes listening", host=settings.metrics_host, port=port)
        yield port
    finally:
        await runner.cleanup()
