"""Records of `traffic-events`, validated a batch at a time: what both groups of ingest do first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiokafka import ConsumerRecord, TopicPartition

from services.ingest.validator import EventValidator, Rejection
from shared.events.records import TrafficEvent
from shared.events.topics import REKEYED_FROM
from shared.kafka.deadletter import DeadLetter
from shared.runtime.clock import Clock


@dataclass(slots=True)
class Validated:
    """What one batch of one partition holds, in offset order."""

    events: list[tuple[TrafficEvent, ConsumerRecord]] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)


def validate(validator: EventValidator, records: Sequence[ConsumerRecord], clock: Clock) -> Validated:
    """Validate records.

    A timestamp is too far in the future when it is ahead of the record's own time on the log, so that both groups and
    every restart come to the same result; a record that claims to be from the future itself is measured by the clock.
    """
    found = Validated()
    present = clock()
    present_ms = int(present.timestamp() * 1000)
    sent_ms, sent = present_ms, present
    for record in records:
        if record.timestamp != sent_ms:
            sent_ms = record.timestamp
            sent = datetime.fromtimestamp(sent_ms / 1000, UTC) if 0 < sent_ms < present_ms else present
        verdict = validator.validate(record.key, record.value, record.partition, record.offset, sent)
        if isinstance(verdict, Rejection):
            found.rejected.append(DeadLetter(record, verdict.reason, verdict.detail))
        else:
            found.events.append((verdict, record))
    return found


def validate_all(
    validator: EventValidator, batches: Mapping[TopicPartition, Sequence[ConsumerRecord]], clock: Clock
) -> Mapping[TopicPartition, Validated]:
    """Validate the batches of several partitions."""
    return {partition: validate(validator, records, clock) for partition, records in batches.items()}


def is_rekeyed(record: ConsumerRecord) -> bool:
    """Whether ingest itself published the record, again and under its right key."""
    return bool(record.headers) and any(name == REKEYED_FROM for name, _ in record.headers)
