"""De-duplication of idempotent producers: what each of them last wrote to one partition.

The rules of Kafka's `ProducerStateManager`: the last five batches of a producer are remembered; a batch that equals
one of them was retried and is acknowledged with its first offset; a batch that follows the last one is new; anything
else is a gap.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metrla.local.devbroker.wire.error_codes import ErrorCode

REMEMBERED_BATCHES = 5
MAX_PRODUCERS = 10_000
NO_PRODUCER_ID = -1


class AppendedBatch(NamedTuple):
    """The sequences of a batch and where it went."""

    first_sequence: int
    last_sequence: int
    base_offset: int


class SequenceCheck(NamedTuple):
    """What to do with a batch: append it (`NEW_BATCH`), acknowledge `duplicate_of`, or refuse it with `error`."""

    error: ErrorCode = ErrorCode.NONE
    duplicate_of: int | None = None


NEW_BATCH = SequenceCheck()


@dataclass(slots=True)
class _Producer:
    epoch: int
    last_seen: float
    batches: deque[AppendedBatch] = field(default_factory=lambda: deque(maxlen=REMEMBERED_BATCHES))


class ProducerSequences:
    """The idempotent producers of one partition; times are seconds of any monotonic clock."""

    def __init__(self, max_producers: int = MAX_PRODUCERS) -> None:
        self._producers: OrderedDict[int, _Producer] = OrderedDict()
        self._max_producers = max_producers

    def __len__(self) -> int:
        return len(self._producers)

    def check(self, producer_id: int, epoch: int, first_sequence: int, last_sequence: int) -> SequenceCheck:
        """Judge a batch before it is appended.

        A producer that is not known may start anywhere, as in Kafka: its state may have expired.
        """
        known = self._producers.get(producer_id)
        if known is None:
            return NEW_BATCH
        if epoch == known.epoch:
            return _judge_sequence(known.batches, first_sequence, last_sequence)
        if epoch < known.epoch:
            return SequenceCheck(ErrorCode.INVALID_PRODUCER_EPOCH)
        return NEW_BATCH if first_sequence == 0 else SequenceCheck(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)

    def appended(self, producer_id: int, epoch: int, batch: AppendedBatch, now: float) -> None:
        """Remember a batch that `check` accepted."""
        if producer_id == NO_PRODUCER_ID:
            return
        known = self._producers.get(producer_id)
        if known is None or known.epoch != epoch:
            known = self._producers[producer_id] = _Producer(epoch, now)
        known.last_seen = now
        known.batches.append(batch)
        self._producers.move_to_end(producer_id)
        if len(self._producers) > self._max_producers:
            self._producers.popitem(last=False)

    def expire(self, before: float) -> None:
        """Forget the producers whose last batch came before `before`."""
        while self._producers:
            oldest = next(iter(self._producers.values()))
            if oldest.last_seen >= before:
                return
            self._producers.popitem(last=False)


def _judge_sequence(batches: Sequence[AppendedBatch], first_sequence: int, last_sequence: int) -> SequenceCheck:
    for batch in batches:
        if (batch.first_sequence, batch.last_sequence) == (first_sequence, last_sequence):
            return SequenceCheck(duplicate_of=batch.base_offset)
    if first_sequence == (batches[-1].last_sequence + 1) & 0x7FFFFFFF:
        return NEW_BATCH
    if last_sequence < batches[0].first_sequence:
        return SequenceCheck(ErrorCode.DUPLICATE_SEQUENCE_NUMBER)
    return SequenceCheck(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
