"""Errors as RFC 9457 problems (`application/problem+json`)."""

from collections.abc import Mapping
from http import HTTPMethod, HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.websockets import WebSocket

from services.gateway.responses import LISTED_FAULTS
from shared.events.errors import StoreError
from shared.events.text import cut

log = structlog.stdlib.get_logger(__name__)

PROBLEM_JSON = "application/problem+json"
SHOWN_FAULTS = 5
CONSIDERED_FAULTS = 1000
SHOWN_BYTES = 400
LONGEST_PATH = 200
INVALID_PARAMETERS = "urn:metrla:problem:invalid-parameters"


class ParameterFault(BaseModel):
    """One thing that is wrong with a request."""

    location: str = Field(description="Where: query, path, header or body.")
    name: str = Field(description="Parameter.")
    detail: str = Field(description="What is wrong with its value.")


class Problem(BaseModel):
    """An error as RFC 9457 describes it."""

    type: str = Field(default="about:blank", description="Kind of problem; about:blank where the status says it all.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(ge=400, le=599, description="HTTP status.")
    detail: str = Field(description="What went wrong this time.")
    instance: str = Field(description="Path of the request.")
    errors: list[ParameterFault] | None = Field(
        default=None, description="With 422: the faulty parameters, at most 100 of them."
    )


def problem_response(
    request: HTTPConnection,
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    faults: list[ParameterFault] | None = None,
) -> Response:
    """The answer for one error; with `faults` it is a problem of the kind `INVALID_PARAMETERS`."""
    problem = Problem(
        type="about:blank" if faults is None else INVALID_PARAMETERS,
        title=HTTPStatus(status).phrase if faults is None else "Invalid parameters",
        status=status,
        detail=detail,
        # Not from the URL: that begins with what the client says of our name.
        instance=request.scope["path"],
        errors=faults,
    )
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, status, headers=dict(headers or {}), media_type=PROBLEM_JSON)


def install_problem_handlers(application: FastAPI) -> None:
    """Make every error of `application` a problem, also those of the framework.

    What nobody foresaw is `services.gateway.web.middleware.CrashGuard`'s to answer.
    """
    application.add_exception_handler(HTTPException, _refused)
    application.add_exception_handler(RequestValidationError, _invalid)
    application.add_exception_handler(WebSocketRequestValidationError, _invalid_websocket)
    application.add_exception_handler(StoreError, _store_failed)


async def _refused(request: Any, error: Any) -> Any:  # noqa: ANN401 - Starlette asks for Exception, of either kind
    if isinstance(request, WebSocket):
        await request.send_denial_response(
            problem_response(request, error.status_code, str(error.detail), headers=error.headers)
        )
        return None
    detail = str(error.detail)
    if error.status_code == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = f"There is nothing at {request.scope['path'][:LONGEST_PATH]}."
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not allowed at {request.scope['path'][:LONGEST_PATH]}."
    headers: dict[str, str] = dict(error.headers or {})
    if HTTPMethod.GET in headers.get("Allow", "").split(", "):
        # `services.gateway.web.middleware.HeadAsGet` answers it wherever GET is.
        headers["Allow"] += f", {HTTPMethod.HEAD}"
    return problem_response(request, error.status_code, detail, headers=headers)


async def _invalid_websocket(socket: WebSocket, error: Any) -> None:  # noqa: ANN401 - Starlette asks for Exception
    await socket.send_denial_response(await _invalid(socket, error))


async def _invalid(request: HTTPConnection, error: Any) -> Response:  # noqa: ANN401 - Starlette asks for Exception
    faults: dict[tuple[str, str], list[str]] = {}
    errors = error.errors()
    for fault in errors[:CONSIDERED_FAULTS]:
        location, name = str(fault["loc"][0]), str(fault["loc"][1]) if len(fault["loc"]) > 1 else ""
        # Both may repeat what the client sent.
        said = cut(fault["msg"].removeprefix("Value error, "), SHOWN_BYTES)
        faults.setdefault((location, cut(name, SHOWN_BYTES)), []).append(said)
    listed = [
        ParameterFault(location=location, name=name, detail="; or ".join(details[:SHOWN_FAULTS]))
        for (location, name), details in faults.items()
    ]
    detail = " ".join(f"{fault.name}: {fault.detail}.".removeprefix(": ") for fault in listed[:SHOWN_FAULTS])
    # Beyond those considered nobody looked which of them are about one parameter.
    more = len(listed) - SHOWN_FAULTS + max(0, len(errors) - CONSIDERED_FAULTS)
    if more > 0:
        detail += f" And {more} more."
    return problem_response(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, faults=listed[:LISTED_FAULTS])


async def _store_failed(request: Request, error: Any) -> Response:  # noqa: ANN401 - Starlette asks for Exception
    log.warning("the store did not answer", path=request.url.path, error=str(error))
    return problem_response(
        request, HTTPStatus.SERVICE_UNAVAILABLE, "The store does not answer.", headers={"Retry-After": "5"}
    )
