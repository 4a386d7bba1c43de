"""uvicorn as the gateway runs it: on a socket of its own, without signal handlers, and able to drop a dead client."""

import socket
from asyncio import TimerHandle
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from services.gateway.settings import GatewaySettings
from shared.events.errors import ConfigurationError

BACKLOG = 2048
MAX_CLIENT_MESSAGE_BYTES = 256 * 1024
# How long a closed client may take to read its last bytes before its connection is cut.
LINGER_S = 5.0


class Server(uvicorn.Server):
    """A uvicorn server whose process handles signals itself."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `shared.runtime.process`."""
        yield


class CuttingWebSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's WebSocket protocol, made to end connections whose peer reads nothing any more.

    As it is, closing waits until the peer has read everything, forever if it never does.
    """

    _cut_timer: TimerHandle | None = None

    async def send(self, message: ASGISendEvent) -> None:
        """Send one message; a close goes out even when the peer is too slow for anything else."""
        if message["type"] == "websocket.close":
            self.writable.set()
            self._cut_later()
        elif message["type"] == "websocket.send" and self.close_sent:
            raise ClientDisconnected
        await super().send(message)

    def keepalive_timeout(self) -> None:
        """Close a peer that does not answer pings, and do not wait for it."""
        self._cut_later()
        super().keepalive_timeout()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": 1011})
        self.writable.set()

    def shutdown(self) -> None:
        """Close because the server stops."""
        self._cut_later()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timer."""
        if self._cut_timer is not None:
            self._cut_timer.cancel()
        super().connection_lost(exc)

    def _cut_later(self) -> None:
        if self._cut_timer is None:
            self._cut_timer = self.loop.call_later(LINGER_S, self.transport.abort)


def listen(settings: GatewaySettings) -> socket.socket:
    """A bound socket; raises `ConfigurationError` where the address is taken or none of this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as unknown:
        raise ConfigurationError(f"METRLA_GATEWAY_HOST: {settings.host}: {unknown.strerror}") from unknown
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    except OSError as taken:
        listener.close()
        where = f"{settings.host}:{settings.port}"
        raise ConfigurationError(f"METRLA_GATEWAY_PORT: cannot listen on {where}: {taken.strerror}") from taken
    return listener


def build_server(application: FastAPI, settings: GatewaySettings) -> Server:
    """The server of `application`; run it with `serve(sockets=[listen(settings)])`."""
    return Server(
        uvicorn.Config(
            application,
            loop="none",
            http="httptools",
            ws=CuttingWebSocketProtocol,
            ws_max_size=MAX_CLIENT_MESSAGE_BYTES,
            ws_ping_interval=settings.websocket_ping_interval_s,
            ws_ping_timeout=settings.websocket_ping_interval_s,
            # Compressing per client would cost more than everything else that an update costs.
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=max(1, round(settings.drain_timeout_s)),
        )
    )
