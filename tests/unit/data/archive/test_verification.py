from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.data.archive.verification import EXAMPLES_KEPT, MEANINGS, Fault, LoggedRecord, PartitionVerification
from shared.archive.container import ArchivedEvent
from shared.events.records import NetworkId, SensorId, TrafficEvent

START = datetime(2012, 5, 2, tzinfo=UTC)


def event(offset: int) -> TrafficEvent:
    minute = START + offset * timedelta(minutes=5)
    return TrafficEvent(f"e{offset}", NetworkId("metr-la"), SensorId("a"), minute, 60.0)


def archived(offset: int, partition: int = 0) -> ArchivedEvent:
    return ArchivedEvent(event(offset), partition, offset)


def verification(
    *, log_start: int = 0, committed: int = 10, dead_lettered: set[int] | None = None, handled: int = 10
) -> PartitionVerification:
    return PartitionVerification(0, log_start, committed, 12, dead_lettered or set(), handled)


def valid(offset: int) -> LoggedRecord:
    return LoggedRecord(offset, event(offset))


def test_every_fault_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Fault)


def test_each_valid_event_once_is_exact() -> None:
    one = verification()
    one.check(0, 10, map(valid, range(10)), map(archived, reversed(range(10))))
    assert one.exact
    assert (one.valid, one.archived, one.rejected, one.rekeyed, one.not_yet_archived) == (10, 10, 0, 0, 2)


def test_offsets_that_the_log_never_gave_are_not_missed() -> None:
    one = verification()
    one.check(0, 10, map(valid, (1, 5, 9)), map(archived, (1, 5, 9)))
    assert one.exact


def test_a_missing_event() -> None:
    one = verification()
    one.check(0, 10, map(valid, range(10)), map(archived, range(9)))
    assert one.faults == {Fault.MISSING: 1}
    assert one.examples == {Fault.MISSING: [9]}


def test_an_event_archived_twice() -> None:
    one = verification()
    one.check(0, 10, map(valid, range(10)), [*map(archived, range(10)), archived(4)])
    assert one.faults == {Fault.DOUBLED: 1}
    assert one.archived == 11


def test_an_event_archived_with_other_content() -> None:
    one = verification()
    wrong = replace(archived(3), event=replace(event(3), speed_mph=0.0))
    one.check(0, 10, map(valid, range(10)), [wrong, *(archived(offset) for offset in range(10) if offset != 3)])
    assert one.faults == {Fault.ALTERED: 1}
    assert one.examples == {Fault.ALTERED: [3]}


def test_an_archived_offset_that_the_log_never_gave() -> None:
    one = verification()
    one.check(0, 10, map(valid, range(9)), map(archived, range(10)))
    assert one.faults == {Fault.UNEXPECTED: 1}


def test_dead_letters_are_accounted_for() -> None:
    one = verification(dead_lettered={2, 3})
    # 3 would be valid today: it was judged by the settings of its day.
    logged = [LoggedRecord(2, None), valid(3), valid(4)]
    one.check(0, 10, logged, [archived(4)])
    assert one.exact
    assert (one.valid, one.rejected) == (1, 2)


def test_a_dead_letter_in_the_archive() -> None:
    one = verification(dead_lettered={2})
    one.check(0, 10, [LoggedRecord(2, None)], [archived(2)])
    assert one.faults == {Fault.UNEXPECTED: 1}


def test_a_rejected_event_that_nobody_kept() -> None:
    one = verification(handled=3)
    one.check(0, 10, [LoggedRecord(2, None), LoggedRecord(3, None)], [])
    assert one.faults == {Fault.UNACCOUNTED: 1}
    assert one.examples == {Fault.UNACCOUNTED: [2]}


def test_a_copy_under_the_right_key_is_not_archived() -> None:
    one = verification()
    one.check(0, 10, [valid(0), LoggedRecord(1, event(0), rekeyed=True)], [archived(0)])
    assert one.exact
    assert one.rekeyed == 1
    other = verification()
    other.check(0, 10, [LoggedRecord(1, event(1), rekeyed=True)], [archived(1)])
    assert other.faults == {Fault.UNEXPECTED: 1}


@pytest.mark.parametrize("found", [[], [archived(1)]])
def test_what_may_be_a_copy_whose_original_is_gone_may_be_archived_or_not(found: list[ArchivedEvent]) -> None:
    one = verification()
    one.check(0, 10, [LoggedRecord(1, event(1), rekeyed=True, unsure=True)], found)
    assert one.exact


def test_events_of_other_partitions_and_ranges_are_passed_over() -> None:
    one = verification()
    one.check(0, 5, map(valid, range(5)), [*map(archived, range(12)), archived(3, partition=1)])
    one.check(5, 10, map(valid, range(5, 10)), map(archived, range(12)))
    assert one.exact
    assert one.archived == 10


def test_what_retention_took_before_it_was_archived() -> None:
    one = verification(log_start=14, committed=10)
    assert one.faults == {Fault.EXPIRED: 4}
    assert one.examples == {Fault.EXPIRED: [10]}
    assert not one.exact


def test_examples_are_few() -> None:
    one = verification()
    one.check(0, 10, map(valid, range(10)), [])
    assert one.faults == {Fault.MISSING: 10}
    assert one.examples == {Fault.MISSING: list(range(EXAMPLES_KEPT))}


@given(
    kinds=st.lists(st.sampled_from(["valid", "rejected", "rekeyed", "hole"]), max_size=40),
    copies=st.lists(st.integers(0, 2), min_size=40, max_size=40),
    cuts=st.lists(st.integers(0, 40), max_size=3),
)
def test_ranges_add_up_to_the_whole(kinds: list[str], copies: list[int], cuts: list[int]) -> None:
    end = len(kinds)
    logged = [
        LoggedRecord(offset, event(offset) if kind != "rejected" else None, rekeyed=kind == "rekeyed")
        for offset, kind in enumerate(kinds)
        if kind != "hole"
    ]
    content = [archived(offset) for offset in range(end) for _ in range(copies[offset])]
    expected: Counter[Fault] = Counter()
    for offset, kind in enumerate(kinds):
        count = copies[offset]
        expected[Fault.MISSING] += kind == "valid" and count == 0
        expected[Fault.DOUBLED] += kind != "hole" and count > 1
        expected[Fault.UNEXPECTED] += kind != "valid" and count > 0
        expected[Fault.UNACCOUNTED] += kind == "rejected" and count == 0
    one = verification(committed=end, handled=end)
    bounds = [0, *sorted(min(cut, end) for cut in cuts), end]
    for first, last in pairwise(bounds):
        one.check(first, last, (record for record in logged if first <= record.offset < last), content)
    assert one.faults == +expected
    assert one.exact == (not +expected)
