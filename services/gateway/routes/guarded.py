"""What every route asks of a request before its body is read: who asks, names that exist, a size."""

import re
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from http import HTTPMethod, HTTPStatus
from json import JSONDecodeError
from typing import Annotated, Any, Final, Literal, get_args, get_origin

from fastapi import Depends, HTTPException, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.types import Message, Receive

from services.gateway.access.principals import ANONYMOUS, Principal, Scope
from services.gateway.routes.gateway import Gateway
from services.gateway.suggestions import unknown
from shared.events.strict_json import read_strict
from shared.events.text import cut

BEARER = HTTPBearer(
    auto_error=False, description="An API key (`metrla keys`), a token of the identity provider, or the write token."
)
MAX_BODY_BYTES = 64 * 1024
MAX_QUERY_PARAMETERS = 100
SHOWN_NAMES = 10
MOST_REASON_BYTES = 300
CHECKED = ("network_id", "sensor_id", "road_type", "freeway", "horizon_minutes")
WHOLE: Final = re.compile("-?[0-9]+")
DECIMAL: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
MANY = frozenset({list, set, frozenset, tuple})


class Needs:
    """What a route needs of whoever asks, as a dependency: one of `scopes`, none for everybody; and its body's limit.

    `setting`: of `GatewaySettings`, 'open', 'key' or 'closed', where that decides.
    """

    def __init__(self, *scopes: Scope, body_bytes: int = MAX_BODY_BYTES, setting: str = "") -> None:
        self.scopes = scopes
        self.body_bytes = body_bytes
        self.setting = setting

    async def __call__(self, _: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> None:
        """Say so in the OpenAPI document; `GuardedRoute` checks it."""

    def require(self, connection: HTTPConnection) -> None:
        """Raise `HTTPException`: 401 without credentials, 403 without the scope or any keys, 404 where it is closed."""
        gateway: Gateway = connection.app.state.gateway
        openness = getattr(gateway.settings, self.setting) if self.setting else "key"
        if openness == "closed":
            raise HTTPException(HTTPStatus.NOT_FOUND)
        if openness == "open" or not self.scopes:
            return
        if gateway.keyring.empty:
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                "Writes are switched off: there is no METRLA_GATEWAY_WRITE_TOKEN, _KEYS_FILE or _JWT_ISSUER.",
            )
        who = principal_of(connection)
        if who is ANONYMOUS:
            raise HTTPException(
                HTTPStatus.UNAUTHORIZED,
                f"This needs Authorization: Bearer with a key that has the scope {' or '.join(self.scopes)}.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if not who.may(*self.scopes):
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                f"This needs the scope {' or '.join(self.scopes)}; this has {', '.join(sorted(who.scopes)) or 'none'}.",
                headers={"WWW-Authenticate": 'Bearer error="insufficient_scope"'},
            )


READS = Needs(Scope.READ, setting="reads")
EVERYBODY = Depends(Needs())
"""For probes, and what says no more than that there is a gateway."""
METRICS = Depends(Needs(Scope.READ, setting="metrics"))
OPERATES = Depends(Needs(Scope.OPERATE))


def principal_of(connection: HTTPConnection) -> Principal:
    """Who asks, as `services.gateway.web.admission` found out."""
    return getattr(connection.state, "principal", ANONYMOUS)


class StrictRequest(Request):
    """A request whose body, where it is JSON, has one meaning only."""

    async def json(self) -> Any:  # noqa: ANN401 - whatever the body is
        """The body; raises `JSONDecodeError`, which FastAPI makes a 422 of, also for a name that is there twice."""
        body = await self.body()
        try:
            return read_strict(body)
        except JSONDecodeError:
            raise
        except (ValueError, RecursionError) as damaged:
            raise JSONDecodeError(str(damaged), "", 0) from damaged


class GuardedRoute(APIRoute):
    """A route that knows its parameters, and refuses what it does not know before anything else happens."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind our checks."""
        answer = super().get_route_handler()
        needs = next((each.dependency for each in self.dependencies if isinstance(each.dependency, Needs)), READS)
        known = dict(_query_parameters(self.dependant))
        repeatable = frozenset(name for name, many in known.items() if many)
        fields = _field_names(self)
        numbers = dict(_number_parameters(self.dependant))

        async def guarded(request: Request) -> Response:
            needs.require(request)
            require_parameters(request, tuple(known), repeatable)
            _require_readable(request)
            _require_plain(request, numbers)
            limited = StrictRequest(request.scope, _limited(request, needs.body_bytes), request._send)  # noqa: SLF001 - as FastAPI passes it on
            try:
                return await answer(limited)
            except RequestValidationError as invalid:
                faults = with_suggestions(map(_with_reason, invalid.errors()), fields)
                raise RequestValidationError(faults) from invalid

        return guarded


class ViewRoute(GuardedRoute):
    """A route whose reads are answered from the view, which takes the event loop: one at a time, in fair turns."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """FastAPI's handler, behind our checks, in turns."""
        answer = super().get_route_handler()
        if self.methods != {HTTPMethod.GET}:
            return answer

        async def in_turn(request: Request) -> Response:
            gateway: Gateway = request.app.state.gateway
            who = principal_of(request)
            address = request.client.host if request.client else ""
            async with gateway.turns.of(address if who is ANONYMOUS else who.name):
                return await answer(request)

        return in_turn


def require_parameters(
    connection: HTTPConnection, known: Sequence[str], repeatable: AbstractSet[str] = frozenset()
) -> None:
    """Raise `RequestValidationError` for query parameters, or values of `CHECKED`, that there are not.

    So it is for what is given twice: none but `repeatable` has more than one value, and nobody knows which was meant.
    """
    query: bytes = connection.scope["query_string"]
    if query.count(b"&") >= MAX_QUERY_PARAMETERS:
        raise invalid_query([("", f"more than {MAX_QUERY_PARAMETERS} parameters")])
    strange = [name for name in dict.fromkeys(connection.query_params) if name not in known]
    if strange:
        raise invalid_query([(name[:100], unknown("parameter", name, known)) for name in strange[:SHOWN_NAMES]])
    given = Counter(name for name, _ in connection.query_params.multi_items())
    twice = [name for name, times in given.items() if times > 1 and name not in repeatable]
    if twice:
        raise invalid_query([(name, "is given more than once; it takes one value") for name in twice])
    _require_known(connection)


def _require_readable(request: Request) -> None:
    """Raise `HTTPException` (415) for a body that is compressed: it would be read as text."""
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity"}:
        raise HTTPException(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "A body is read as it is; send it without Content-Encoding.",
            {"Accept-Encoding": "identity"},
        )


def _require_known(connection: HTTPConnection) -> None:
    gateway: Gateway = connection.app.state.gateway
    given = connection.query_params
    network_id = given.get("network_id")
    faults = [
        (name, why)
        for name in CHECKED
        for value in given.getlist(name)
        if (why := gateway.names.fault(name, value, network_id)) is not None
    ]
    if faults:
        raise invalid_query(faults)


def invalid_query(faults: Iterable[tuple[str, str]]) -> RequestValidationError:
    """The error for query parameters, each with what is wrong with it."""
    return RequestValidationError([{"loc": ("query", name), "msg": why, "type": "value_error"} for name, why in faults])


def with_suggestions(errors: Iterable[Any], fields: Sequence[str]) -> list[Any]:
    """The faults of a body, fields that there are not with the name that may have been meant."""
    return [
        {**fault, "msg": unknown("field", str(fault["loc"][-1]), fields), "type": "unknown_field"}
        if fault.get("type") == "extra_forbidden" and len(fault["loc"]) == 2  # noqa: PLR2004 - body, field
        else fault
        for fault in errors
    ]


def _with_reason(fault: Any) -> Any:  # noqa: ANN401 - pydantic's own kind
    """A fault of a body that is no JSON, with what is wrong with it, which FastAPI keeps apart."""
    why = fault.get("ctx", {}).get("error") if fault.get("type") == "json_invalid" else None
    return fault if why is None else {**fault, "msg": f"no JSON: {cut(str(why), MOST_REASON_BYTES)}"}


def _query_parameters(dependant: Dependant) -> Iterable[tuple[str, bool]]:
    """Every query parameter, and whether it takes several values."""
    for field in dependant.query_params:
        kind = field.field_info.annotation
        yield field.alias, any(get_origin(each) in MANY for each in (kind, *get_args(kind)))
    for each in dependant.dependencies:
        yield from _query_parameters(each)


def _number_parameters(dependant: Dependant) -> Iterable[tuple[str, re.Pattern[str]]]:
    """Every query parameter that is a number, and how one is written."""
    for field in dependant.query_params:
        kinds = set(_kinds(field.field_info.annotation))
        if not kinds.isdisjoint({int, float}):
            form = WHOLE if int in kinds else DECIMAL
            yield field.alias, form
    for each in dependant.dependencies:
        yield from _number_parameters(each)


def _kinds(annotation: Any) -> Iterable[Any]:  # noqa: ANN401 - a type, or a form of `typing`
    yield annotation
    for inner in () if get_origin(annotation) is Literal else get_args(annotation):
        yield from _kinds(inner)


def _require_plain(request: Request, numbers: Mapping[str, re.Pattern[str]]) -> None:
    """Raise `RequestValidationError` for `1_0`, ` 5` and digits of other scripts, which Python takes for numbers."""
    faults = [
        (name, "takes a plain decimal number, such as 5")
        for name, value in request.query_params.multi_items()
        if (form := numbers.get(name)) and any(map(str.isdigit, value)) and not form.fullmatch(value)
    ]
    if faults:
        raise invalid_query(faults)


def _field_names(route: APIRoute) -> tuple[str, ...]:
    kind = None if route.body_field is None else route.body_field.field_info.annotation
    return tuple(kind.model_fields) if isinstance(kind, type) and issubclass(kind, BaseModel) else ()


def _limited(request: Request, most: int) -> Receive:
    """Counts the body as it comes; raises `HTTPException` (413) at the first byte too many, or before any is read."""
    taken = 0
    said = request.headers.get("content-length", "")

    async def receive() -> Message:
        nonlocal taken
        if said.isdigit() and int(said) > most:
            raise _too_large(most)
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise _too_large(most)
        return message

    return receive


def _too_large(most: int) -> HTTPException:
    size = f"{most // 2**20} MiB" if most >= 2**20 else f"{most // 2**10} KiB"
    return HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"More than {size}; send it in parts.")
