"""`WS /ws/predictions`: a snapshot, then what changes, and in fixed intervals how old the data is."""

import asyncio
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Query
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from services.gateway.live.channels import Channel
from services.gateway.live.client_messages import (
    PONG,
    HorizonMinutes,
    Ping,
    Subscribe,
    error,
    parse,
    subscribed,
    unknown_model,
)
from services.gateway.live.hub import Client
from services.gateway.routes.gateway import Gateway, Running
from services.gateway.routes.parameters import ShortText
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from shared.runtime.metrics import GatewayMetrics

log = structlog.stdlib.get_logger(__name__)

GOING_AWAY = 1001
POLICY_VIOLATION = 1008
TRY_AGAIN_LATER = 1013

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
) -> None:
    """Follow the forecasts (and on demand alerts and sensors) as they change."""
    unknown = model is not None and model not in gateway.view.model_names
    # Before the view is complete, a model that nobody knows may yet turn out to predict.
    if (unknown and gateway.ages.complete) or not _welcome(socket, gateway.settings.cors_origins):
        await socket.close(POLICY_VIOLATION)
        return
    await socket.accept()
    if unknown:
        await socket.close(TRY_AGAIN_LATER, "the view is not complete yet")
        return
    if gateway.hub.full or gateway.hub.closing:
        await socket.close(TRY_AGAIN_LATER, "too many clients")
        return
    wish = Subscribe(
        channels=channels or frozenset({Channel.PREDICTIONS}), horizon_minutes=horizon_minutes, model=model
    )
    with gateway.hub.join(wish.selections()) as client:
        await _Connection(socket, client, gateway).run()


class _Connection:
    """One client from its first snapshot to its close."""

    def __init__(self, socket: WebSocket, client: Client, gateway: Gateway) -> None:
        self._socket = socket
        self._client = client
        self._hub = gateway.hub
        self._view = gateway.view
        self._patience_s = gateway.settings.slow_client_timeout_s
        self._metrics: GatewayMetrics = gateway.metrics

    async def run(self) -> None:
        """Write updates and answer messages until one side is done; a client that takes nothing is closed with 1013."""
        tasks = {asyncio.create_task(self._write()), asyncio.create_task(self._answer())}
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

    async def _answer(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1005))
            text = message.get("text")
            async with self._client.writing:
                await self._send(self._reply(message["bytes"] if text is None else text))
            self._client.awake.set()

    def _reply(self, text: str | bytes) -> str:
        try:
            message = parse(text)
        except ValidationError as invalid:
            return error(invalid)
        match message:
            case Ping():
                return PONG
            case Subscribe():
                if message.model is not None and message.model not in self._view.model_names:
                    return unknown_model(self._view.model_names)
                self._client.subscriber.select(message.selections())
                return subscribed(message)

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(self._patience_s):
            await self._socket.send_text(text)


def _welcome(socket: WebSocket, origins: tuple[str, ...]) -> bool:
    """Whether the page that opens the socket may: CORS does not cover WebSockets, so the gateway checks it itself."""
    origin = socket.headers.get("origin")
    if origin is None or "*" in origins or origin in origins:
        return True
    return urlsplit(origin).netloc == socket.headers.get("host")
