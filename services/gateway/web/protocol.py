"""HTTP as the gateway takes it: uvicorn's protocol, behind the door, with limits on the time and size of what is sent.

uvicorn reads a request for as long as it lasts, and keeps a connection for as long as its peer likes. The protocol here
ends what takes too long or grows too large, before anything behind it hears of it.
"""

import json
from asyncio import AbstractEventLoop, BaseTransport, Protocol, Task, TimerHandle, Transport, get_running_loop
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from ssl import SSLContext, SSLError
from typing import Any, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from services.gateway.access.limits import LATE_S
from services.gateway.web.door import Door
from services.gateway.web.middleware import DATA_HEADERS

SLICE_BYTES = 16 * 1024
MAX_HEADERS = 100
# What chunks may cost beyond what is in them: a chunk of one byte is six bytes on the wire.
FRAMING_BYTES, FRAMING_RATIO = 64 * 1024, 8
SINGLETONS = frozenset(
    b"authorization content-encoding content-length content-type expect host idempotency-key origin "
    b"sec-websocket-key sec-websocket-version transfer-encoding".split()
)
"""Headers that are said once: of two, this and whatever is before it might believe different ones."""
# How long a refused peer may go on sending, so that it can read why.
LINGER_S, UNWANTED_BYTES = 1.0, 256 * 1024


def raw_problem(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer with a problem (RFC 9457), for where no application is there to give one; the connection ends."""
    problem = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail}
    body = json.dumps(problem).encode()
    lines = {
        "content-type": "application/problem+json",
        "content-length": str(len(body)),
        **DATA_HEADERS,
        **(headers or {}),
        "connection": "close",
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status.value} {status.phrase}\r\n{head}\r\n".encode("latin-1") + body


class GuardedHttpProtocol(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with limits on size and time.

    Raises nothing: whoever exceeds one is answered with a problem (RFC 9457), where there is still somebody to answer,
    and the connection ends.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._door = cast("Door", server_state)
        self._timer: TimerHandle | None = None
        self._in_headers = True
        self._in_body = False
        self._header_bytes = 0
        self._named_bytes = 0
        self._body_bytes = 0
        self._framing_bytes = 0
        self._unwanted_bytes = 0
        self._refused = False
        # Whether there has been a request; before, uvicorn has nothing where it says there is a cycle.
        self._cycles = False
        self._stuck: TimerHandle | None = None
        self._unanswered: deque[RequestResponseCycle] = deque()

    def connection_made(self, transport: BaseTransport) -> None:
        """Take a place, and start the clock for the headers."""
        super().connection_made(cast("Transport", transport))
        address = self.client[0] if self.client else ""
        if not self._door.enter(self, address, self.loop.time()):
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections; try again later.")
            return
        self._door.waits(self)
        self._arm(self._door.settings.header_timeout_s, self._headers_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._disarm()
        self._flows()
        self._door.leave(self)
        # uvicorn tells the newest request alone; those before it would write to a peer that is gone.
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the clock for a peer that does not read its answer."""
        super().pause_writing()
        self._sticks(self._door.settings.body_timeout_s)

    def resume_writing(self) -> None:
        """It reads."""
        self._flows()
        super().resume_writing()

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection to the WebSocket protocol, which gives the place back when it is lost."""
        if self._refused:
            return
        self._disarm()
        self._door.works(self)
        super().handle_websocket_upgrade()
        new = self.transport.get_protocol()
        if isinstance(new, KeepsPlace):
            new.when_lost = lambda: self._door.leave(self)
            new.answer_within(self._door.settings.body_timeout_s)

    def data_received(self, data: bytes) -> None:
        """Parse in slices as long as headers come, so that none can outgrow its limit unseen."""
        view = memoryview(data)
        while view and not self._refused and not self.transport.is_closing():
            piece, view = view[:SLICE_BYTES], view[SLICE_BYTES:]
            counted = self._in_headers
            if not counted:
                self._framing_bytes += len(piece)
            super().data_received(bytes(piece))
            if self.transport.get_protocol() is not self:
                # What a WebSocket client sends before it was answered is against RFC 6455; it is left out.
                return
            if counted and self._in_headers:
                self._header_bytes += len(piece)
            if self._in_headers and self._header_bytes > self._limit:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"More than {self._limit} bytes of headers.")
            elif self._in_body and self._framing_bytes > FRAMING_BYTES + FRAMING_RATIO * self._body_bytes:
                self._refuse(HTTPStatus.BAD_REQUEST, "More framing than body.")

    @property
    def _limit(self) -> int:
        return self._door.settings.max_header_bytes

    def on_message_begin(self) -> None:
        """Start to count a request."""
        self._in_headers, self._in_body = True, False
        self._header_bytes = self._body_bytes = self._framing_bytes = 0
        self._named_bytes = 0
        super().on_message_begin()
        self._door.waits(self)
        if self._timer is None:
            self._arm(self._door.settings.header_timeout_s, self._headers_late)

    def on_url(self, url: bytes) -> None:
        """Count the request line."""
        self._named_bytes += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count headers. What comes behind a body (trailers) is left out: nothing here reads it."""
        if self._in_body:
            return
        self._named_bytes += len(name) + len(value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the request in, unless it is too large."""
        self._disarm()
        self._in_headers = False
        if self._named_bytes > self._limit or len(self.headers) > MAX_HEADERS:
            self._refuse(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                f"More than {self._limit} bytes or {MAX_HEADERS} lines of headers.",
            )
            return
        if said_twice := _said_twice(self.headers):
            self._refuse(HTTPStatus.BAD_REQUEST, f"The header {said_twice} comes more than once.")
            return
        if self.parser.should_upgrade() and self._should_upgrade() and (why := self._why_no_upgrade()):
            self._refuse(HTTPStatus.BAD_REQUEST, why)
            return
        self._in_body = True
        before = self.cycle if self._cycles else None
        super().on_headers_complete()
        # Of an upgrade uvicorn makes none.
        if self.cycle is not before:
            self._unanswered.append(self.cycle)
            self._cycles = True
        self._arm(self._door.settings.body_timeout_s, self._body_late)

    def _why_no_upgrade(self) -> str | None:
        """Why a WebSocket cannot begin here: a body would be waited for, and an answer would be among its frames."""
        given = dict(self.headers)
        if b"transfer-encoding" in given or given.get(b"content-length", b"0").strip(b" 0"):
            return "A request that opens a WebSocket has no body."
        return "A WebSocket is opened when the requests before it are answered." if self._unanswered else None

    def on_body(self, body: bytes) -> None:
        """Count the body."""
        self._body_bytes += len(body)
        if self._refused:
            return
        super().on_body(body)
        if self.cycle.response_complete:
            # Nobody wants it. A little more may come, for clients that read no answer before they have sent all.
            self._unwanted_bytes += len(body)
            if self._unwanted_bytes > UNWANTED_BYTES:
                self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Stop the clock: from here on it is ours to answer."""
        self._disarm()
        self._in_body = False
        self._in_headers = True
        self._header_bytes = 0
        if not self._refused:
            self._door.works(self)
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request, or end what still sends a body that nobody reads."""
        if self._unanswered:
            self._unanswered.popleft()
        if self._in_body and not self.transport.is_closing():
            self.cycle.keep_alive = False
            self._arm(LINGER_S, self.transport.close)
        super().on_response_complete()
        if self.transport.is_closing():
            self._sticks(self._door.settings.body_timeout_s)
        if not self.pipeline:
            self._door.waits(self)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP with a problem."""
        self._refuse(HTTPStatus.BAD_REQUEST, msg)

    def _refuse(self, status: HTTPStatus, detail: str) -> None:
        if self._refused:
            return
        self._refused = True
        self._disarm()
        answered = self._cycles and self.cycle.response_started
        if self._cycles and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self._door.metrics.refused.labels(str(status.value)).inc()
        problem = b"" if answered else raw_problem(status, detail, {"retry-after": "5"})
        if self._door.is_too_often(self.client[0] if self.client else ""):
            self.flow.pause_reading()
            self._arm(LATE_S, partial(self._end, problem))
        else:
            self._end(problem)

    def _end(self, problem: bytes) -> None:
        self._timer = None
        if problem:
            self.transport.write(problem)
        self.transport.close()
        self._sticks(LINGER_S)

    def _headers_late(self) -> None:
        self._timer = None
        if self._header_bytes:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The request did not come in time.")
        else:
            self._refused = True
            self.transport.close()

    def _body_late(self) -> None:
        self._timer = None
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The body did not come in time.")

    def _sticks(self, seconds: float) -> None:
        """Cut the connection unless it flows again: closing waits for a peer that never reads, for ever."""
        if self._stuck is None:
            self._stuck = self.loop.call_later(seconds, self.transport.abort)

    def _flows(self) -> None:
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None

    def _arm(self, seconds: float, then: Callable[[], None]) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _said_twice(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """The first header of `SINGLETONS` that is there a second time; names are in lower case."""
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in SINGLETONS:
            if name in seen:
                return name.decode()
            seen.add(name)
    return None


class KeepsPlace:
    """A protocol that a connection goes on with, and that says when it is lost."""

    when_lost: Callable[[], None] | None = None

    def answer_within(self, seconds: float) -> None:
        """Cut the connection unless its handshake is answered by then: whoever waits for it takes a place."""
        raise NotImplementedError


class TlsEntrance(Protocol):
    """Where a connection waits for its TLS handshake: counted, and not for ever."""

    def __init__(self, door: Door, context: SSLContext, make: Callable[[], GuardedHttpProtocol]) -> None:
        self._door = door
        self._context = context
        self._make = make
        self._early = bytearray()
        self._shaking: Task[None] | None = None
        self.transport: Transport | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Take a place, and begin the handshake."""
        self.transport = cast("Transport", transport)
        self.transport.pause_reading()
        address = self.transport.get_extra_info("peername")
        loop = get_running_loop()
        if not self._door.enter(self, str(address[0]) if isinstance(address, tuple) else "", loop.time()):
            self.transport.abort()
            return
        self._door.waits(self)
        self._shaking = loop.create_task(self._shake(self.transport))

    def data_received(self, data: bytes) -> None:
        """Keep what comes between the end of the handshake and the next turn of the loop."""
        self._early += data

    def connection_lost(self, _: Exception | None) -> None:
        """Give the place back."""
        self._door.leave(self)

    async def _shake(self, transport: Transport) -> None:
        loop = get_running_loop()
        try:
            secured = await loop.start_tls(
                transport,
                self,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self._door.settings.header_timeout_s,
            )
        except (OSError, SSLError, TimeoutError):
            self._door.metrics.refused.labels("tls").inc()
            transport.abort()
            secured = None
        self._door.leave(self)
        if secured is None or secured.is_closing():
            return
        protocol = self._make()
        secured.set_protocol(protocol)
        protocol.connection_made(secured)
        if self._early and not secured.is_closing():
            protocol.data_received(bytes(self._early))
