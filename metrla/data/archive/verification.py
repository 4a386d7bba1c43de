"""Prove, offset by offset, that the archive holds what the log holds. Pure.

Every valid record of a partition from the log's start to the offset that the archiver committed must be in the archive
exactly once and unchanged. Not in the archive belong records that were dead-lettered, and copies that ingest published
again under the right key, whose original is there.
"""

from collections import Counter
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from shared.archive.container import ArchivedEvent
from shared.events.records import TrafficEvent

EXAMPLES_KEPT = 5


class Fault(StrEnum):
    """What can be wrong with one offset."""

    MISSING = "missing"
    DOUBLED = "doubled"
    UNEXPECTED = "unexpected"
    ALTERED = "altered"
    UNACCOUNTED = "unaccounted"
    EXPIRED = "expired"


MEANINGS = {
    Fault.MISSING: "valid on the log, not in the archive",
    Fault.DOUBLED: "more than once in the archive",
    Fault.UNEXPECTED: "in the archive, but dead-lettered, rejected, published again or not on the log",
    Fault.ALTERED: "in the archive with other content than on the log",
    Fault.UNACCOUNTED: "rejected, but neither archived nor in the dead-letter topic",
    Fault.EXPIRED: "deleted from the log by retention before the archiver had read it",
}


@dataclass(frozen=True, slots=True)
class LoggedRecord:
    """A record of the log as verification sees it: `event` is `None` where it was rejected.

    `rekeyed`: it is a copy, whose original is archived in its stead. `unsure`: its original is no longer on the log, so
    that it cannot be said whether it is one.
    """

    offset: int
    event: TrafficEvent | None
    rekeyed: bool = False
    unsure: bool = False


@dataclass(slots=True)
class PartitionVerification:
    """Verifies one partition, a range of offsets at a time, in rising order, so that memory stays bounded.

    Args:
        partition: its number.
        log_start: the first offset that the log still holds.
        committed: the offset after the last one that the archiver has committed.
        log_end: the offset after the last one on the log.
        dead_lettered: offsets found in the dead-letter topic.
        dead_lettered_before: rejected records before this offset must be there; later ones may still be on their way.
    """

    partition: int
    log_start: int
    committed: int
    log_end: int
    dead_lettered: Container[int]
    dead_lettered_before: int
    valid: int = 0
    archived: int = 0
    rejected: int = 0
    rekeyed: int = 0
    faults: Counter[Fault] = field(default_factory=Counter)
    examples: dict[Fault, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Account for what retention took."""
        if self.committed < self.log_start:
            self._found(Fault.EXPIRED, self.committed, self.log_start - self.committed)

    @property
    def exact(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.faults

    @property
    def not_yet_archived(self) -> int:
        """Offsets that the archiver has still to read; they are not verified."""
        return self.log_end - max(self.committed, self.log_start)

    def check(self, start: int, end: int, logged: Iterable[LoggedRecord], archived: Iterable[ArchivedEvent]) -> None:
        """Compare the offsets start <= offset < end.

        Args:
            start: where the last range ended.
            end: at most `committed`.
            logged: every record of the log in the range.
            archived: events of this partition; those outside the range are passed over.
        """
        found: dict[int, list[TrafficEvent]] = {}
        for event in archived:
            if start <= event.offset < end and event.partition == self.partition:
                found.setdefault(event.offset, []).append(event.event)
        for record in logged:
            self._check_record(record, found.pop(record.offset, []))
        for offset, copies in found.items():
            self.archived += len(copies)
            self._found(Fault.UNEXPECTED, offset)

    def _check_record(self, record: LoggedRecord, copies: list[TrafficEvent]) -> None:
        self.archived += len(copies)
        if len(copies) > 1:
            self._found(Fault.DOUBLED, record.offset)
        if record.rekeyed:
            self.rekeyed += 1
            if copies and not record.unsure:
                self._found(Fault.UNEXPECTED, record.offset)
        elif record.offset in self.dead_lettered or record.event is None:
            self.rejected += 1
            if copies:
                self._found(Fault.UNEXPECTED, record.offset)
            elif record.offset not in self.dead_lettered and record.offset < self.dead_lettered_before:
                self._found(Fault.UNACCOUNTED, record.offset)
        else:
            self.valid += 1
            if not copies:
                self._found(Fault.MISSING, record.offset)
            elif any(copy != record.event for copy in copies):
                self._found(Fault.ALTERED, record.offset)

    def _found(self, fault: Fault, offset: int, count: int = 1) -> None:
        self.faults[fault] += count
        examples = self.examples.setdefault(fault, [])
        if len(examples) < EXAMPLES_KEPT:
            examples.append(offset)
