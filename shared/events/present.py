"""How far ahead of the log a record may be dated: the one rule, for readings and for what is made of them. Pure.

A record that is dated far ahead says nothing true, and whoever believes its time moves a clock that others live by:
what is newest, how old data is, what is forgotten. It is measured by the time at which it was put on the log, so that
every reader and every restart come to the same result.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.quantities import HORIZON
from shared.events.records import (
    AlertAction,
    ProcessedTrafficAggregate,
    TrafficAdvisory,
    TrafficAlert,
    TrafficPrediction,
)

FUTURE_TOLERANCE = timedelta(hours=1)
"""How far the clock of a sensor, or of a service, may be ahead of the log."""
MADE_OF_READINGS = FUTURE_TOLERANCE + timedelta(hours=1)
"""A reading that is just accepted is in a window, of an hour at most, that ends so much later."""
FORECAST = MADE_OF_READINGS + timedelta(minutes=HORIZON.most)
PLANNED = timedelta(days=3653)
"""How far ahead work and events are announced: ten years. Ends are not bound: 'until further notice' has many."""


def logged_at(timestamp_ms: int, now: datetime) -> datetime:
    """The time of a record on the log; one that has none, or claims to be from the future, is measured by `now`."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC) if 0 < timestamp_ms < now.timestamp() * 1000 else now


def too_far_ahead(name: str, time: datetime, logged: datetime, most: timedelta) -> str | None:
    """What is wrong with a time that is more than `most` ahead of when it was logged; `None` where it is not."""
    ahead = time - logged
    if ahead <= most:
        return None
    return f"{name} {time.isoformat()} is {ahead} ahead of {logged.isoformat()}, more than {most}"


def require_present(record: object, logged: datetime) -> None:
    """Check the times of a record that is made of readings, or announced.

    Args:
        record: of any kind; readings are judged by ingest, by the same rule.
        logged: when it was put on the log (`logged_at`).

    Raises:
        RejectedEventError: TIMESTAMP_IN_FUTURE, naming the first time that is too far ahead.
    """
    for name, time, most in _times(record):
        fault = None if time is None else too_far_ahead(name, time, logged, most)
        if fault is not None:
            raise RejectedEventError(RejectionReason.TIMESTAMP_IN_FUTURE, fault)


def _times(record: object) -> Iterator[tuple[str, datetime | None, timedelta]]:
    match record:
        case ProcessedTrafficAggregate():
            yield "window_end", record.window_end, MADE_OF_READINGS
        case TrafficPrediction():
            yield "timestamp", record.timestamp, MADE_OF_READINGS
            for horizon in record.horizons:
                yield "target_timestamp", horizon.target_timestamp, FORECAST
        case TrafficAlert():
            yield "updated_at", record.updated_at, MADE_OF_READINGS
            yield "raised_at", record.raised_at, MADE_OF_READINGS
            yield "cleared_at", record.cleared_at, MADE_OF_READINGS
            yield "expected_at", record.expected_at, FORECAST
        case TrafficAdvisory():
            yield "updated_at", record.updated_at, MADE_OF_READINGS
            yield "starts_at", record.starts_at, PLANNED
        case AlertAction():
            yield "at", record.at, FUTURE_TOLERANCE
