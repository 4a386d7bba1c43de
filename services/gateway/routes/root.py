"""`GET /`: who answers here; a browser is sent to the live page."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header
from pydantic import BaseModel, Field
from starlette.responses import RedirectResponse, Response

from services.gateway.routes.gateway import Running

LIVE_PAGE = "/live-map/"

router = APIRouter(tags=["service"])


class Welcome(BaseModel):
    """Who answers here."""

    message: str
    status: Literal["running"]
    timestamp: datetime = Field(description="Time of the answer (wall clock, UTC).")
    version: str


@router.get(
    "/",
    summary="Who answers here",
    response_model=Welcome,
    responses={307: {"description": "For browsers (`Accept: text/html`): the live page."}},
)
async def root(
    gateway: Running,
    accept: Annotated[str, Header(description="With text/html first, the answer leads to the live page.")] = "*/*",
) -> Welcome | Response:
    """Say who answers here, or lead a browser to the live page."""
    if _prefers_html(accept):
        return RedirectResponse(LIVE_PAGE, headers={"Vary": "Accept"})
    return Welcome(
        message="METR-LA Traffic Prediction API",
        status="running",
        timestamp=gateway.clock(),
        version=gateway.version,
    )


def _prefers_html(accept: str) -> bool:
    """Whether text/html is asked for and stands before JSON, as browsers write it."""
    kinds = [kind.split(";")[0].strip().lower() for kind in accept.split(",")]
    if "text/html" not in kinds:
        return False
    return "application/json" not in kinds or kinds.index("text/html") < kinds.index("application/json")
