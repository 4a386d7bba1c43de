"""`/api/advisories`: planned work, weather and events, read and written."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, HTTPException, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from services.gateway.access.principals import Scope
from services.gateway.advisories.advisory import Advisory, Receipt
from services.gateway.advisories.new_advisory import NewAdvisory, record
from services.gateway.log.writer import UnpublishedError
from services.gateway.routes.gateway import COMPLETE_VIEW, INCOMPLETE_VIEW, Gateway, Running, require_view
from services.gateway.routes.guarded import Needs, ViewRoute, principal_of, with_suggestions
from services.gateway.routes.parameters import NetworkParameter, location_of
from services.gateway.suggestions import no_such
from services.gateway.views.advisories import AdvisoryQuery, AdvisoryState
from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.importing import ImportResult
from shared.alerts.advisories.documents.matching import Matcher
from shared.events.errors import RejectedEventError
from shared.events.present import require_present
from shared.events.records import AdvisoryId, AdvisoryType, NetworkId, TrafficAdvisory
from shared.events.strict_json import read_strict
from shared.events.text import MAX_ID_CHARACTERS, DerivedIdText, TextLimit

MAX_BODY_BYTES = 32 * 1024 * 1024
NOW_OR_LATER = frozenset({AdvisoryState.NOW, AdvisoryState.LATER})
PUBLISHES = Depends(Needs(Scope.INGEST, Scope.OPERATE, body_bytes=MAX_BODY_BYTES))
INLINE_BYTES = 64 * 1024
WRITES: dict[int | str, dict[str, Any]] = {
    401: {"description": "The key is missing or wrong."},
    403: {"description": "The key lacks the scope, or the gateway has no keys, so writing is switched off."},
    503: {"description": "The log does not accept advisories at the moment, or the view is not complete yet."},
}
DOCUMENT = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "description": "An advisory; or a document: WZDx, CWZ, Open511, Caltrans lane closures, "
                    "alerts of api.weather.gov.",
                    "anyOf": [NewAdvisory.model_json_schema(), {"type": "object"}],
                }
            },
            "application/xml": {
                "schema": {
                    "type": "string",
                    "description": "CAP 1.2, Open511, DATEX II, Caltrans lane closures, CHP incidents.",
                }
            },
            "text/csv": {"schema": {"type": "string", "description": "Caltrans lane closures."}},
        },
    }
}

AdvisoryParameter = Annotated[DerivedIdText, Path(description="The advisory.")]

router = APIRouter(tags=["traffic"], route_class=ViewRoute)


@router.get(
    "/api/advisories",
    summary="Advisories, latest start first",
    dependencies=COMPLETE_VIEW,
    responses=INCOMPLETE_VIEW,
)
async def advisories(
    gateway: Running,
    limit: Annotated[int, Query(ge=1, le=1000, description="Maximum number of advisories.")] = 100,
    advisory_type: Annotated[AdvisoryType | None, Query(description="Only this type.")] = None,
    state: Annotated[
        list[AdvisoryState] | None, Query(description="Only advisories in these states; absent: now and later.")
    ] = None,
    network_id: NetworkParameter = None,
) -> list[Advisory]:
    """Give the advisories that apply now (event time) or later; others on request."""
    at = _now(gateway)
    query = AdvisoryQuery(
        limit=limit,
        states=frozenset(state or NOW_OR_LATER),
        network_id=None if network_id is None else NetworkId(network_id),
        advisory_type=advisory_type,
    )
    return [Advisory.of(found, at) for found in gateway.view.advisories.find(query, at)]


@router.post(
    "/api/advisories",
    summary="Publish one advisory, or a whole document",
    status_code=HTTPStatus.OK,
    dependencies=[PUBLISHES],
    openapi_extra=DOCUMENT,
    responses={
        **WRITES,
        201: {"description": "The advisory is published; `Location` leads to it.", "model": Advisory},
        413: {"description": "The body is too large."},
        422: {"description": "Nothing in it can be used; `errors` lists the first faults."},
    },
)
async def publish(
    gateway: Running,
    request: Request,
    response: Response,
    feed: Annotated[
        str,
        Query(description="Name of the feed that the document comes from."),
        TextLimit(MAX_ID_CHARACTERS),
    ] = "",
    complete: Annotated[  # noqa: FBT002 - a query parameter
        bool,
        Query(description="The document is the complete `feed`: advisories that it no longer contains are withdrawn."),
    ] = False,
) -> Receipt | Advisory:
    """Accept one advisory (`advisory_type`, `title`, place, times) or a document; the content decides.

    Every feature of a document is accounted for: a bad one is rejected alone, with its place, id and reason.
    """
    require_view(gateway)
    async with gateway.advisories.reading:
        data = await request.body()
        # Large ones in a thread: parsing tens of megabytes takes long.
        single = await asyncio.to_thread(_single, data) if len(data) > INLINE_BYTES else _single(data)
    try:
        if single is not None:
            made = await asyncio.to_thread(_record, gateway, single)
            await gateway.advisories.put(made)
            response.status_code = HTTPStatus.CREATED
            response.headers["Location"] = location_of("advisories", made.advisory_id)
            return Advisory.of(made, _now(gateway))
        if not principal_of(request).may(Scope.INGEST):
            raise HTTPException(
                HTTPStatus.FORBIDDEN, "A document needs the scope ingest; operate is for single advisories."
            )
        outcome = await gateway.advisories.take(data, feed, complete=complete)
    except UnreadableAdvisoriesError as unreadable:
        raise _invalid([("document", str(unreadable))]) from unreadable
    except UnpublishedError as failed:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(failed), {"Retry-After": "5"}) from failed
    if outcome.rejected and len(outcome.rejected) == outcome.features:
        raise _invalid(_reasons(outcome))
    return Receipt.of(outcome)


@router.get(
    "/api/advisories/{advisory_id:path}",
    summary="One advisory",
    dependencies=COMPLETE_VIEW,
    responses=INCOMPLETE_VIEW | {404: {"description": "No such advisory."}},
)
async def advisory(gateway: Running, advisory_id: AdvisoryParameter) -> Advisory:
    """Give one advisory, whatever its state."""
    return Advisory.of(_known(gateway, advisory_id), _now(gateway))


@router.delete(
    "/api/advisories/{advisory_id:path}",
    summary="Withdraw an advisory",
    dependencies=[PUBLISHES],
    responses={**WRITES, 404: {"description": "No such advisory."}},
)
async def withdraw(gateway: Running, advisory_id: AdvisoryParameter) -> Advisory:
    """Withdraw an advisory; its alert is cleared. An advisory that is already withdrawn stays withdrawn."""
    require_view(gateway)
    known = _known(gateway, advisory_id)
    if not known.withdrawn:
        try:
            known = await gateway.advisories.withdraw(known)
        except UnpublishedError as failed:
            raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(failed), {"Retry-After": "5"}) from failed
    return Advisory.of(known, _now(gateway))


def _now(gateway: Gateway) -> datetime:
    """The present event time: that of the newest record, else of the clock."""
    return gateway.view.event_time or gateway.clock()


def _known(gateway: Gateway, advisory_id: str) -> TrafficAdvisory:
    known = gateway.view.advisories.records.get(AdvisoryId(advisory_id))
    if known is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, no_such("advisory", advisory_id, gateway.view.advisories.records))
    return known


def _single(data: bytes) -> NewAdvisory | None:
    """The body as one advisory, `None` where it is a document of a feed; raises `RequestValidationError`."""
    try:
        body = read_strict(data)
    except (ValueError, RecursionError):
        # Whoever reads documents says what is wrong with it.
        return None
    if not isinstance(body, dict) or "advisory_type" not in body:
        return None
    try:
        return NewAdvisory.model_validate(body)
    except ValidationError as invalid:
        raise RequestValidationError(
            with_suggestions(
                [_placed(fault) for fault in invalid.errors()],
                tuple(NewAdvisory.model_fields),
            )
        ) from invalid


def _placed(fault: Any) -> dict[str, Any]:  # noqa: ANN401 - pydantic's own kind
    """A fault of pydantic, one of the whole advisory under the field that it is about."""
    if fault["loc"]:
        return {**fault, "loc": ("body", *fault["loc"])}
    name, why = _named(fault["msg"].removeprefix("Value error, "))
    return {**fault, "loc": ("body", name), "msg": why}


def _named(why: str) -> tuple[str, str]:
    """What is wrong, and with which field, where it begins with one."""
    name, colon, rest = why.partition(": ")
    return (name, rest) if colon and name.partition(".")[0] in NewAdvisory.model_fields else ("advisory", why)


def _record(gateway: Gateway, new: NewAdvisory) -> TrafficAdvisory:
    try:
        advisory = record(new, new.id or str(uuid4()), _matcher(gateway, new.network_id), _now(gateway))
        require_present(advisory, gateway.clock())
    except ValueError as wrong:
        raise _invalid([_named(str(wrong))]) from wrong
    except RejectedEventError as ahead:
        raise _invalid([("starts_at", ahead.detail)]) from ahead
    return advisory


def _matcher(gateway: Gateway, network_id: str | None) -> Matcher:
    matchers = gateway.advisories.matchers
    if network_id is None and len(matchers) == 1:
        return next(iter(matchers.values()))
    found = None if network_id is None else matchers.get(NetworkId(network_id))
    if found is None:
        raise ValueError(f"network_id: one of {', '.join(matchers)} is needed")
    return found


def _reasons(outcome: ImportResult) -> Sequence[tuple[str, str]]:
    return [(f"feature {each.index} ({each.publisher_id or 'no id'})", each.reason) for each in outcome.rejected]


def _invalid(faults: Sequence[tuple[str, str]]) -> RequestValidationError:
    return RequestValidationError([{"loc": ("body", name), "msg": why, "type": "value_error"} for name, why in faults])
