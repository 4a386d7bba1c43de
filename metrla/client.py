"""Typed client of the gateway: REST answers as models, the WebSocket as an iterator that reconnects by itself.

async with GatewayClient("http://127.0.0.1:8000") as gateway:
    for alert in await gateway.alerts(active=True):
        print(alert.message)
    async for message in gateway.stream(channels={Channel.PREDICTIONS, Channel.ALERTS}):
        print(message.type, len(message.data))
"""

import asyncio
import random
from collections.abc import AsyncIterator, Collection
from datetime import datetime
from http import HTTPStatus
from types import TracebackType
from typing import Annotated, Literal, Self, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from services.gateway.fanout import Channel
from services.gateway.responses import Aggregate, Alert, NetworkReport, Prediction, SensorReport
from shared.events.errors import MetrlaError
from shared.events.records import AlertSeverity, AlertType

__all__ = [
    "Aggregate",
    "Alert",
    "AlertsMessage",
    "Channel",
    "GatewayClient",
    "GatewayError",
    "Message",
    "NetworkReport",
    "Prediction",
    "PredictionsMessage",
    "SensorReport",
    "SensorsMessage",
]

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0

_Answer = TypeVar("_Answer", bound=BaseModel)
_Horizon = int | Literal["all"]


class GatewayError(MetrlaError):
    """The gateway refused a request, did not answer, or answered with what is no answer.

    `status` is the HTTP status, `None` where there was none.
    """

    def __init__(self, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.status = status


class PredictionsMessage(BaseModel):
    """Forecasts: all of them (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["predictions_snapshot", "predictions_update"]
    data: tuple[Prediction, ...]
    timestamp: datetime | None


class AlertsMessage(BaseModel):
    """Alerts: all of them (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["alerts_snapshot", "alerts_update"]
    data: tuple[Alert, ...]
    timestamp: datetime | None


class SensorsMessage(BaseModel):
    """Sensors: all with a window (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["sensors_snapshot", "sensors_update"]
    data: tuple[SensorReport, ...]
    timestamp: datetime | None


Message = PredictionsMessage | AlertsMessage | SensorsMessage
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])


class GatewayClient:
    """A connection to one gateway; use it as an asynchronous context manager.

    Args:
        url: where the gateway is, such as http://127.0.0.1:8000.
        timeout_s: time in which it must answer a request, seconds.
    """

    def __init__(self, url: str = "http://127.0.0.1:8000", timeout_s: float = 10.0) -> None:
        self._http = httpx.AsyncClient(base_url=url, timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def predictions(
        self,
        *,
        limit: int = 100,
        sensor_id: str | None = None,
        road_type: str | None = None,
        min_confidence: float | None = None,
        horizon_minutes: _Horizon = 15,
        model: str | None = None,
        network_id: str | None = None,
    ) -> list[Prediction]:
        """Forecasts, newest first, `limit` (1-1000) at most; raises `GatewayError`."""
        return await self._list(
            Prediction,
            "/api/predictions",
            limit=limit,
            sensor_id=sensor_id,
            road_type=road_type,
            min_confidence=min_confidence,
            horizon_minutes=horizon_minutes,
            model=model,
            network_id=network_id,
        )

    async def alerts(
        self,
        *,
        limit: int = 50,
        severity: AlertSeverity | None = None,
        alert_type: AlertType | None = None,
        active: bool | None = None,
        network_id: str | None = None,
    ) -> list[Alert]:
        """Alerts, the last raised first, `limit` (1-200) at most; raises `GatewayError`."""
        return await self._list(
            Alert,
            "/api/alerts",
            limit=limit,
            severity=severity,
            alert_type=alert_type,
            active=active,
            network_id=network_id,
        )

    async def sensors(self, *, network_id: str | None = None, road_type: str | None = None) -> list[SensorReport]:
        """Every sensor with what it measured last; raises `GatewayError`."""
        return await self._list(SensorReport, "/api/sensors", network_id=network_id, road_type=road_type)

    async def networks(self) -> list[NetworkReport]:
        """Every sensor network that the gateway serves; raises `GatewayError`."""
        return await self._list(NetworkReport, "/api/networks")

    async def aggregates(
        self,
        sensor_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        network_id: str | None = None,
    ) -> AsyncIterator[Aggregate]:
        """The windows of one sensor whose start lies in [start, end), newest first, page after page.

        Raises:
            GatewayError: the gateway knows no such sensor, or its store does not answer.
        """
        answer = await self._get(
            "/api/history/aggregates",
            sensor_id=sensor_id,
            network_id=network_id,
            **{"from": _iso(start), "to": _iso(end)},
        )
        while True:
            for window in _parse(Aggregate, answer):
                yield window
            following = answer.links.get("next")
            if following is None:
                return
            answer = await self._get(following["url"])

    async def stream(
        self, *, channels: Collection[Channel] = (Channel.PREDICTIONS,), horizon_minutes: _Horizon = 15
    ) -> AsyncIterator[Message]:
        """Snapshots and updates, for ever: a lost connection is opened again, and then starts with a snapshot.

        Raises:
            GatewayError: the gateway refuses the connection for good.
        """
        query = urlencode({"horizon_minutes": horizon_minutes, "channels": sorted(channels)}, doseq=True)
        url = str(self._http.base_url.join(f"/ws/predictions?{query}")).replace("http", "ws", 1)
        pause = FIRST_PAUSE_S
        while True:
            try:
                async with connect(url, max_size=None) as socket:
                    async for text in socket:
                        pause = FIRST_PAUSE_S
                        yield _MESSAGE.validate_json(text)
            except InvalidStatus as refused:
                status = refused.response.status_code
                if status < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise GatewayError(f"the gateway refuses the WebSocket with {status}", status) from refused
            except ValidationError as odd:
                raise GatewayError(f"{url} sends what no gateway sends: {odd}") from odd
            except (OSError, WebSocketException):
                pass
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter, no secret
            pause = min(LONGEST_PAUSE_S, pause * 2)

    async def _list(self, kind: type[_Answer], path: str, **parameters: str | float | None) -> list[_Answer]:
        return _parse(kind, await self._get(path, **parameters))

    async def _get(self, path: str, **parameters: str | float | None) -> httpx.Response:
        given = {name: value for name, value in parameters.items() if value is not None}
        try:
            answer = await self._http.get(path, params=given or None)
        except httpx.HTTPError as failed:
            raise GatewayError(
                f"{self._http.base_url} does not answer: {str(failed) or type(failed).__name__}"
            ) from failed
        if answer.is_error:
            raise GatewayError(_detail(answer), answer.status_code)
        return answer


def _parse(kind: type[_Answer], answer: httpx.Response) -> list[_Answer]:
    try:
        return TypeAdapter(list[kind]).validate_json(answer.content)  # type: ignore[valid-type]  # a run-time type
    except ValidationError as odd:
        raise GatewayError(f"{answer.url} answers with what no gateway answers: {odd}", answer.status_code) from odd


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return f"{answer.url} answers {answer.status_code}"
