"""`GET /`: name and version of the service; a browser is redirected to the live page."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from services.gateway.routes.gateway import Running
from services.gateway.routes.guarded import EVERYBODY, GuardedRoute

LIVE_PAGE = "/live-map/"

router = APIRouter(tags=["service"], route_class=GuardedRoute)


class Welcome(BaseModel):
    """Name and version of this service."""

    message: str
    status: Literal["running"]
    timestamp: datetime = Field(description="Time of the answer (wall clock, UTC).")
    version: str


@router.get(
    "/",
    dependencies=[EVERYBODY],
    summary="Name and version of this service",
    response_model=Welcome,
    responses={307: {"description": "For browsers (`Accept: text/html`): the live page."}},
)
async def root(
    gateway: Running,
    accept: Annotated[str, Header(description="With text/html first, the answer redirects to the live page.")] = "*/*",
) -> Welcome | Response:
    """Give the name and version of this service, or redirect a browser to the live page."""
    if _prefers_html(accept):
        return RedirectResponse(LIVE_PAGE, headers={"Vary": "Accept"})
    return Welcome(
        message="METR-LA Traffic Prediction API",
        status="running",
        timestamp=gateway.clock(),
        version=gateway.version,
    )


def _prefers_html(accept: str) -> bool:
    """Whether text/html is accepted before JSON, as browsers ask for it."""
    kinds = [kind.split(";")[0].strip().lower() for kind in accept.split(",")]
    if "text/html" not in kinds:
        return False
    return "application/json" not in kinds or kinds.index("text/html") < kinds.index("application/json")
