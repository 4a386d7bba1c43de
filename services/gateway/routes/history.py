"""`GET /api/history/aggregates`: windows of one sensor from the store."""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError

from services.gateway.responses import Aggregate
from services.gateway.routes.parameters import MAX_ID_LENGTH, Instant, NetworkParameter
from services.gateway.web.dependencies import Gateway, Running
from shared.events.errors import StoreError
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId

MAX_LIMIT = 10_000

router = APIRouter(tags=["traffic"])


@router.get(
    "/api/history/aggregates",
    summary="Windows of one sensor, newest first",
    responses={
        404: {"description": "No network has that sensor."},
        503: {"description": "The store does not answer."},
    },
)
async def aggregates(
    gateway: Running,
    request: Request,
    response: Response,
    sensor_id: Annotated[str, Query(min_length=1, max_length=MAX_ID_LENGTH, description="The sensor.")],
    from_: Annotated[
        Instant | None, Query(alias="from", description="Earliest window_start, ISO 8601 with offset; inclusive.")
    ] = None,
    to: Annotated[Instant | None, Query(description="Latest window_start, ISO 8601 with offset; exclusive.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Most windows to answer with.")] = 1000,
    network_id: NetworkParameter = None,
) -> list[Aggregate]:
    """Give the windows of one sensor whose start lies in [from, to), newest first.

    Where there are more than `limit`, the `Link` header leads to the next page (RFC 8288, `rel="next"`).
    """
    if from_ is not None and to is not None and from_ >= to:
        raise RequestValidationError([{"loc": ("query", "from"), "msg": "must be before `to`", "type": "value_error"}])
    network = _network_of(gateway, SensorId(sensor_id), network_id)
    found = await _read(gateway, network, SensorId(sensor_id), from_, to, limit + 1)
    page = found[:limit]
    if len(found) > limit:
        following = request.url.include_query_params(to=page[-1].window_start.isoformat(), network_id=network)
        response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return [Aggregate.of(window) for window in page]


def _network_of(gateway: Gateway, sensor_id: SensorId, network_id: str | None) -> NetworkId:
    networks = gateway.view.networks
    having = [id_ for id_, network in networks.items() if network_id in {None, id_} and sensor_id in network.index]
    if not having:
        where = "There is" if network_id is None else f"Network {network_id} has"
        raise HTTPException(HTTPStatus.NOT_FOUND, f"{where} no sensor {sensor_id}.")
    if len(having) > 1:
        message = f"needed: sensor {sensor_id} stands in {', '.join(having)}"
        raise RequestValidationError([{"loc": ("query", "network_id"), "msg": message, "type": "missing"}])
    return having[0]


async def _read(
    gateway: Gateway,
    network_id: NetworkId,
    sensor_id: SensorId,
    start: datetime | None,
    end: datetime | None,
    limit: int,
) -> list[ProcessedTrafficAggregate]:
    def collect() -> list[ProcessedTrafficAggregate]:
        return list(gateway.store.aggregates(network_id, sensor_id, start, end, limit))

    try:
        async with asyncio.timeout(gateway.settings.history_timeout_s):
            return await asyncio.to_thread(collect)
    except TimeoutError as late:
        raise StoreError(f"no answer within {gateway.settings.history_timeout_s:g} s") from late
