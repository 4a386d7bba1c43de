"""What every request passes: it is counted, its answer gets security headers, and a crash becomes a problem."""

import asyncio
from contextlib import suppress
from http import HTTPMethod, HTTPStatus
from ipaddress import ip_address
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketDisconnect
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from services.gateway.web.problems import problem_response
from shared.runtime.metrics import GatewayMetrics

log = structlog.stdlib.get_logger(__name__)

UNMATCHED = "unmatched"
INTERNAL_ERROR = 1011
PEER = "metrla.peer"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"
_EVERY_ANSWER = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY"}
DATA_HEADERS = {"Content-Security-Policy": _DATA_POLICY, **_EVERY_ANSWER}
"""What every answer that is no page carries, wherever it is written."""
ANSWER_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})


class Observed:
    """Counts requests by route template, method and status, and times them; 404s share one label."""

    def __init__(self, app: ASGIApp, metrics: GatewayMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = perf_counter(), 500

        async def observing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, observing)
        finally:
            route = getattr(scope.get("route"), "path_format", None) or UNMATCHED
            method = scope["method"] if scope["method"] in METHODS else "other"
            elapsed = perf_counter() - started
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.request_seconds.labels(route).observe(elapsed)
            log.debug("request answered", path=scope["path"], method=method, status=status, seconds=round(elapsed, 4))


class SecurityHeaders:
    """Tells browsers to trust nothing that does not come from here."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""

        async def securing(message: Message) -> None:
            starts = message["type"] in ANSWER_STARTS
            # A 304 has no content whose kind says which policy; what it carried would replace what the browser has.
            if starts and message["status"] != HTTPStatus.NOT_MODIFIED:
                headers = MutableHeaders(scope=message)
                page = headers.get("content-type", "").startswith("text/html")
                headers.setdefault("Content-Security-Policy", _PAGE_POLICY if page else _DATA_POLICY)
                for name, value in _EVERY_ANSWER.items():
                    headers.setdefault(name, value)
            if starts:
                _keep_here(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, securing)


def _keep_here(headers: MutableHeaders) -> None:
    """Make a redirect relative: an absolute one repeats what the client said of our name (`Host`)."""
    place = headers.get("location")
    if place is not None and "://" in place:
        parts = urlsplit(place)
        headers["location"] = urlunsplit(("", "", "/" + parts.path.lstrip("/"), parts.query, parts.fragment))


class ForwardedAddress(ProxyHeadersMiddleware):
    """Takes the word of a trusted proxy on who asks, where it is an address: it gets into the audit log and limits."""

    def __init__(self, app: ASGIApp, trusted_hosts: list[str]) -> None:
        super().__init__(cast("Any", self._checked), trusted_hosts)
        self._behind = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - uvicorn's names for them
        """Pass one request on."""
        scope[PEER] = scope.get("client")
        await super().__call__(scope, receive, send)

    async def _checked(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer, said = scope.pop(PEER), scope.get("client")
        if said is not None and said != peer:
            address = _address_in(said[0])
            scope["client"] = peer if address is None else (address, said[1])
        await self._behind(scope, receive, send)


def _address_in(text: str) -> str | None:
    """An IP address as it is always written, `None` for any other text; zones (`%eth0`) can be anything."""
    try:
        return None if "%" in text else str(ip_address(text.strip()))
    except ValueError:
        return None


class HeadAsGet:
    """Answers HEAD wherever GET is answered (RFC 9110, 9.3.2): monitors ask so. The server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        if scope["type"] != "http" or scope["method"] != HTTPMethod.HEAD:
            await self._app(scope, receive, send)
            return
        # A copy: the server goes by its own.
        as_get = {**scope, "method": HTTPMethod.GET.value}
        try:
            await self._app(as_get, receive, send)
        finally:
            scope["route"] = as_get.get("route")


class CrashGuard:
    """Answers what nobody foresaw: 500, or 1011 where a WebSocket is open. The log alone has the traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on."""
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = started or message["type"] in ANSWER_STARTS or message["type"].startswith("websocket.")
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except (ClientDisconnect, WebSocketDisconnect):
            # Nobody is left to answer, and nothing is wrong here: a stranger must not fill the log by leaving.
            log.debug("client left before its request was whole", path=scope["path"])
        except asyncio.CancelledError:
            # The server alone cancels requests, when it stops and has waited long enough: no fault of theirs.
            log.warning("request cut off, because the gateway stops", path=scope["path"])
            if not started:
                stopping = problem_response(HTTPConnection(scope), HTTPStatus.SERVICE_UNAVAILABLE, "stopping")
                await stopping(scope, receive, send)
        except Exception:
            log.exception("request failed", path=scope["path"])
            if started and scope["type"] == "websocket":
                # Whether it is still open, and whether anybody is there, nobody knows here.
                with suppress(OSError, RuntimeError):
                    await send({"type": "websocket.close", "code": INTERNAL_ERROR})
                return
            if started:
                raise
            failed = problem_response(HTTPConnection(scope), 500, "The gateway failed; its log says why.")
            await failed(scope, receive, send)
