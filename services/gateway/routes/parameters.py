"""Query parameters that several routes share."""

from typing import Annotated

from fastapi import Query
from pydantic import AwareDatetime, BeforeValidator

MAX_ID_LENGTH = 200

NetworkParameter = Annotated[
    str | None, Query(max_length=MAX_ID_LENGTH, description="Only this sensor network, such as metr-la.")
]
SensorParameter = Annotated[str | None, Query(max_length=MAX_ID_LENGTH, description="Only this sensor.")]
RoadTypeParameter = Annotated[
    str | None, Query(max_length=MAX_ID_LENGTH, description="Only roads of this kind, such as freeway.")
]


def _plus_sign(text: object) -> object:
    """Undo what URL decoding does to a `+` that the client did not encode: '…T00:00:00 02:00' had an offset."""
    return text.replace(" ", "+") if isinstance(text, str) and "T" in text else text


Instant = Annotated[AwareDatetime, BeforeValidator(_plus_sign)]
