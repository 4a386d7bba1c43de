from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.data.feeds.delivery import AsFastAsPossible, Delivery, EventTimePace, RatePace, split
from shared.events.records import NetworkId, SensorId, TrafficEvent

START = datetime(2024, 5, 14, 14, 15, tzinfo=UTC)


def delivery(seconds: int, count: int) -> Delivery:
    at = START + timedelta(seconds=seconds)
    return Delivery(
        at, tuple(TrafficEvent(f"{n}@{at}", NetworkId("n"), SensorId(str(n)), at, 60.0) for n in range(count))
    )


@given(st.floats(0.01, 1e5), st.integers(0, 10**7), st.integers(0, 10**7))
def test_event_time_pace_is_proportional_and_never_drifts(speed: float, first: int, second: int) -> None:
    pace = EventTimePace(START, speed)
    due = [pace.due(START + timedelta(seconds=after), 0) for after in (first, second)]
    assert due[0] == pytest.approx(first / speed)
    assert (due[0] <= due[1]) == (first <= second) or due[0] == due[1]


def test_what_lies_before_the_origin_is_due_at_once() -> None:
    assert EventTimePace(START, 60).due(START - timedelta(hours=2), 0) == 0
    assert EventTimePace(START, 60).due(START + timedelta(minutes=5), 0) == 5


def test_rate_pace_counts_events() -> None:
    assert RatePace(50).due(START, 0) == 0
    assert RatePace(50).due(START + timedelta(days=9), 125) == 2.5


def test_as_fast_as_possible_waits_for_nothing() -> None:
    assert AsFastAsPossible().due(START + timedelta(days=9), 10**9) == 0


@given(st.lists(st.integers(0, 30), max_size=10), st.integers(1, 40))
def test_split_keeps_events_and_order(counts: list[int], size: int) -> None:
    deliveries = [delivery(second, count) for second, count in enumerate(counts)]
    pieces = list(split(deliveries, size))
    assert all(0 < len(piece.events) <= size for piece in pieces)
    assert [event for piece in pieces for event in piece.events] == [e for one in deliveries for e in one.events]
