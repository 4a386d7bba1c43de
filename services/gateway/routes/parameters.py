"""Query parameters that several routes share."""

from typing import Annotated, Literal

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BeforeValidator

from services.gateway.live.client_messages import (
    MAX_HORIZON_MINUTES,
    MAX_ID_LENGTH,
    no_such_model,
)
from services.gateway.routes.gateway import Running
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES

NetworkParameter = Annotated[
    str | None, Query(max_length=MAX_ID_LENGTH, description="Only this sensor network, such as metr-la.")
]
SensorParameter = Annotated[str | None, Query(max_length=MAX_ID_LENGTH, description="Only this sensor.")]
RoadTypeParameter = Annotated[
    str | None, Query(max_length=MAX_ID_LENGTH, description="Only roads of this kind, such as freeway.")
]
HorizonParameter = Annotated[
    Annotated[int, Query(ge=1, le=MAX_HORIZON_MINUTES)] | Literal["all"],
    Query(
        description=f"Only this horizon in minutes, or `all`; by default {DEFAULT_HORIZON_MINUTES}, or the nearest one "
        "where a network's windows add up to no such horizon."
    ),
]


def _known_model(
    gateway: Running,
    model: Annotated[
        str | None,
        Query(max_length=MAX_ID_LENGTH, description="Forecasts of this model; absent: whichever serves the sensor."),
    ] = None,
) -> str | None:
    if model is not None and model not in gateway.view.model_names:
        message = no_such_model(gateway.view.model_names)
        raise RequestValidationError([{"loc": ("query", "model"), "msg": message, "type": "value_error"}])
    return model


ModelParameter = Annotated[str | None, Depends(_known_model)]


def _plus_sign(text: object) -> object:
    """Undo what URL decoding does to a `+` that the client did not encode: '…T00:00:00 02:00' had an offset."""
    return text.replace(" ", "+") if isinstance(text, str) and "T" in text else text


Instant = Annotated[AwareDatetime, BeforeValidator(_plus_sign)]
