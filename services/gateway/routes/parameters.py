"""Query parameters that several routes share."""

from typing import Annotated, Literal
from urllib.parse import quote

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from services.gateway.live.client_messages import (
    MAX_HORIZON_MINUTES,
    no_such_model,
)
from services.gateway.routes.gateway import Running, unavailable
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from shared.events.quantities import in_span, told_instant
from shared.events.text import MAX_ID_CHARACTERS, Line

ShortText = Annotated[str, Field(max_length=MAX_ID_CHARACTERS), Line]
NetworkParameter = Annotated[ShortText | None, Query(description="Only this sensor network, such as metr-la.")]
SensorParameter = Annotated[ShortText | None, Query(description="Only this sensor.")]
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


def _plus_sign(text: object) -> object:
    """Undo what URL decoding does to a `+` that the client did not encode: '…T00:00:00 02:00' had an offset."""
    return text.replace(" ", "+") if isinstance(text, str) and "T" in text else text


# What stands before is done last.
Instant = Annotated[AwareDatetime, BeforeValidator(told_instant), BeforeValidator(_plus_sign), AfterValidator(in_span)]
"""A time that records can have, in UTC."""


def location_of(collection: str, id_: str) -> str:
    """The path of one thing of the API, as a header may carry it: whatever characters its id has."""
    return f"/api/{collection}/{quote(id_, safe='')}"


def header_text(value: str | None) -> str | None:
    """The text of a header that a client sent as UTF-8: the server reads every header as Latin-1."""
    try:
        return None if value is None else value.encode("latin-1").decode()
    except UnicodeError:
        return value
