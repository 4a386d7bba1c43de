"""Records of `traffic-events`, validated a batch at a time: what both groups of ingest do first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from aiokafka import ConsumerRecord, TopicPartition

from services.ingest.validator import EventValidator, Rejection
from shared.events.errors import RejectionReason
from shared.events.present import logged_at
from shared.events.records import TrafficEvent
from shared.kafka.deadletter import DeadLetter, size_of, unprocessable
from shared.kafka.persistence import passes
from shared.runtime.clock import Clock

MAX_EVENT_BYTES = 256 * 1024
"""Key, value and headers together. A reading needs a hundred bytes; a record of this size still fits on every topic
when it is sent on under another key and with more headers, whatever compressed it before."""
VALIDATE = "validate"


@dataclass(slots=True)
class Validated:
    """What one batch of one partition holds, in offset order."""

    events: list[tuple[TrafficEvent, ConsumerRecord]] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)


def validate(validator: EventValidator, records: Sequence[ConsumerRecord], clock: Clock) -> Validated:
    """Validate records.

    A timestamp is too far in the future when it is ahead of the record's own time on the log, so that both groups and
    every restart come to the same result; a record that claims to be from the future itself is measured by the clock.
    A record that nobody foresaw, on which the validator fails, is rejected as unprocessable. Raises what passes: a
    schema registry that is away.
    """
    found = Validated()
    present = clock()
    sent_ms, sent = -1, present
    for record in records:
        if record.timestamp != sent_ms:
            sent_ms = record.timestamp
            sent = logged_at(sent_ms, present)
        verdict = _verdict(validator, record, sent)
        if isinstance(verdict, DeadLetter):
            found.rejected.append(verdict)
        else:
            found.events.append((verdict, record))
    return found


def _verdict(validator: EventValidator, record: ConsumerRecord, sent: datetime) -> TrafficEvent | DeadLetter:
    size = size_of(record)
    if size > MAX_EVENT_BYTES:
        detail = f"{size:,} bytes of key, value and headers, at most {MAX_EVENT_BYTES:,} are allowed"
        return DeadLetter(record, RejectionReason.TOO_LARGE, detail, VALIDATE)
    try:
        verdict = validator.validate(record.key, record.value, record.partition, record.offset, sent)
    except Exception as fault:
        if passes(fault):
            raise
        return unprocessable(record, fault, VALIDATE)
    if isinstance(verdict, Rejection):
        return DeadLetter(record, verdict.reason, verdict.detail, VALIDATE)
    return verdict


def validate_all(
    validator: EventValidator, batches: Mapping[TopicPartition, Sequence[ConsumerRecord]], clock: Clock
) -> Mapping[TopicPartition, Validated]:
    """Validate the batches of several partitions."""
    return {partition: validate(validator, records, clock) for partition, records in batches.items()}
