"""Who may ask, before anything is read or computed: known hosts, right credentials, not too often. And the audit."""

import asyncio
from http import HTTPStatus

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.access.audit import Audit
from services.gateway.access.limits import LATE_S, Buckets
from services.gateway.access.origins import is_ours
from services.gateway.access.principals import ANONYMOUS, Principal
from services.gateway.routes.gateway import Gateway
from services.gateway.web.problems import problem_response

PROBES = frozenset({"/live", "/ready"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FAULTS = frozenset({400, 401, 403, 404, 405, 413, 415, 422})
REFUSALS = frozenset({400, 401, 403, 429})
TOO_OFTEN = 429


class Admission:
    """Lets requests and WebSockets in, or answers them with a problem."""

    def __init__(self, app: ASGIApp, gateway: Gateway) -> None:
        settings = gateway.settings
        self._app = app
        self._gateway = gateway
        self._audit = Audit()
        self._requests = Buckets(settings.requests_per_second, settings.request_burst)
        self._faults = Buckets(settings.faults_per_second, settings.fault_burst)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        visit = _Visit(self, scope, send)
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) > 1 or not is_ours(hosts[0] if hosts else "", self._gateway.settings.allowed_hosts):
            await visit.refuse(
                receive,
                400,
                "This gateway does not answer for that host; METRLA_GATEWAY_ALLOWED_HOSTS names those it does.",
            )
            return
        who = await self._who(headers)
        if who is None:
            await visit.refuse(
                receive,
                401,
                "The credentials are not known, or no longer good.",
                {"WWW-Authenticate": "Bearer"},
            )
            return
        visit.who = who
        if scope.get("path") not in PROBES:
            wait = self._requests.take(visit.address if who is ANONYMOUS else who.name)
            if wait > 0:
                await asyncio.sleep(LATE_S)
                await visit.refuse(receive, TOO_OFTEN, "Too many requests.", {"Retry-After": str(1 + int(wait))})
                return
        scope.setdefault("state", {})["principal"] = who
        await self._app(scope, receive, visit.send)
        visit.note()

    async def _who(self, headers: Headers) -> Principal | None:
        """Who asks: `ANONYMOUS` where nobody says so, `None` where the credentials are wrong."""
        given = headers.getlist("authorization")
        if not given or self._gateway.keyring.empty:
            return ANONYMOUS
        kind, _, credential = given[0].partition(" ")
        if len(given) > 1 or kind.lower() != "bearer":
            return None
        return await self._gateway.keyring.principal(credential.strip())

    async def fault(self, address: str) -> float:
        """Count a faulty request. Returns 0, or, late, the seconds until another one is answered as it deserves."""
        wait = self._faults.take(address)
        if wait > 0:
            await asyncio.sleep(LATE_S)
        return wait

    def note(self, visit: "_Visit") -> None:
        """Write what the audit log has to have."""
        if visit.status in REFUSALS:
            self._gateway.metrics.refused.labels(str(visit.status)).inc()
            self._audit.refusal(visit.why, visit.who.name, visit.address, visit.method, visit.path, visit.status)
        elif visit.method not in SAFE and visit.kind == "http":
            self._audit.write(visit.who.name, visit.address, visit.method, visit.path, visit.status)


class _Visit:
    """One request on its way: who, from where, and how it was answered."""

    def __init__(self, admission: Admission, scope: Scope, send: Send) -> None:
        self._admission = admission
        self._scope = scope
        self._send = send
        self._replaced = False
        self.kind: str = scope["type"]
        self.address: str = scope["client"][0] if scope.get("client") else ""
        self.method: str = scope.get("method", "GET")
        self.path: str = scope.get("raw_path", b"").decode("ascii", "replace")
        self.who = ANONYMOUS
        self.status = 0
        self.why = ""

    async def refuse(self, receive: Receive, status: int, why: str, headers: dict[str, str] | None = None) -> None:
        """Answer with a problem, and note it."""
        self.why = why
        if status != TOO_OFTEN and (wait := await self._admission.fault(self.address)) > 0:
            status, why = TOO_OFTEN, f"Too many faulty requests. This one: {why}"
            headers = {"Retry-After": str(1 + int(wait))}
        self.status = status
        connection = HTTPConnection(self._scope)
        refused = problem_response(connection, status, why, headers={"Connection": "close", **(headers or {})})
        if self.kind == "websocket":
            message = await receive()
            if message["type"] != "websocket.connect":
                return
        await refused(self._scope, receive, self._send)
        self.note()

    async def send(self, message: Message) -> None:
        """Send one message of the answer; a fault too many becomes 429."""
        if message["type"] in {"http.response.start", "websocket.http.response.start"}:
            self.status = int(message["status"])
            self.why = HTTPStatus(self.status).phrase
            if (
                self.status in FAULTS
                and (wait := await self._admission.fault(self.address)) > 0
                and self.kind == "http"
            ):
                self._replaced, self.status = True, TOO_OFTEN
                detail = f"Too many faulty requests. This one: {self.why}."
                refused = problem_response(
                    HTTPConnection(self._scope), TOO_OFTEN, detail,
                    headers={"Retry-After": str(1 + int(wait)), "Connection": "close"},
                )  # fmt: skip
                await refused(self._scope, _nothing, self._send)
        if not self._replaced:
            await self._send(message)

    def note(self) -> None:
        """Write what the audit log has to have."""
        self._admission.note(self)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}
