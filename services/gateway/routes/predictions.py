"""`GET /api/predictions`."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from services.gateway.responses import Prediction
from services.gateway.routes.parameters import MAX_ID_LENGTH, NetworkParameter, RoadTypeParameter, SensorParameter
from services.gateway.views.predictions import PredictionQuery
from services.gateway.web.dependencies import Running
from shared.events.records import NetworkId, SensorId

DEFAULT_HORIZON_MINUTES = 15
MAX_HORIZON_MINUTES = 1440

router = APIRouter(tags=["traffic"])


@router.get("/api/predictions", summary="Forecasts, newest first")
async def predictions(
    gateway: Running,
    limit: Annotated[int, Query(ge=1, le=1000, description="Most forecasts to answer with.")] = 100,
    sensor_id: SensorParameter = None,
    road_type: RoadTypeParameter = None,
    min_confidence: Annotated[
        float | None, Query(ge=0, le=1, description="Least confidence_score (0-1).", allow_inf_nan=False)
    ] = None,
    horizon_minutes: Annotated[
        Annotated[int, Query(ge=1, le=MAX_HORIZON_MINUTES)] | Literal["all"],
        Query(description="Only this horizon in minutes, or `all`."),
    ] = DEFAULT_HORIZON_MINUTES,
    model: Annotated[str | None, Query(max_length=MAX_ID_LENGTH, description="Only this model.")] = None,
    network_id: NetworkParameter = None,
) -> list[Prediction]:
    """Give the forecasts of the last two hours of event time (configurable), newest first.

    Forecasts of the same moment come in the order of sensors, models and horizons. `actual_speed` is filled in as soon
    as the window that was forecast is measured.
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
    return [Prediction.of(forecast) for forecast in gateway.view.forecasts(query)]
