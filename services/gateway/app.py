"""Composition root of the gateway: topics and store in, REST, WebSocket and live page out."""

import asyncio
import socket
import sys
import time
from contextlib import closing
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry

from services.gateway.access.keyring import Keyring
from services.gateway.access.tokens import Issuer, Tokens
from services.gateway.advisories.writer import AdvisoryWriter
from services.gateway.alerts.actions import ActionWriter
from services.gateway.health_checks import HealthChecks, gateway_checks
from services.gateway.live.hub import Hub, Places
from services.gateway.log.follower import Follower
from services.gateway.log.upstream import Upstream
from services.gateway.log.writer import LogWriter
from services.gateway.models.book import ModelBook
from services.gateway.routes.gateway import Gateway
from services.gateway.settings import GatewaySettings
from services.gateway.views.ages import DataAges
from services.gateway.views.names import Names
from services.gateway.views.traffic import TrafficView
from services.gateway.web.application import build_application
from services.gateway.web.door import OWN_FILES, Door, files_at_most
from services.gateway.web.server import Server, build_server, listen
from services.gateway.written import WrittenRows
from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable
from shared.archive.port import Archive
from shared.archive.url import open_archive
from shared.events.errors import ConfigurationError
from shared.runtime.clock import wall_clock
from shared.runtime.metrics import GatewayMetrics
from shared.runtime.process import run_service
from shared.runtime.settings import PlatformSettings, read_settings
from shared.store.deferred import open_deferred
from shared.store.port import Store
from shared.traffic.folder import load_networks

log = structlog.stdlib.get_logger(__name__)


async def serve(platform: PlatformSettings, stop: asyncio.Event) -> None:
    """Serve until `stop` is set, then close the WebSockets, finish the requests in hand and return."""
    settings = read_settings(GatewaySettings)
    with closing(listen(settings)) as listener:
        await serve_on(listener, platform, settings, stop)


async def serve_on(
    listener: socket.socket, platform: PlatformSettings, settings: GatewaySettings, stop: asyncio.Event
) -> None:
    """Serve on a bound socket."""
    with (
        closing(open_archive(platform.archive_url)) as archive,
        closing(open_deferred(platform.store_url)) as store,
    ):
        places = files_at_most(settings.max_connections + OWN_FILES) - OWN_FILES
        if places < settings.max_connections:
            log.warning("fewer connections than set: the process may not open more files", connections=places)
        gateway = build_gateway(platform, settings.within(places), archive, store)
        door = Door(gateway.settings, gateway.metrics)
        server = build_server(build_application(gateway), gateway.settings, door)
        async with asyncio.TaskGroup() as tasks:
            running = (
                gateway.follower.run,
                gateway.follower.letters.run,
                gateway.upstream.run,
                gateway.hub.push,
                gateway.hub.keep_beating,
            )
            background = [tasks.create_task(each()) for each in running]
            serving = tasks.create_task(server.serve(sockets=[listener]))
            host, port = listener.getsockname()[:2]
            log.info("gateway listening", host=host, port=port)
            stopping = tasks.create_task(stop.wait())
            await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
            await _drain(gateway, server, serving)
            for task in (stopping, *background):
                task.cancel()


def build_gateway(platform: PlatformSettings, settings: GatewaySettings, archive: Archive, store: Store) -> Gateway:
    """The parts of a gateway, none of them running yet."""
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    history = timedelta(minutes=settings.history_minutes)
    view = TrafficView(load_networks(platform.networks), history, settings.max_alerts, settings.max_predictions)
    ages = DataAges(view.networks, settings.stale_after_s, settings.push_interval_s, wall_clock, time.monotonic)
    written = WrittenRows()
    places = Places(settings.max_websocket_clients, settings.max_websocket_clients_per_address)
    hub = Hub(
        view,
        ages,
        settings.push_interval_s,
        settings.heartbeat_interval_s,
        places,
        written,
        metrics,
    )
    servers = platform.kafka_bootstrap_servers
    checks = gateway_checks(store, platform.store_url, archive, platform.archive_url, servers, view)
    log_writer = LogWriter(servers)
    return Gateway(
        settings=settings,
        view=view,
        ages=ages,
        follower=Follower(servers, view, ages, history, metrics, hub.touch),
        upstream=Upstream(servers, view.networks, settings.alert_detector_group, ages),
        hub=hub,
        store=store,
        models=ModelBook(store, view.networks, view.predictions, settings.history_timeout_s),
        log_writer=log_writer,
        advisories=AdvisoryWriter(log_writer, view, wall_clock, _zones(settings.zones)),
        actions=ActionWriter(log_writer, view, wall_clock),
        health=HealthChecks(checks, settings.health_timeout_s),
        registry=registry,
        metrics=metrics,
        keyring=build_keyring(settings),
        names=Names.of(view.networks),
        clock=wall_clock,
        version=version("metrla"),
        written=written,
    )


def build_keyring(settings: GatewaySettings) -> Keyring:
    """What is accepted as a credential; raises `ConfigurationError` where the file of keys cannot be read."""
    tokens = None
    if settings.jwt_issuer and settings.jwt_audience and settings.jwt_jwks_url:
        tokens = Tokens(
            Issuer(settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks_url, settings.jwt_scope_claim)
        )
    write_token = None if settings.write_token is None else settings.write_token.get_secret_value()
    return Keyring(write_token, settings.keys_file, tokens, wall_clock)


def _zones(file: Path | None) -> ZoneTable:
    try:
        return NO_ZONES if file is None else ZoneTable.read(file.read_bytes())
    except OSError as unreadable:
        raise ConfigurationError(f"METRLA_GATEWAY_ZONES: {file}: {unreadable.strerror}") from unreadable
    except UnreadableAdvisoriesError as wrong:
        raise ConfigurationError(f"METRLA_GATEWAY_ZONES: {file}: {wrong}") from wrong


async def _drain(gateway: Gateway, server: Server, serving: asyncio.Task[None]) -> None:
    await gateway.hub.close(gateway.settings.drain_timeout_s)
    server.should_exit = True
    await serving
    await gateway.log_writer.close()


def main() -> int:
    """Run the gateway until it is told to stop."""
    return run_service("gateway", serve)


if __name__ == "__main__":
    sys.exit(main())
