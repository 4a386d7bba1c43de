"""`GET /api/history/aggregates` and `GET /api/history/predictions`: one sensor's past, from the store."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from services.gateway.responses import Aggregate, Prediction
from services.gateway.routes.cursors import link_next
from services.gateway.routes.gateway import Gateway, Running
from services.gateway.routes.guarded import GuardedRoute
from services.gateway.routes.parameters import (
    HorizonParameter,
    Instant,
    ModelParameter,
    NetworkParameter,
    require_range,
)
from services.gateway.stored import Stretch, made_with_outcomes
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES, is_asked
from services.gateway.views.traffic import Forecast
from shared.events.errors import StoreError
from shared.events.records import NetworkId, SensorId
from shared.events.text import IdText
from shared.store.port import Store

MAX_LIMIT = 10_000
MAX_ORIGINS = 2016

Found = TypeVar("Found")

router = APIRouter(tags=["traffic"], route_class=GuardedRoute)


Sensor = Annotated[IdText, Query(description="The sensor.")]
_FAILURES: dict[int | str, dict[str, Any]] = {
    503: {"description": "The store does not answer."},
}


@router.get("/api/history/aggregates", summary="Windows of one sensor, newest first", responses=_FAILURES)
async def aggregates(
    gateway: Running,
    request: Request,
    response: Response,
    sensor_id: Sensor,
    from_: Annotated[
        Instant | None, Query(alias="from", description="Earliest window_start, ISO 8601 with offset; inclusive.")
    ] = None,
    to: Annotated[Instant | None, Query(description="Latest window_start, ISO 8601 with offset; exclusive.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Maximum number of windows.")] = 1000,
    network_id: NetworkParameter = None,
) -> list[Aggregate]:
    """Give the windows of one sensor whose start lies in [from, to), newest first.

    Where there are more than `limit`, the `Link` header leads to the next page (RFC 8288, `rel="next"`).
    """
    require_range(from_, to)
    network, sensor = _network_of(gateway, sensor_id, network_id), SensorId(sensor_id)
    found = await _read(gateway, lambda store: list(store.aggregates(network, sensor, from_, to, limit + 1)))
    page = found[:limit]
    if len(found) > limit:
        link_next(request, response, to=page[-1].window_start.isoformat(), network_id=network)
    return [Aggregate.of(window) for window in page]


@router.get("/api/history/predictions", summary="Forecasts of one sensor with their outcomes", responses=_FAILURES)
async def predictions(
    gateway: Running,
    request: Request,
    response: Response,
    sensor_id: Sensor,
    model: ModelParameter,
    from_: Annotated[
        Instant | None, Query(alias="from", description="Earliest timestamp, ISO 8601 with offset; inclusive.")
    ] = None,
    to: Annotated[Instant | None, Query(description="Latest timestamp, ISO 8601 with offset; exclusive.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_ORIGINS, description="Maximum number of forecast origins.")] = 288,
    horizon_minutes: HorizonParameter = DEFAULT_HORIZON_MINUTES,
    network_id: NetworkParameter = None,
) -> list[Prediction]:
    """Give the forecasts of one sensor that were made in [from, to), newest first, as the store has them.

    Without `model` they are those that were served. `actual_speed` is filled in where the window that was forecast was
    measured. Where there are more than `limit` origins, the `Link` header leads to the next page (RFC 8288,
    `rel="next"`).
    """
    require_range(from_, to)
    network = gateway.view.networks[_network_of(gateway, sensor_id, network_id)]
    sensor = network[SensorId(sensor_id)]
    stretch = Stretch(network.network_id, sensor.sensor_id, from_, to, model)
    found = await _read(gateway, partial(made_with_outcomes, stretch=stretch, limit=limit + 1))
    page = found[:limit]
    if len(found) > limit:
        link_next(request, response, to=page[-1].prediction.timestamp.isoformat(), network_id=network.network_id)
    return [
        Prediction.of(Forecast(sensor, each.prediction, horizon, each.prediction.current_speed_mph, actual_speed_mph))
        for each in page
        for horizon, actual_speed_mph in zip(each.prediction.horizons, each.actual_speeds_mph, strict=True)
        if horizon_minutes == "all" or is_asked(horizon, each.prediction, horizon_minutes)
    ]


def _network_of(gateway: Gateway, sensor_id: str, network_id: str | None) -> NetworkId:
    networks = gateway.view.networks
    sensor = SensorId(sensor_id)
    having = [id_ for id_, network in networks.items() if network_id in {None, id_} and sensor in network.index]
    if len(having) > 1:
        message = f"needed: sensor {sensor_id} is in {', '.join(having)}"
        raise RequestValidationError([{"loc": ("query", "network_id"), "msg": message, "type": "missing"}])
    return having[0]


async def _read(gateway: Gateway, query: Callable[[Store], Found]) -> Found:
    try:
        async with asyncio.timeout(gateway.settings.history_timeout_s):
            return await asyncio.to_thread(query, gateway.store)
    except TimeoutError as late:
        raise StoreError(f"no answer within {gateway.settings.history_timeout_s:g} s") from late
