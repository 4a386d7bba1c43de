"""`GET /api/models` and `GET /api/models/{name}`: which models serve, and how accurate each is, offline and live."""

from collections.abc import Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from fastapi.exceptions import RequestValidationError

from services.gateway.models.report import ModelDetail, ModelReport
from services.gateway.models.versions import ModelVersions
from services.gateway.routes.gateway import COMPLETE_VIEW, Gateway, Running
from services.gateway.routes.guarded import GuardedRoute
from services.gateway.routes.parameters import NetworkParameter
from shared.events.text import IdText

DEFAULT_LIVE_HOURS = 24
MAX_LIVE_HOURS = 168

LiveHours = Annotated[
    int,
    Query(ge=1, le=MAX_LIVE_HOURS, description="Period of the live scores, hours of event time back from the newest."),
]

router = APIRouter(tags=["models"], route_class=GuardedRoute, dependencies=COMPLETE_VIEW)


@router.get(
    "/api/models",
    summary="Models, which of them serves, and how accurate each is",
    responses={503: {"description": "The store does not answer, or the view is not complete yet."}},
)
async def models(
    gateway: Running, network_id: NetworkParameter = None, live_hours: LiveHours = DEFAULT_LIVE_HOURS
) -> list[ModelReport]:
    """Give every model that is known, champions first; none before the first forecast.

    Scores are at 15, 30 and 60 minutes ahead; `/api/models/{name}` has every horizon. Answers are at most 10 seconds
    old.
    """
    return [ModelReport.of(one) for one in await _models(gateway, network_id, live_hours)]


@router.get(
    "/api/models/{name:path}",
    summary="Everything about one model",
    responses={
        404: {"description": "Nothing is known of a model of that name; `detail` names those that are known."},
        503: {"description": "The store does not answer, or the view is not complete yet."},
    },
)
async def model(
    gateway: Running,
    name: Annotated[IdText, Path(description="The model, such as ensemble.")],
    network_id: NetworkParameter = None,
    live_hours: LiveHours = DEFAULT_LIVE_HOURS,
) -> ModelDetail:
    """Give versions, scores, calibration, feature importance and training data of one model."""
    everything = await _models(gateway, network_id, live_hours)
    found = [one for one in everything if one.model_name == name]
    if not found:
        known = ", ".join(dict.fromkeys(one.model_name for one in everything))
        raise HTTPException(HTTPStatus.NOT_FOUND, f"Nothing is known of a model {name}; known: {known or 'none yet'}.")
    if len(found) > 1:
        message = f"needed: model {name} is known in {', '.join(one.network_id for one in found)}"
        raise RequestValidationError([{"loc": ("query", "network_id"), "msg": message, "type": "missing"}])
    return ModelDetail.of(found[0])


async def _models(gateway: Gateway, network_id: str | None, live_hours: int) -> Sequence[ModelVersions]:
    everything = await gateway.models.models(timedelta(hours=live_hours))
    return [one for one in everything if network_id in {None, one.network_id}]
