"""`GET /api/predictions`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.gateway.responses import Prediction
from services.gateway.routes.cursors import PageEnd, cursor_of, link_next, place_of, time_of
from services.gateway.routes.gateway import COMPLETE_VIEW, INCOMPLETE_VIEW, Running
from services.gateway.routes.guarded import ViewRoute
from services.gateway.routes.parameters import (
    CursorParameter,
    HorizonParameter,
    Instant,
    ModelsParameter,
    NetworkParameter,
    WhereParameter,
    require_range,
)
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from services.gateway.views.predictions import Position, PredictionQuery
from services.gateway.written import json_list
from shared.events.records import NetworkId, SensorId

router = APIRouter(tags=["traffic"], route_class=ViewRoute, dependencies=COMPLETE_VIEW, responses=INCOMPLETE_VIEW)


@router.get("/api/predictions", summary="Forecasts, newest first", response_model=list[Prediction])
async def predictions(
    gateway: Running,
    request: Request,
    model: ModelsParameter,
    where: WhereParameter,
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of forecasts.")] = 100,
    min_confidence: Annotated[
        float | None, Query(ge=0, le=1, description="Lowest confidence_score (0-1).", allow_inf_nan=False)
    ] = None,
    horizon_minutes: HorizonParameter = DEFAULT_HORIZON_MINUTES,
    network_id: NetworkParameter = None,
    from_: Annotated[
        Instant | None, Query(alias="from", description="Earliest timestamp, ISO 8601 with offset; inclusive.")
    ] = None,
    to: Annotated[Instant | None, Query(description="Latest timestamp, ISO 8601 with offset; exclusive.")] = None,
    latest: Annotated[bool, Query(description="true: only the newest moment of each network.")] = False,  # noqa: FBT002 - of a query string
    cursor: CursorParameter = None,
) -> Response:
    """Give the forecasts of the last two hours of event time (configurable), newest first.

    Without `model` they are those that were served: one model's for each sensor and moment. Forecasts of the same
    moment come in the order of networks, sensors, models and horizons. `actual_speed` is filled in as soon as the
    window that was forecast is measured. Where there are more than `limit`, the `Link` header leads to the next page
    (RFC 8288, `rel="next"`); what comes in meanwhile moves nothing that is on it.
    """
    require_range(from_, to)
    after, only = (None, None) if cursor is None else _read(cursor)
    if latest and cursor is None:
        only = gateway.view.predictions.newest_origins()
    query = PredictionQuery(
        limit=limit + 1,
        network_id=None if network_id is None else NetworkId(network_id),
        where=where,
        min_confidence=min_confidence,
        horizon_minutes=None if horizon_minutes == "all" else horizon_minutes,
        model_name=model,
        start=from_,
        end=to,
        only=only,
        after=after,
    )
    found = list(gateway.view.forecasts(query))
    page = found[:limit]
    response = json_list(map(gateway.written.forecast, page))
    if len(found) > limit:
        last = Position.of(page[-1].prediction, page[-1].horizon)
        link_next(request, response, cursor=cursor_of(_written(last, only)))
    return response


def _written(after: Position, only: Mapping[NetworkId, datetime] | None) -> PageEnd:
    """A cursor's content. What was newest for the first page goes with it: a newer moment is another list."""
    pinned = {} if only is None else {id_: time.isoformat() for id_, time in only.items()}
    place = after.timestamp.isoformat(), after.network_id, after.sensor_id, after.model_name, after.horizon_minutes
    return *place, pinned


def _read(cursor: str) -> tuple[Position, dict[NetworkId, datetime] | None]:
    time, network_id, sensor_id, model_name, minutes, pinned = place_of(cursor, (str, str, str, str, int, dict))
    after = Position(time_of(time), NetworkId(network_id), SensorId(sensor_id), model_name, minutes)
    return after, {NetworkId(id_): time_of(at) for id_, at in pinned.items()} or None
