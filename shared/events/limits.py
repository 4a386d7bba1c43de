"""What each field of a record may hold: the one table, for every boundary that a record passes. Pure.

`check_of` gives the check that reading a record from the log applies to a field. Numbers, times and ids that break
their limits make the record unusable (`FieldFaultError`); prose is cleaned, so that a record which was written before
there were limits is still read. `TrafficEvent` is judged by ingest, which has a reason for each kind of fault, by the
same ranges.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from shared.events.quantities import (
    AHEAD,
    AMOUNT,
    COUNT,
    EARLIEST,
    HORIZON,
    LATEST,
    LATITUDE,
    LONGITUDE,
    MEASURE,
    PARTITION,
    REVISION,
    SHARE,
    SPEED,
    WINDOW_VOLUME,
    ValueRange,
)
from shared.events.text import DERIVED_ID, GIVEN_ID, MAX_DERIVED_ID_CHARACTERS, TextLimit, cleaned

FieldCheck = Callable[[Any], Any]
"""Returns the value as it is used; raises `FieldFaultError`."""

SHOWN_CHARACTERS = 80


class FieldFaultError(ValueError):
    """A field of a record holds what it may not."""


MAX_OPERATOR_CHARACTERS, MAX_COMMENT_CHARACTERS = 100, 1_000
MAX_TITLE_CHARACTERS, MAX_DESCRIPTION_CHARACTERS, MAX_SOURCE_CHARACTERS = 200, 4_000, 200
MAX_MESSAGE_CHARACTERS = 8_000
"""Of an alert: what we say, with what an operator said when it was closed."""
MAX_FEED_CHARACTERS = 2_000
"""An address."""

OPERATOR: Final = TextLimit(MAX_OPERATOR_CHARACTERS, may_be_empty=False)
COMMENT: Final = TextLimit(MAX_COMMENT_CHARACTERS, prose=True)
TITLE: Final = TextLimit(MAX_TITLE_CHARACTERS, may_be_empty=False)
DESCRIPTION: Final = TextLimit(MAX_DESCRIPTION_CHARACTERS, prose=True)
SOURCE: Final = TextLimit(MAX_SOURCE_CHARACTERS)

TEXTS: Final[dict[str, TextLimit]] = {
    "event_id": GIVEN_ID,
    "last_event_id": GIVEN_ID,
    "network_id": GIVEN_ID,
    "sensor_id": GIVEN_ID,
    "affected_sensors": GIVEN_ID,
    "action_id": GIVEN_ID,
    "alert_id": DERIVED_ID,
    "advisory_id": DERIVED_ID,
    "publisher_id": TextLimit(MAX_DERIVED_ID_CHARACTERS, is_id=True),
    "model_name": GIVEN_ID,
    "model_version": GIVEN_ID,
    "rule": GIVEN_ID,
    "measure": GIVEN_ID,
    "operator": OPERATOR,
    "text": COMMENT,
    "title": TITLE,
    "description": DESCRIPTION,
    "source": SOURCE,
    "feed": TextLimit(MAX_FEED_CHARACTERS),
    "message": TextLimit(MAX_MESSAGE_CHARACTERS, prose=True),
    "location": TextLimit(1_000),
}

NUMBERS: Final[dict[str, ValueRange]] = {
    "mean_speed_mph": SPEED,
    "min_speed_mph": SPEED,
    "max_speed_mph": SPEED,
    "std_speed_mph": SPEED,
    "speed_mph": SPEED,
    "usual_mph": SPEED,
    "forecast_mph": SPEED,
    "current_speed_mph": SPEED,
    "predicted_speed_mph": SPEED,
    "lower_speed_mph": SPEED,
    "upper_speed_mph": SPEED,
    "volume_vehicles": WINDOW_VOLUME,
    "occupancy": SHARE,
    "share_observed": SHARE,
    "confidence_score": SHARE,
    "congestion_probability": SHARE,
    "latitude": LATITUDE,
    "longitude": LONGITUDE,
    "revision": REVISION,
    "speed_count": COUNT,
    "horizon_minutes": HORIZON,
    "value": MEASURE,
    "threshold": MEASURE,
    "estimated_duration_minutes": AMOUNT,
    "estimated_duration_lower_minutes": AMOUNT,
    "estimated_duration_upper_minutes": AMOUNT,
    "delay_vehicle_hours": AMOUNT,
    # Of the times of sensors.
    "partition": PARTITION,
    "ahead_s": AHEAD,
    "too_late": COUNT,
}


def text_check(name: str) -> FieldCheck:
    """The check of a text field; `KeyError` for a field that has no limit yet."""
    limit = TEXTS[name]
    most, prose = limit.most, limit.prose

    def clean(text: str) -> str:
        return text if len(text) <= most and text.isascii() and text.isprintable() else cleaned(text, most, prose=prose)

    def check_id(text: str) -> str:
        if text.isascii() and text.isprintable() and 0 < len(text) <= most:
            return text
        fault = limit.fault_of(text)
        if fault is not None:
            raise FieldFaultError(f"{name} {fault}")
        return limit.kept(text)

    return check_id if limit.is_id else clean


def number_check(name: str) -> FieldCheck:
    """The check of a number field; `KeyError` for a field that has no range yet."""
    span = NUMBERS[name]
    least, most = span.least, span.most

    def check(value: float) -> float:
        if least <= value <= most:
            return value
        raise FieldFaultError(f"{name} {value!r:.{SHOWN_CHARACTERS}} is not within {span}")

    return check


def time_check(name: str) -> FieldCheck:
    """The check of an aware time."""

    def check(time: datetime) -> datetime:
        if EARLIEST <= time <= LATEST:
            return time
        raise FieldFaultError(f"{name} {time.isoformat()} is not within {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}")

    return check


def check_of(name: str, kind: type) -> FieldCheck | None:
    """The check of a field of this type, `None` where every value of the type will do.

    Raises:
        KeyError: a number or a text that the table does not know.
    """
    if kind is datetime:
        return time_check(name)
    if kind is str:
        return text_check(name)
    if kind in {int, float}:
        return number_check(name)
    return None
