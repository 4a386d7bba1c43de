"""uvicorn as the gateway runs it: on a socket of its own, without signal handlers, and able to drop a dead client."""

import asyncio
import socket
import ssl
from asyncio import TimerHandle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import SecurityError
from websockets.frames import CloseCode, Frame
from websockets.http11 import Request

from services.gateway.settings import GatewaySettings
from services.gateway.web.door import Door
from services.gateway.web.protocol import GuardedHttpProtocol, KeepsPlace, TlsEntrance, raw_problem
from shared.events.errors import ConfigurationError

BACKLOG = 2048
# libuv takes one new connection of a listening socket in each turn of the loop: under a flood of them, an honest one
# waited a second for its turn. Copies of the socket take one each.
ACCEPTED_AT_ONCE = 16
MAX_CLIENT_MESSAGE_BYTES = 256 * 1024
# How long a closed client may take to read its last bytes before its connection is cut.
LINGER_S = 5.0
MAX_DETAIL_CHARACTERS = 200
NO_HANDSHAKE = "The handshake is none that can be answered."
VERSION = "13"
OWN_HEADERS = ("Allow", "Upgrade", "Sec-WebSocket-Version")
# Of one message: it is at most 256 KiB, whose natural pieces are far larger.
MAX_PIECES = 256


class Server(uvicorn.Server):
    """A uvicorn server whose process handles signals itself, and that lets in whom the door lets in."""

    def __init__(self, config: uvicorn.Config, door: Door) -> None:
        super().__init__(config)
        self.server_state = self._door = door

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. TLS begins behind the door, so that those who never finish its handshake are counted, too."""
        loop = asyncio.get_running_loop()
        make = partial(GuardedHttpProtocol, self.config, self._door, {})
        entrance = make if self.config.ssl is None else partial(TlsEntrance, self._door, self.config.ssl, make)
        self.servers = [
            await loop.create_server(entrance, sock=copy, backlog=self.config.backlog)
            for one in sockets or ()
            for copy in (one, *(one.dup() for _ in range(ACCEPTED_AT_ONCE - 1)))
        ]
        self.started = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `shared.runtime.process`."""
        yield


class CuttingWebSocketProtocol(WebSocketsSansIOProtocol, KeepsPlace):
    """uvicorn's WebSocket protocol, made to end connections whose peer reads nothing any more.

    As it is, closing waits until the peer has read everything, forever if it never does; a message may come in any
    number of pieces, also of none; a handshake that websockets does not take is answered in plain text, or never; and
    strangers can make it write lines of level error, and tracebacks, as often as they like.
    """

    _cut_timer: TimerHandle | None = None
    _answer_timer: TimerHandle | None = None

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = cast("Door", server_state)

    def answer_within(self, seconds: float) -> None:
        """Start the clock for our own answer to the handshake."""
        self._answer_timer = self.loop.call_later(seconds, self._cut_unanswered)

    def data_received(self, data: bytes) -> None:
        """Take what comes. The whole handshake comes first and at once: it begins then, or never."""
        super().data_received(data)
        if not self.handshake_initiated:
            too_long = isinstance(self.conn.handshake_exc, SecurityError)
            self._decline(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE if too_long else HTTPStatus.BAD_REQUEST, NO_HANDSHAKE
            )

    def handle_connect(self, event: Request) -> None:
        """Begin, or say with a problem why not."""
        answer = self.conn.accept(event)
        if answer.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            super().handle_connect(event)
            return
        if event.headers.get("Sec-WebSocket-Version", VERSION) != VERSION:
            answer.status_code, answer.headers["Sec-WebSocket-Version"] = HTTPStatus.UPGRADE_REQUIRED, VERSION
        own = {name: answer.headers[name] for name in OWN_HEADERS if name in answer.headers}
        self._decline(HTTPStatus(answer.status_code), f"{self.conn.handshake_exc}."[:MAX_DETAIL_CHARACTERS], own)

    async def send(self, message: ASGISendEvent) -> None:
        """Send one message; a close goes out even when the peer is too slow for anything else."""
        if message["type"] == "websocket.close":
            self.writable.set()
            self._cut_later()
        elif message["type"] == "websocket.send" and self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            # Or uvicorn believes, and says at level error, that the handshake was forgotten.
            self.handshake_complete = True

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
        for timer in (self._cut_timer, self._answer_timer):
            if timer is not None:
                timer.cancel()
        if self.when_lost is not None:
            self.when_lost()
            self.when_lost = None
        super().connection_lost(exc)

    def handle_cont(self, event: Frame) -> None:
        """Take one more piece of a message, unless there are too many."""
        if len(self.frames) >= MAX_PIECES:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many pieces")
            self.handle_parser_exception()
            self._cut_later()
            return
        super().handle_cont(event)

    def send_receive_event_to_app(self) -> None:
        """Pass a message on; text that is none ends the connection, as a stranger's fault and not as ours."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.fail(CloseCode.INVALID_DATA, "no UTF-8")
                self.handle_parser_exception()
                self._cut_later()
                return
        super().send_receive_event_to_app()

    def handle_parser_exception(self) -> None:
        """Close what is no WebSocket; before the handshake there is nobody to close it with."""
        if not self.handshake_initiated:
            self._decline(HTTPStatus.BAD_REQUEST, NO_HANDSHAKE)
            return
        if self.conn.close_sent is None:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": CloseCode.ABNORMAL_CLOSURE})
            self.transport.abort()
            return
        super().handle_parser_exception()

    def _decline(self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.handshake_initiated = self.handshake_complete = self.close_sent = True
        self._door.metrics.refused.labels(str(status.value)).inc()
        self.transport.write(raw_problem(status, detail, headers))
        self.transport.close()
        self._cut_later()

    def _cut_unanswered(self) -> None:
        if not self.handshake_complete:
            self.transport.abort()

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


def build_server(application: FastAPI, settings: GatewaySettings, door: Door) -> Server:
    """The server of `application`; run it with `serve(sockets=[listen(settings)])`.

    Raises:
        ConfigurationError: certificate or key cannot be used.
    """
    config = uvicorn.Config(
        application,
        loop="none",
        http=GuardedHttpProtocol,
        ws=CuttingWebSocketProtocol,
        ws_max_size=MAX_CLIENT_MESSAGE_BYTES,
        ws_ping_interval=settings.websocket_ping_interval_s,
        ws_ping_timeout=settings.websocket_ping_interval_s,
        # Compressing per client would cost more than everything else that an update costs.
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        # What is no HTTP is counted, not logged line by line: strangers would fill the disk.
        log_level="error",
        access_log=False,
        server_header=False,
        # `services.gateway.web.admission` believes proxies that are trusted, and nobody else.
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_graceful_shutdown=max(1, round(settings.drain_timeout_s)),
        ssl_certfile=settings.tls_certificate,
        ssl_keyfile=settings.tls_key,
        # Used where the key has a pass phrase: refused then, or OpenSSL would ask whoever sits at the terminal.
        ssl_keyfile_password="-",  # noqa: S106 - no secret
    )
    try:
        config.load()
    except (OSError, ssl.SSLError) as unusable:
        why = "the key has a pass phrase" if _is_encrypted(settings.tls_key) else unusable.strerror or unusable
        raise ConfigurationError(
            f"METRLA_GATEWAY_TLS_CERTIFICATE, _TLS_KEY: {settings.tls_certificate}, {settings.tls_key}: {why}"
        ) from unusable
    if config.ssl is not None:
        config.ssl.minimum_version = ssl.TLSVersion.TLSv1_2
    return Server(config, door)


def _is_encrypted(key: Path | None) -> bool:
    try:
        return key is not None and b"ENCRYPTED" in key.read_bytes()
    except OSError:
        return False
