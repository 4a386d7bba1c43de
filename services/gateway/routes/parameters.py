"""Query parameters that several routes share."""

from datetime import datetime
from math import isfinite
from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BeforeValidator

from services.gateway.live.client_messages import (
    MAX_HORIZON_MINUTES,
    no_such_model,
)
from services.gateway.routes.cursors import MAX_CURSOR_CHARACTERS
from services.gateway.routes.gateway import Running, unavailable
from services.gateway.routes.guarded import DECIMAL, invalid_query
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from services.gateway.views.predictions import ALL_MODELS
from services.gateway.views.where import ANYWHERE, Box, Circle, Where
from shared.events.quantities import in_span, told_instant
from shared.events.records import SensorId
from shared.events.text import MAX_ID_CHARACTERS, TextLimit

MAX_SENSORS = 90
MAX_POSTMILE = 5000.0
MAX_MILES = 500

ShortText = Annotated[str, TextLimit(MAX_ID_CHARACTERS, is_id=True)]
NetworkParameter = Annotated[ShortText | None, Query(description="Only this sensor network, such as metr-la.")]
RoadTypeParameter = Annotated[ShortText | None, Query(description="Only roads of this kind, such as freeway.")]
HorizonParameter = Annotated[
    Annotated[int, Query(ge=1, le=MAX_HORIZON_MINUTES)] | Literal["all"],
    Query(
        description=f"Only this horizon in minutes, or `all`; by default {DEFAULT_HORIZON_MINUTES}, or the nearest one "
        "where a network's windows add up to no such horizon."
    ),
]


async def _known_model(
    gateway: Running,
    model: Annotated[
        ShortText | None,
        Query(description="Forecasts of this model; absent: whichever serves the sensor."),
    ] = None,
) -> str | None:
    if model is not None and model not in gateway.view.model_names:
        if not gateway.ages.complete:
            raise unavailable(gateway)  # it may yet turn out to predict
        message = no_such_model(gateway.view.model_names)
        raise RequestValidationError([{"loc": ("query", "model"), "msg": message, "type": "value_error"}])
    return model


ModelParameter = Annotated[str | None, Depends(_known_model)]


async def _known_model_or_all(
    gateway: Running,
    model: Annotated[
        ShortText | None,
        Query(description="Forecasts of this model, or `all` models; absent: whichever serves the sensor."),
    ] = None,
) -> str | None:
    return model if model == ALL_MODELS else await _known_model(gateway, model)


ModelsParameter = Annotated[str | None, Depends(_known_model_or_all)]

Postmile = Annotated[float, Query(ge=0, le=MAX_POSTMILE, allow_inf_nan=False)]


async def _where(
    sensor_id: Annotated[
        list[ShortText] | None, Query(max_length=MAX_SENSORS, description="Only this sensor; again for several.")
    ] = None,
    road_type: RoadTypeParameter = None,
    freeway: Annotated[ShortText | None, Query(description="Only this freeway, such as I-405.")] = None,
    direction: Annotated[
        Literal["N", "E", "S", "W"] | None, Query(description="Only this direction of travel.")
    ] = None,
    postmile_from: Annotated[Postmile | None, Query(description="Least postmile; with freeway.")] = None,
    postmile_to: Annotated[Postmile | None, Query(description="Greatest postmile; with freeway.")] = None,
    bbox: Annotated[
        str | None,
        Query(max_length=200, description="Only in west,south,east,north, degrees (RFC 7946; WGS 84)."),
    ] = None,
    circle: Annotated[str | None, Query(max_length=200, description="Only within latitude,longitude,miles.")] = None,
) -> Where:
    faults = []
    if freeway is None and (postmile_from is not None or postmile_to is not None):
        faults.append(("freeway", "needed with a postmile: each freeway counts its own"))
    if None not in {postmile_from, postmile_to} and postmile_from > postmile_to:  # type: ignore[operator]  # neither is None
        faults.append(("postmile_from", "must not be greater than `postmile_to`"))
    box = _numbers(bbox, 4)
    if bbox is not None and (box is None or not _is_box(*box)):
        faults.append(("bbox", "takes west,south,east,north in degrees, such as -118.5,33.9,-118.1,34.2"))
    round_ = _numbers(circle, 3)
    if circle is not None and (round_ is None or not _is_circle(*round_)):
        faults.append(("circle", f"takes latitude,longitude,miles, such as 34.05,-118.25,5; at most {MAX_MILES} miles"))
    if faults:
        raise invalid_query(faults)
    where = Where(
        None if sensor_id is None else frozenset(map(SensorId, sensor_id)),
        road_type,
        freeway,
        direction,
        postmile_from,
        postmile_to,
        None if box is None else Box(*box),
        None if round_ is None else Circle(*round_),
    )
    return ANYWHERE if where == ANYWHERE else where


def _numbers(text: str | None, many: int) -> list[float] | None:
    written = [each.strip(" ") for each in (text or "").split(",")]
    if len(written) != many or not all(map(DECIMAL.fullmatch, written)):
        return None
    numbers = [float(each) for each in written]
    return numbers if all(map(isfinite, numbers)) else None


def _is_box(west: float, south: float, east: float, north: float) -> bool:
    return abs(west) <= 180 and abs(east) <= 180 and -90 <= south <= north <= 90  # noqa: PLR2004 - the globe


def _is_circle(latitude: float, longitude: float, miles: float) -> bool:
    return abs(latitude) <= 90 and abs(longitude) <= 180 and 0 < miles <= MAX_MILES  # noqa: PLR2004 - the globe


WhereParameter = Annotated[Where, Depends(_where)]
CursorParameter = Annotated[
    str | None,
    Query(max_length=MAX_CURSOR_CHARACTERS, description="Where the page before ended, from its `Link`; opaque."),
]


def _plus_sign(text: object) -> object:
    """Undo what URL decoding does to a `+` that the client did not encode: '…T00:00:00 02:00' had an offset."""
    return text.replace(" ", "+") if isinstance(text, str) and "T" in text else text


# What stands before is done last.
Instant = Annotated[AwareDatetime, BeforeValidator(told_instant), BeforeValidator(_plus_sign), AfterValidator(in_span)]
"""A time that records can have, in UTC."""


def require_range(start: datetime | None, end: datetime | None) -> None:
    """Raise `RequestValidationError` where `from` is not before `to`."""
    if start is not None and end is not None and start >= end:
        raise invalid_query([("from", "must be before `to`")])


def location_of(collection: str, id_: str) -> str:
    """The path of one thing of the API, as a header may carry it: whatever characters its id has."""
    return f"/api/{collection}/{quote(id_, safe='')}"


def header_text(value: str | None) -> str | None:
    """The text of a header that a client sent as UTF-8: the server reads every header as Latin-1."""
    try:
        return None if value is None else value.encode("latin-1").decode()
    except UnicodeError:
        return value
