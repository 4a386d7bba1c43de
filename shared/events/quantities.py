"""Quantities: what one unit is in another, and the values that there can be, one range for each kind of field.

Records carry units in the names of their fields. `shared.events.limits` says which field has which range; every
boundary uses the same ones. They are chosen so that sums and products over a window, a day or a network stay finite.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""What instants are counted from, and windows are aligned to."""

METRES_PER_MILE = 1609.344

FREE_FLOW_MPH = 60.0
"""Free flow on a freeway where that of a sensor is not known: the speed against which PeMS reckons delay."""

MIN_SPEED_MPH, MAX_SPEED_MPH = 0.0, 120.0
"""Speeds outside these are no traffic: ingest rejects them, no forecast reaches beyond them, the API promises so."""

MAX_LATITUDE, MAX_LONGITUDE = 90.0, 180.0


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The least and the greatest value, both allowed, and the unit as a message says it."""

    least: float
    most: float
    unit: str = ""

    def holds(self, value: float) -> bool:
        """Whether a value is in it; NaN is in none."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"{self.least:.15g}-{self.most:.15g}{f' {self.unit}' if self.unit else ''}"


SPEED = ValueRange(MIN_SPEED_MPH, MAX_SPEED_MPH, "mph")
VOLUME = ValueRange(0.0, 1e6, "vehicles")
"""Of one reading, which covers minutes: 20 lanes at 2,400 vehicles an hour each (the capacity of a freeway lane in the
Highway Capacity Manual) need 21 hours for so many."""
WINDOW_VOLUME = ValueRange(0.0, 1e14, "vehicles")
"""Of one window: a reading of the greatest volume in each of the 86.4 million milliseconds of the longest window."""
SHARE = ValueRange(0.0, 1.0)
LATITUDE = ValueRange(-MAX_LATITUDE, MAX_LATITUDE, "degrees")
LONGITUDE = ValueRange(-MAX_LONGITUDE, MAX_LONGITUDE, "degrees")
AMOUNT = ValueRange(0.0, 1e15)
"""Whatever grows with traffic and time and is never negative: vehicle-hours, minutes."""
MEASURE = ValueRange(-1e15, 1e15)
"""A number whose meaning another field tells."""
COUNT = ValueRange(0, 2**31 - 1)
"""As wide as the integer columns of the stores."""
PARTITION = ValueRange(0, 9_999)
"""More partitions than a topic of ours can use: each takes memory wherever they are followed."""
REVISION = ValueRange(0, 2**48)
"""Sums of revisions, and a revision on top of a time in milliseconds, still fit 63 bits."""
HORIZON = ValueRange(1, 1440, "minutes")

_ISO_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}", re.ASCII)

EARLIEST: Final = EPOCH
LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)
"""Event times lie in [EARLIEST, LATEST]. Milliseconds since 1970 are then never negative, as the row keys of HBase and
the folders of the archive need them, and days added to, or zones applied to any of them never leave the calendar."""

AHEAD = ValueRange(-(LATEST - EARLIEST).total_seconds(), (LATEST - EARLIEST).total_seconds(), "s")
"""How far a clock can be off."""


def time_in_span(time: datetime) -> bool:
    """Whether an aware time is one that events, alerts and advisories can have."""
    return EARLIEST <= time <= LATEST


def told_instant(value: object) -> object:
    """The same value; raises `ValueError` unless it has the form of an ISO 8601 time, or is a `datetime`.

    For what pydantic reads: to it a number is a time, too, seconds or, beyond some size, milliseconds since 1970.
    """
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO_TIME.match(value.strip())):
        return value
    raise ValueError("a time is ISO 8601 with its offset, such as 2026-11-03T19:37:00Z")


def instant_of(text: str) -> datetime:
    """The instant, UTC, of an ISO 8601 time with a zone; raises `ValueError` for any other text, or beyond the span."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no zone")
    return in_span(time)


def in_span(time: datetime) -> datetime:
    """The same aware time in UTC; raises `ValueError` where none can be meant, also beyond the calendar."""
    if not time_in_span(time):
        raise ValueError(f"{time.isoformat()} is not within {EARLIEST:%Y-%m-%d} to {LATEST:%Y-%m-%d}")
    return time.astimezone(UTC)
