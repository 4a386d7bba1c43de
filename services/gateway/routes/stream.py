"""`WS /ws/predictions`: a snapshot, then what changes, and in fixed intervals how old the data is."""

import asyncio
import json
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated

import structlog
from fastapi import APIRouter, HTTPException, Query
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from services.gateway.access.limits import Bucket
from services.gateway.access.origins import may_open
from services.gateway.access.principals import Scope
from services.gateway.access.tickets import MAX_TICKET_CHARACTERS, TicketError
from services.gateway.live.channels import Channel
from services.gateway.live.client_messages import (
    AUTHENTICATED,
    PONG,
    Authenticate,
    HorizonMinutes,
    Ping,
    Subscribe,
    error,
    no_such_model,
    parse,
    refused,
    subscribed,
    unknown_horizon,
    unknown_model,
    unknown_sensors,
)
from services.gateway.live.hub import Client
from services.gateway.routes.gateway import Gateway, Running
from services.gateway.routes.guarded import READS, principal_of, require_parameters
from services.gateway.routes.parameters import ShortText
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from shared.runtime.metrics import GatewayMetrics

log = structlog.stdlib.get_logger(__name__)

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013
# For the first message, where that has to say who the client is.
INTRODUCTION_S = 10.0
# A client whose key is revoked or expires loses its stream within that time.
LOOK_AGAIN_S = 30.0
SHOWN_STRANGERS = 5
PARAMETERS = ("horizon_minutes", "channels", "model", "ticket")

router = APIRouter()


@router.websocket("/ws/predictions")
async def stream(
    socket: WebSocket,
    gateway: Running,
    horizon_minutes: Annotated[HorizonMinutes, Query(description="Only this horizon in minutes, or `all`.")] = (
        DEFAULT_HORIZON_MINUTES
    ),
    channels: Annotated[
        frozenset[Channel] | None, Query(description="Channels to follow; absent: predictions only.")
    ] = None,
    model: Annotated[
        ShortText | None,
        Query(description="Forecasts of this model; absent: those that are served."),
    ] = None,
    ticket: Annotated[
        str | None,
        Query(max_length=MAX_TICKET_CHARACTERS, description="Where reading needs a key: from POST /api/tickets."),
    ] = None,
) -> None:
    """Follow the forecasts (and on demand alerts and sensors) as they change.

    Raises:
        HTTPException: before it is accepted, for a problem instead: 403 for the page of a stranger or a model that
            there is not, 429 for one client too many of an address, 401 and 421 for a ticket that opens nothing here.
        WebSocketRequestValidationError: likewise 422, for parameters that there are not.
    """
    _require_parameters(socket)
    unknown = model is not None and model not in gateway.view.model_names
    # Before the view is complete, a model that nobody knows may yet turn out to predict.
    if unknown and gateway.ages.complete:
        raise HTTPException(HTTPStatus.FORBIDDEN, f"model: {no_such_model(gateway.view.model_names)}")
    if not may_open(socket.headers.get("origin"), socket.headers.get("host", ""), gateway.settings.cors_origins):
        raise HTTPException(
            HTTPStatus.FORBIDDEN, "Pages of that origin may not open a WebSocket; see METRLA_GATEWAY_CORS_ORIGINS."
        )
    address = socket.client.host if socket.client else ""
    if not gateway.hub.places.has_for(address):
        raise HTTPException(HTTPStatus.TOO_MANY_REQUESTS, "Too many WebSockets of one address.", {"Retry-After": "30"})
    full = gateway.hub.places.full or gateway.hub.closing
    credential = None
    if ticket is not None and not full and not unknown:
        try:
            credential = await _credential_behind(gateway, ticket)
        except TicketError as refusal:
            raise HTTPException(_status_of(refusal), str(refusal)) from refusal
    await socket.accept()
    if unknown:
        await socket.close(TRY_AGAIN_LATER, _reason("the view is not complete yet"))
        return
    if full:
        await socket.close(TRY_AGAIN_LATER, _reason("too many clients"))
        return
    with gateway.hub.places.taken(address):
        if credential is None:
            credential = await _introduced(socket, gateway)
        if credential is None:
            return
        wish = Subscribe(
            channels=channels or frozenset({Channel.PREDICTIONS}), horizon_minutes=horizon_minutes, model=model
        )
        with gateway.hub.join(wish.selections()) as client:
            await _Connection(socket, client, gateway, credential).run()


def _require_parameters(socket: WebSocket) -> None:
    try:
        require_parameters(socket, PARAMETERS, frozenset({"channels"}))
    except RequestValidationError as invalid:
        raise WebSocketRequestValidationError(invalid.errors()) from invalid


async def _introduced(socket: WebSocket, gateway: Gateway) -> str | None:
    """The credential that lets the client read, '' where none is needed; `None`: it has none, and is closed."""
    if gateway.settings.reads == "open":
        return ""
    if principal_of(socket).may(*READS.scopes):
        return socket.headers.get("authorization", "").partition(" ")[2].strip()
    why = 'This needs {"type": "authenticate", "token": …} first, with a key that has the scope read, or a "ticket".'
    with suppress(TimeoutError, ValidationError):
        async with asyncio.timeout(INTRODUCTION_S):
            said = await _heard(socket)
        match parse(said):
            case Authenticate() as who:
                try:
                    credential = await _credential_of(gateway, who)
                except TicketError as refusal:
                    credential, why = None, str(refusal)
                if credential is not None:
                    await socket.send_text(AUTHENTICATED)
                    return credential
    gateway.metrics.refused.labels("401").inc()
    address = socket.client.host if socket.client else ""
    log.warning("WebSocket refused: no key with the scope read", address=address)
    with suppress(WebSocketDisconnect):
        await socket.send_text(refused(why))
        await socket.close(POLICY_VIOLATION, _reason("a key is needed", HTTPStatus.UNAUTHORIZED))
    return None


async def _credential_of(gateway: Gateway, said: Authenticate) -> str | None:
    """The credential behind a first message, `None` where it may not read; raises `TicketError`."""
    if said.ticket is not None:
        return await _credential_behind(gateway, said.ticket.get_secret_value())
    token = "" if said.token is None else said.token.get_secret_value()
    who = await gateway.keyring.principal(token)
    return token if who is not None and who.may(*READS.scopes) else None


async def _credential_behind(gateway: Gateway, text: str) -> str:
    """The credential that asked for a ticket, '' where reading needs none; raises `TicketError`."""
    ticket = gateway.tickets.redeem(text)
    if gateway.settings.reads == "open":
        return ""
    who = await gateway.keyring.principal(ticket.credential)
    if who is None or not who.may(*READS.scopes):
        raise TicketError("The key that asked for this ticket is no longer good.")
    return ticket.credential


def _status_of(refusal: TicketError) -> HTTPStatus:
    return HTTPStatus.MISDIRECTED_REQUEST if refusal.elsewhere else HTTPStatus.UNAUTHORIZED


async def _heard(socket: WebSocket) -> str | bytes:
    """The next message; raises `WebSocketDisconnect`."""
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text: str | None = message.get("text")
    data: bytes = message.get("bytes") or b""
    return data if text is None else text


def _reason(detail: str, status: HTTPStatus = HTTPStatus.SERVICE_UNAVAILABLE) -> str:
    """A problem (RFC 9457) that fits into the 123 bytes of a close."""
    return json.dumps({"title": status.phrase, "status": status.value, "detail": detail}, separators=(",", ":"))


class _Connection:
    """One client from its first snapshot to its close."""

    def __init__(self, socket: WebSocket, client: Client, gateway: Gateway, credential: str) -> None:
        self._socket = socket
        self._client = client
        self._gateway = gateway
        self._credential = credential
        self._hub = gateway.hub
        self._view = gateway.view
        self._patience_s = gateway.settings.slow_client_timeout_s
        self._metrics: GatewayMetrics = gateway.metrics
        self._messages = Bucket(
            gateway.settings.websocket_messages_per_second, gateway.settings.websocket_message_burst
        )

    async def run(self) -> None:
        """Write updates and answer messages until one side is done; a client that takes nothing is closed with 1013."""
        tasks = {asyncio.create_task(self._write()), asyncio.create_task(self._answer())}
        if self._credential:
            tasks.add(asyncio.create_task(self._until_unknown()))
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            await self._end(task.exception())

    async def _end(self, cause: BaseException | None) -> None:
        if isinstance(cause, WebSocketDisconnect):
            return
        if isinstance(cause, TimeoutError):
            self._metrics.closed_slow.inc()
            await self._close(TRY_AGAIN_LATER, "too slow")
            return
        if isinstance(cause, _NoLongerWelcomeError):
            await self._close(POLICY_VIOLATION, _reason(str(cause), cause.status))
            return
        if cause is not None:
            raise cause
        await self._close(GOING_AWAY, "the gateway stops")

    async def _close(self, code: int, reason: str) -> None:
        if self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(WebSocketDisconnect):
                await self._socket.close(code, reason)

    async def _write(self) -> None:
        subscriber = self._client.subscriber
        while not self._hub.closing:
            await self._client.awake.wait()
            self._client.awake.clear()
            async with self._client.writing:
                merged_before = subscriber.coalesced
                for text in subscriber.take(self._hub.boards) if self._hub.complete else ():
                    await self._send(text)
                    self._metrics.updates.inc()
                if self._client.beat != self._hub.beat:
                    self._client.beat = self._hub.beat
                    await self._send(self._hub.heartbeat)
                self._metrics.coalesced.inc(subscriber.coalesced - merged_before)

    async def _until_unknown(self) -> None:
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            who = await self._gateway.keyring.principal(self._credential)
            if who is None or not who.may(Scope.READ):
                raise _NoLongerWelcomeError("the key is no longer good", HTTPStatus.UNAUTHORIZED)

    async def _answer(self) -> None:
        while True:
            said = await _heard(self._socket)
            if self._messages.take() > 0:
                raise _NoLongerWelcomeError("too many messages", HTTPStatus.TOO_MANY_REQUESTS)
            async with self._client.writing:
                await self._send(await self._reply(said))
            self._client.awake.set()

    async def _reply(self, text: str | bytes) -> str:
        try:
            message = parse(text)
        except ValidationError as invalid:
            return error(invalid)
        match message:
            case Ping():
                return PONG
            case Authenticate():
                return await self._known(message)
            case Subscribe():
                return self._subscribed(message)

    async def _known(self, said: Authenticate) -> str:
        try:
            credential = await _credential_of(self._gateway, said)
        except TicketError as refusal:
            return refused(str(refusal))
        return AUTHENTICATED if credential is not None else refused("The token is not known, or no longer good.")

    def _subscribed(self, message: Subscribe) -> str:
        if message.model is not None and message.model not in self._view.model_names:
            return unknown_model(self._view.model_names)
        names = self._gateway.names
        if message.horizon_minutes != "all" and (why := names.no_horizon(message.horizon_minutes)):
            return unknown_horizon(why)
        strangers = sorted(each for each in message.sensor_ids or () if not names.has_sensor(each))
        if strangers and len(strangers) == len(message.sensor_ids or ()):
            return unknown_sensors(names.no_sensor(each) for each in strangers[:SHOWN_STRANGERS])
        self._client.subscriber.select(message.selections())
        return subscribed(message, strangers)

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(self._patience_s):
            await self._socket.send_text(text)


class _NoLongerWelcomeError(Exception):
    """The gateway ends the connection; `status` is what it would be called in HTTP."""

    def __init__(self, why: str, status: HTTPStatus) -> None:
        super().__init__(why)
        self.status = status
