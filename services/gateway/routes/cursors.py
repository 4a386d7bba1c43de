"""Where a page ends, as text that clients hand back and need not understand."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeAlias

from fastapi import Request, Response

from services.gateway.routes.guarded import invalid_query

MAX_CURSOR_CHARACTERS = 4096
PageEnd: TypeAlias = Sequence[Any]


def cursor_of(place: PageEnd) -> str:
    """The text for a place in a list."""
    return urlsafe_b64encode(json.dumps(place, separators=(",", ":")).encode()).decode().rstrip("=")


def place_of(cursor: str, kinds: Sequence[type]) -> PageEnd:
    """The place behind a text, values of these kinds.

    Raises:
        RequestValidationError: it is none that we gave.
    """
    try:
        place = json.loads(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)))
    except (ValueError, RecursionError) as wrong:
        raise invalid_cursor() from wrong
    if not isinstance(place, list) or [type(each) for each in place] != list(kinds):
        raise invalid_cursor()
    return place


def time_of(text: object) -> datetime:
    """A time of a place; raises `RequestValidationError`."""
    try:
        time = datetime.fromisoformat(str(text))
    except ValueError as wrong:
        raise invalid_cursor() from wrong
    if time.tzinfo is None:
        raise invalid_cursor()
    return time


def invalid_cursor() -> Exception:
    """The refusal of a cursor that is none of ours."""
    return invalid_query([("cursor", "is no cursor of this list; take it from a `Link` as it is")])


def link_next(request: Request, response: Response, **parameters: str) -> None:
    """Say where the list goes on (RFC 8288): at the same request with these parameters."""
    following = request.url.include_query_params(**parameters)
    response.headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
