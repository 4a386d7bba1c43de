"""The connection to one gateway."""

import asyncio
import random
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Literal
from urllib.parse import quote, urlencode

from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException

from metrla.client.answers import validated
from metrla.client.control_room import ControlRoom
from metrla.client.errors import GatewayError
from metrla.client.messages import MESSAGE, HeartbeatMessage, Message
from metrla.client.models import ModelDetail, ModelReport
from metrla.client.pulse import Pulse
from metrla.client.traffic import Aggregate, NetworkReport, Prediction, SensorReport, SensorTimesReport
from metrla.client.values import Channel

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
CLOSE_S = 1.0
LONGEST_ASKED_S = 120.0
PASSING = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals below 500 that say 'not now'."""
# Beyond, the connection waits for whoever handles the messages, and the gateway merges what it has not sent yet.
MAX_WAITING = 16

_Horizon = int | Literal["all"]
_PAGE = 1000


class GatewayClient(ControlRoom):
    """A connection to one gateway; use it as an asynchronous context manager.

    Args:
        url: where the gateway is, such as http://127.0.0.1:8000.
        timeout_s: time in which it must answer a request, seconds.
        write_token: an API key (`metrla keys`), a token of the identity provider or the gateway's write token.
            Actions on alerts and advisories need it; reading does where the gateway says so.
    """

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
        latest: bool | None = None,
    ) -> list[Prediction]:
        """Forecasts, newest first, `limit` (1-1000) at most; without `model` those that were served.

        `latest`: only the newest moment of each network. `all_predictions` gives what goes beyond `limit`.

        Raises:
            GatewayError: a parameter is not valid, or the gateway does not answer.
        """
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
            latest=latest,
        )

    async def all_predictions(
        self,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        sensor_ids: Collection[str] = (),
        freeway: str | None = None,
        direction: str | None = None,
        horizon_minutes: _Horizon = "all",
        model: str | None = None,
        network_id: str | None = None,
        latest: bool | None = None,
    ) -> AsyncIterator[Prediction]:
        """Every forecast that the gateway has in memory and that was made in [start, end), newest first, page by page.

        Without `model` they are those that were served, with 'all' every model's. What comes in meanwhile is on no
        page; nothing is left out or told twice.

        Raises:
            GatewayError: a parameter is not valid, or the gateway does not answer.
        """
        pages = self._pages(
            Prediction,
            "/api/predictions",
            limit=_PAGE,
            sensor_id=tuple(sensor_ids) or None,
            freeway=freeway,
            direction=direction,
            horizon_minutes=horizon_minutes,
            model=model,
            network_id=network_id,
            latest=latest,
            **{"from": _iso(start), "to": _iso(end)},
        )
        async for prediction in pages:
            yield prediction

    async def sensors(self, *, network_id: str | None = None, road_type: str | None = None) -> list[SensorReport]:
        """Every sensor with what it measured last; raises `GatewayError`."""
        return await self._list(SensorReport, "/api/sensors", network_id=network_id, road_type=road_type)

    async def sensor_times(self, *, network_id: str | None = None) -> list[SensorTimesReport]:
        """Sensors whose clocks are off or whose readings came too late for their windows."""
        return await self._list(SensorTimesReport, "/api/sensors/times", network_id=network_id)

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
        pages = self._pages(
            Aggregate,
            "/api/history/aggregates",
            sensor_id=sensor_id,
            network_id=network_id,
            **{"from": _iso(start), "to": _iso(end)},
        )
        async for window in pages:
            yield window

    async def past_predictions(
        self,
        sensor_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        model: str | None = None,
        horizon_minutes: _Horizon = 15,
        network_id: str | None = None,
    ) -> AsyncIterator[Prediction]:
        """The forecasts of one sensor made in [start, end) with what came true, newest first, page after page.

        Without `model` they are those that were served.

        Raises:
            GatewayError: the gateway knows no such sensor or model, or its store does not answer.
        """
        pages = self._pages(
            Prediction,
            "/api/history/predictions",
            sensor_id=sensor_id,
            network_id=network_id,
            model=model,
            horizon_minutes=horizon_minutes,
            **{"from": _iso(start), "to": _iso(end)},
        )
        async for prediction in pages:
            yield prediction

    async def models(self, *, network_id: str | None = None, live_hours: int = 24) -> list[ModelReport]:
        """Every model that is known, champions first, with scores at 15, 30 and 60 minutes; raises `GatewayError`."""
        return await self._list(ModelReport, "/api/models", network_id=network_id, live_hours=live_hours)

    async def model(self, name: str, *, network_id: str | None = None, live_hours: int = 24) -> ModelDetail:
        """Everything about one model.

        Args:
            name: of the model, such as ensemble.
            network_id: needed only where it is known in several networks.
            live_hours: event time that the live scores are about, hours back (1-168).

        Raises:
            GatewayError: nothing is known of such a model (`status` 404), or the store does not answer.
        """
        answer = await self._get(f"/api/models/{quote(name, safe='')}", network_id=network_id, live_hours=live_hours)
        return validated(TypeAdapter(ModelDetail), answer)

    async def stream(
        self,
        *,
        channels: Collection[Channel] = (Channel.PREDICTIONS,),
        horizon_minutes: _Horizon = 15,
        model: str | None = None,
    ) -> AsyncIterator[Message]:
        """Snapshots and updates, for ever: a lost connection is opened again, and then starts with a snapshot.

        Forecasts are those of `model`, or, without it, those that are served. A `HeartbeatMessage` comes first when
        the gateway has said how old its data is, and then whenever that has changed: data that became stale, data that
        came back, and a gateway that has not been heard for three heartbeats, whether it hangs or is gone.

        A refusal that passes (408, 425, 429, 500 and above) is waited out, for as long as `Retry-After` asks.

        Raises:
            GatewayError: the gateway refuses the connection for good.
        """
        wanted = {"horizon_minutes": horizon_minutes, "channels": sorted(channels)}
        query = urlencode(wanted if model is None else wanted | {"model": model}, doseq=True)
        url = str(self._http.base_url.join(f"/ws/predictions?{query}")).replace("http", "ws", 1)
        pulse = Pulse()
        waiting = asyncio.Queue[Message | GatewayError](MAX_WAITING)
        reading = asyncio.create_task(_read(url, self._credentials, pulse, waiting))
        try:
            while True:
                try:
                    async with asyncio.timeout(pulse.silence_left_s):
                        message = await waiting.get()
                except TimeoutError:
                    yield pulse.silent()
                    continue
                if isinstance(message, GatewayError):
                    raise message
                if not isinstance(message, HeartbeatMessage) or pulse.is_news(message):
                    yield message
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _read(
    url: str, credentials: Mapping[str, str], pulse: Pulse, waiting: asyncio.Queue[Message | GatewayError]
) -> None:
    """Pass on what comes, connecting again and again; a refusal for good is passed on as the last."""
    pause = FIRST_PAUSE_S
    while True:
        asked_s = 0.0
        try:
            async with connect(
                url,
                max_size=None,
                additional_headers=credentials,
                open_timeout=pulse.patience_s,
                close_timeout=CLOSE_S,
                ping_interval=None,
            ) as socket:
                while True:
                    async with asyncio.timeout(pulse.patience_s):
                        text = await socket.recv()
                    pause = FIRST_PAUSE_S
                    message = _message(text)
                    pulse.hear(message)
                    if message is not None:
                        await waiting.put(message)
        except InvalidStatus as refused:
            status = refused.response.status_code
            if status < HTTPStatus.INTERNAL_SERVER_ERROR and status not in PASSING:
                await waiting.put(GatewayError(f"the gateway refuses the WebSocket with {status}", status))
                return
            asked_s = _retry_after_s(refused.response.headers.get("Retry-After"))
        except ValidationError as odd:
            await waiting.put(GatewayError(f"{url} sends what no gateway sends: {odd}"))
            return
        except (OSError, WebSocketException):
            pass
        # Later than asked, and each at its own moment: whoever is refused has been one of many that came at once.
        await asyncio.sleep(max(asked_s, pause * 0.75) + pause * random.uniform(0.0, 0.5))  # noqa: S311 - jitter, no secret
        pause = min(LONGEST_PAUSE_S, pause * 2)


def _retry_after_s(told: str | None) -> float:
    """Seconds that a `Retry-After` asks for, within reason; 0 where it says none (a date needs clocks that agree)."""
    return min(LONGEST_ASKED_S, float(told)) if told is not None and told.isascii() and told.isdigit() else 0.0


def _message(text: str | bytes) -> Message | None:
    """A message, `None` for one of a kind that a later gateway sends; raises `ValidationError`."""
    try:
        return MESSAGE.validate_json(text)
    except ValidationError as odd:
        if odd.errors(include_url=False)[0]["type"] == "union_tag_invalid":
            return None
        raise


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
