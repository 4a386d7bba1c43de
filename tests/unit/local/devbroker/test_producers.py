"""Sequences of idempotent producers, against a model that remembers everything."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrla.local.devbroker.log.producers import NEW_BATCH, AppendedBatch, ProducerSequences, SequenceCheck
from metrla.local.devbroker.wire.error_codes import ErrorCode

LAST = 0x7FFFFFFF


@dataclass
class Partition:
    """Appends what the sequences accept, as the produce handler does."""

    sequences: ProducerSequences = field(default_factory=ProducerSequences)
    stored: list[int] = field(default_factory=list)

    def send(self, first: int, count: int, *, producer: int = 1, epoch: int = 0, now: float = 0.0) -> SequenceCheck:
        last = (first + count - 1) & LAST
        verdict = self.sequences.check(producer, epoch, first, last)
        if verdict == NEW_BATCH:
            offset = len(self.stored)
            self.stored += range(first, first + count)
            self.sequences.appended(producer, epoch, AppendedBatch(first, last, offset), now)
        return verdict


@settings(deadline=None)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=20), data=st.data())
def test_a_producer_that_repeats_and_skips_at_random_is_stored_once_and_in_order(
    sizes: list[int], data: st.DataObject
) -> None:
    starts = [sum(sizes[:index]) for index in range(len(sizes))]
    partition = Partition()
    assert partition.send(starts[0], sizes[0]) == NEW_BATCH
    done = 1
    while done < len(sizes):
        index = data.draw(st.integers(max(0, done - 8), min(len(sizes) - 1, done + 2)))
        verdict = partition.send(starts[index], sizes[index])
        if index == done:
            assert verdict == NEW_BATCH
            done += 1
        elif index > done:
            assert verdict == SequenceCheck(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
        elif index >= done - 5:
            assert verdict == SequenceCheck(duplicate_of=starts[index])
        else:
            assert verdict == SequenceCheck(ErrorCode.DUPLICATE_SEQUENCE_NUMBER)
    assert partition.stored == list(range(sum(sizes)))


def test_sequences_wrap_around() -> None:
    partition = Partition()
    assert partition.send(LAST - 1, 2) == NEW_BATCH
    assert partition.send(0, 3) == NEW_BATCH
    assert partition.send(0, 3) == SequenceCheck(duplicate_of=2)


def test_a_part_of_a_batch_is_no_repetition_of_it() -> None:
    partition = Partition()
    partition.send(0, 5)
    assert partition.send(0, 3) == SequenceCheck(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert partition.send(3, 4) == SequenceCheck(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)


def test_epochs_fence_and_start_again_at_zero() -> None:
    partition = Partition()
    partition.send(0, 5)
    assert partition.send(5, 1, epoch=1) == SequenceCheck(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert partition.send(0, 1, epoch=1) == NEW_BATCH
    assert partition.send(5, 1, epoch=0) == SequenceCheck(ErrorCode.INVALID_PRODUCER_EPOCH)


@pytest.mark.parametrize("repeat", [1, 2, 3])
def test_producers_without_an_id_are_not_followed(repeat: int) -> None:
    partition = Partition()
    for _ in range(repeat):
        assert partition.send(-1, 1, producer=-1) == NEW_BATCH
    assert len(partition.sequences) == 0


def test_idle_producers_are_forgotten_and_their_number_is_bounded() -> None:
    partition = Partition(ProducerSequences(max_producers=10))
    for producer in range(25):
        partition.send(0, 1, producer=producer, now=float(producer))
    assert len(partition.sequences) == 10
    partition.sequences.expire(before=20.0)
    assert len(partition.sequences) == 5
    assert partition.send(7, 1, producer=3) == NEW_BATCH
