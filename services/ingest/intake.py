"""Records of `traffic-events`, judged a batch at a time: what both groups of ingest do first."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

from services.ingest.validate import EventValidator, Rejection
from shared.events.records import TrafficEvent
from shared.events.topics import REKEYED_FROM
from shared.kafka.deadletter import DeadLetter
from shared.runtime.clock import Clock


@dataclass(slots=True)
class Judged:
    """What one batch of one partition holds, in offset order."""

    events: list[tuple[TrafficEvent, ConsumerRecord]] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)


def judge(validator: EventValidator, records: Sequence[ConsumerRecord], clock: Clock) -> Judged:
    """Validate records.

    A timestamp is too far in the future when it is ahead of the record's own time on the log, so that both groups and
    every restart judge alike; a record that claims to be from the future itself is judged by the clock.
    """
    judged = Judged()
    present = clock()
    present_ms = int(present.timestamp() * 1000)
    sent_ms, sent = present_ms, present
    for record in records:
        if record.timestamp != sent_ms:
            sent_ms = record.timestamp
            sent = datetime.fromtimestamp(sent_ms / 1000, UTC) if 0 < sent_ms < present_ms else present
        verdict = validator.validate(record.key, record.value, record.partition, record.offset, sent)
        if isinstance(verdict, Rejection):
            judged.rejected.append(DeadLetter(record, verdict.reason, verdict.detail))
        else:
            judged.events.append((verdict, record))
    return judged


def is_rekeyed(record: ConsumerRecord) -> bool:
    """Whether ingest itself published the record, again and under its right key."""
    return bool(record.headers) and any(name == REKEYED_FROM for name, _ in record.headers)
