"""`POST /api/tickets`: a ticket that opens one WebSocket."""

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from services.gateway.access.tickets import LIFETIME_S
from services.gateway.routes.gateway import Running
from services.gateway.routes.guarded import GuardedRoute, principal_of

router = APIRouter(tags=["service"], route_class=GuardedRoute)


class NewTicket(BaseModel):
    """A ticket; it is said once."""

    ticket: str = Field(description="For `?ticket=` of the handshake, or `ticket` of the first message; for one use.")
    expires_in_s: float = Field(description="How long it is good, seconds.")


@router.post(
    "/api/tickets",
    summary="A ticket that opens one WebSocket",
    status_code=HTTPStatus.CREATED,
    responses={401: {"description": "Reading needs a key here, and it is missing or wrong."}},
)
async def ticket(gateway: Running, request: Request, response: Response) -> NewTicket:
    """Give a ticket with the scopes of whoever asks, for browsers, which send no headers with a handshake."""
    credential = request.headers.get("authorization", "").partition(" ")[2].strip()
    response.headers["Cache-Control"] = "no-store"
    return NewTicket(ticket=gateway.tickets.issue(principal_of(request), credential), expires_in_s=LIFETIME_S)
