"""`/api/alerts`: alerts, and what operators do about them."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Header, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BeforeValidator

from services.gateway.alerts.actions import NewAction, OtherActionError, RefusedActionError
from services.gateway.alerts.alert import Action, Alert
from services.gateway.log.writer import UnpublishedError
from services.gateway.routes.cursors import cursor_of, link_next, place_of, time_of
from services.gateway.routes.gateway import COMPLETE_VIEW, INCOMPLETE_VIEW, Gateway, Running, require_view
from services.gateway.routes.guarded import OPERATES, ViewRoute
from services.gateway.routes.parameters import (
    CursorParameter,
    NetworkParameter,
    WhereParameter,
    header_text,
    location_of,
)
from services.gateway.suggestions import no_such
from services.gateway.views.alerts import AlertQuery
from services.gateway.written import json_list
from shared.events.records import AlertId, AlertSeverity, AlertType, NetworkId, TrafficAlert
from shared.events.text import GIVEN_ID, DerivedIdText

AlertParameter = Annotated[DerivedIdText, Path(description="The alert.")]

router = APIRouter(tags=["traffic"], route_class=ViewRoute)


@router.get(
    "/api/alerts",
    summary="Alerts, newest first",
    response_model=list[Alert],
    dependencies=COMPLETE_VIEW,
    responses=INCOMPLETE_VIEW,
)
async def alerts(
    gateway: Running,
    request: Request,
    where: WhereParameter,
    limit: Annotated[int, Query(ge=1, le=200, description="Maximum number of alerts.")] = 50,
    severity: Annotated[AlertSeverity | None, Query(description="Only this severity.")] = None,
    alert_type: Annotated[AlertType | None, Query(description="Only this type.")] = None,
    active: Annotated[
        bool | None, Query(description="true: only active alerts; false: only cleared ones; absent: both.")
    ] = None,
    acknowledged: Annotated[
        bool | None, Query(description="true: only acknowledged alerts; false: only the others; absent: both.")
    ] = None,
    predicted: Annotated[
        bool | None,
        Query(description="true: only expected congestion; false: only what has been observed; absent: both."),
    ] = None,
    network_id: NetworkParameter = None,
    cursor: CursorParameter = None,
) -> Response:
    """Give alerts with their complete current state, the last raised first.

    Those of a sensor, a road or a place are those that affect a sensor there. Where there are more than `limit`, the
    `Link` header leads to the next page (RFC 8288, `rel="next"`).
    """
    query = AlertQuery(
        limit=limit + 1,
        network_id=None if network_id is None else NetworkId(network_id),
        severity=severity,
        alert_type=alert_type,
        active=active,
        acknowledged=acknowledged,
        predicted=predicted,
        sensors=gateway.view.places(where),
        after=None if cursor is None else _after(cursor),
    )
    found = list(gateway.view.alerts.find(query))
    page = found[:limit]
    response = json_list(map(gateway.written.alert, page))
    if len(found) > limit:
        link_next(request, response, cursor=cursor_of((page[-1].raised_at.isoformat(), page[-1].alert_id)))
    return response


def _after(cursor: str) -> tuple[datetime, AlertId]:
    raised_at, alert_id = place_of(cursor, (str, str))
    return time_of(raised_at), AlertId(alert_id)


@router.get(
    "/api/alerts/{alert_id:path}",
    summary="One alert",
    dependencies=COMPLETE_VIEW,
    responses=INCOMPLETE_VIEW | {404: {"description": "No such alert, or it was cleared long ago."}},
)
async def alert(gateway: Running, alert_id: AlertParameter) -> Alert:
    """Give one alert with its evidence and the actions of operators."""
    return Alert.of(_known(gateway, alert_id))


@router.post(
    "/api/alerts/{alert_id:path}/actions",
    summary="Acknowledge, comment on or close an alert",
    status_code=HTTPStatus.CREATED,
    dependencies=[OPERATES],
    responses={
        200: {"description": "The alert already has this action, by its id.", "model": Action},
        202: {"description": "The action is on the log; the alert does not show it yet.", "model": Action},
        401: {"description": "The key is missing or wrong."},
        403: {
            "description": "The key lacks the scope operate, or the gateway has no keys, so writing is switched off."
        },
        404: {"description": "No such alert, or it was cleared long ago."},
        409: {"description": "The alert is already cleared and cannot be closed, or it has too many actions."},
        503: {"description": "The log does not accept actions at the moment, or the view is not complete yet."},
    },
)
async def act(
    gateway: Running,
    response: Response,
    alert_id: AlertParameter,
    new: NewAction,
    idempotency_key: Annotated[
        str | None,
        Header(description="Id of the action; an action counts once."),
        GIVEN_ID,
        BeforeValidator(header_text),
    ] = None,
) -> Action:
    """Put an operator's action on the log; the alert detector adds it to the alert.

    Safe to repeat with an `Idempotency-Key` or an `action_id`: the action counts once.
    """
    require_view(gateway)
    if None not in {idempotency_key, new.action_id} and idempotency_key != new.action_id:
        raise _invalid("action_id", "differs from Idempotency-Key")
    known = _known(gateway, alert_id)
    try:
        action, is_new = await gateway.actions.take(known, new, idempotency_key or new.action_id or str(uuid4()))
    except RefusedActionError as refused:
        raise HTTPException(HTTPStatus.CONFLICT, str(refused)) from refused
    except OtherActionError as other:
        raise _invalid("action_id", str(other)) from other
    except UnpublishedError as failed:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(failed), {"Retry-After": "5"}) from failed
    if not await gateway.actions.seen(action):
        response.status_code = HTTPStatus.ACCEPTED
    elif not is_new:
        response.status_code = HTTPStatus.OK
    response.headers["Location"] = location_of("alerts", alert_id)
    return Action.of(action)


def _known(gateway: Gateway, alert_id: str) -> TrafficAlert:
    known = gateway.view.alerts.get(AlertId(alert_id))
    if known is None:
        recent = (str(each.alert_id) for each in gateway.view.alerts.find(AlertQuery(limit=200)))
        raise HTTPException(HTTPStatus.NOT_FOUND, no_such("alert", alert_id, recent))
    return known


def _invalid(name: str, why: str) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", name), "msg": why, "type": "value_error"}])
