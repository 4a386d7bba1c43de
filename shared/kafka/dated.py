"""What is on the log has a date, and no record may be dated far ahead of it."""

from datetime import UTC, datetime

from shared.events.avro import R, decode
from shared.events.present import logged_at, require_present
from shared.kafka.replay import LogRecord


def decode_dated(kind: type[R], on_log: LogRecord) -> R:
    """The record of this kind; raises `RejectedEventError` where there is none, or it is dated far ahead."""
    record = decode(kind, on_log.value or b"")
    require_dated(record, on_log)
    return record


def require_dated(record: object, on_log: LogRecord) -> None:
    """Raise `RejectedEventError` (TIMESTAMP_IN_FUTURE) where a record is dated far ahead of when it was logged."""
    require_present(record, logged_at(on_log.timestamp, datetime.now(UTC)))
