"""`GET /api/predictions`."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from services.gateway.responses import Prediction
from services.gateway.routes.gateway import COMPLETE_VIEW, INCOMPLETE_VIEW, Running
from services.gateway.routes.guarded import ViewRoute
from services.gateway.routes.parameters import (
    HorizonParameter,
    ModelParameter,
    NetworkParameter,
    RoadTypeParameter,
    SensorParameter,
)
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from services.gateway.views.predictions import PredictionQuery
from services.gateway.written import json_list
from shared.events.records import NetworkId, SensorId

router = APIRouter(tags=["traffic"], route_class=ViewRoute, dependencies=COMPLETE_VIEW, responses=INCOMPLETE_VIEW)


@router.get("/api/predictions", summary="Forecasts, newest first", response_model=list[Prediction])
async def predictions(
    gateway: Running,
    model: ModelParameter,
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of forecasts.")] = 100,
    sensor_id: SensorParameter = None,
    road_type: RoadTypeParameter = None,
    min_confidence: Annotated[
        float | None, Query(ge=0, le=1, description="Lowest confidence_score (0-1).", allow_inf_nan=False)
    ] = None,
    horizon_minutes: HorizonParameter = DEFAULT_HORIZON_MINUTES,
    network_id: NetworkParameter = None,
) -> Response:
    """Give the forecasts of the last two hours of event time (configurable), newest first.

    Without `model` they are those that were served: one model's for each sensor and moment. Forecasts of the same
    moment come in the order of sensors and horizons. `actual_speed` is filled in as soon as the window that was
    forecast is measured.
    """
    query = PredictionQuery(
        limit=limit,
        network_id=None if network_id is None else NetworkId(network_id),
        sensor_id=None if sensor_id is None else SensorId(sensor_id),
        road_type=road_type,
        min_confidence=min_confidence,
        horizon_minutes=None if horizon_minutes == "all" else horizon_minutes,
        model_name=model,
    )
    return json_list(map(gateway.written.forecast, gateway.view.forecasts(query)))
