"""Instants as whole milliseconds since 1970-01-01T00:00:00Z, the form that stores keep them in. Pure."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


@lru_cache(maxsize=1024)  # All records of a network step have the same few.
def to_millis(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z; `TypeError` for a datetime without a zone."""
    return (instant - EPOCH) // MILLISECOND


def from_millis(millis: int) -> datetime:
    """The UTC instant of milliseconds since 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(milliseconds=millis)
