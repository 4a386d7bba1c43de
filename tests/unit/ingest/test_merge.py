from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.merge import Lane, horizon, is_behind, passing
from shared.events.records import NetworkId, SensorId, TrafficEvent
from shared.kafka.consumer import LogEnd

START = datetime(2012, 5, 2, tzinfo=UTC)


def event(minute: int) -> TrafficEvent:
    return TrafficEvent("e", NetworkId("n"), SensorId("s"), START + timedelta(minutes=minute), 1.0)


def lane(*minutes: int, first: int = 0) -> Lane:
    made = Lane(first)
    for offset, minute in enumerate(minutes, first):
        made.put(event(minute), offset)
    made.read = first + len(minutes)
    return made


def test_the_lane_that_is_furthest_behind_sets_the_horizon() -> None:
    ahead, back = lane(0, 60, 120), lane(0, 5, 10)
    until = horizon([ahead, back], [])
    assert until == START + timedelta(minutes=10)
    assert [one.offset for one in passing(back, until)] == [0, 1, 2]
    assert [one.offset for one in passing(ahead, until)] == [0]
    assert ahead.position == 1
    assert back.position == 3


def test_an_empty_lane_with_more_to_read_holds_the_others() -> None:
    ahead, empty = lane(0, 60), Lane(5)
    assert horizon([ahead, empty], [empty]) is None


def test_an_empty_lane_that_has_read_everything_holds_nobody() -> None:
    ahead, empty = lane(0, 60), Lane(5)
    assert horizon([ahead, empty], []) == START + timedelta(minutes=60)


def test_no_events_no_horizon() -> None:
    assert horizon([Lane(0), Lane(0)], []) is None


def test_order_within_a_lane_is_kept_when_it_is_out_of_order() -> None:
    shuffled, other = lane(0, 30, 5), lane(10)
    until = horizon([shuffled, other], [])
    assert until is not None
    assert [one.offset for one in passing(shuffled, until)] == [0]


def test_time_without_events_is_counted_from_the_first_empty_poll() -> None:
    subject = lane(0)
    subject.note_empty(10.0)
    assert subject.empty_s(20.0) == 0.0
    list(passing(subject, START))
    assert subject.empty_s(20.0) == 0.0
    subject.note_empty(20.0)
    subject.note_empty(21.0)
    assert subject.empty_s(25.0) == 5.0
    subject.put(event(1), 1)
    assert subject.empty_s(25.0) == 0.0


def test_one_fast_clock_does_not_hold_its_lane_up() -> None:
    lane_of_three = lane(*(minute + 50 * (sensor == 1) for minute in range(20) for sensor in range(3)))
    until = horizon([lane_of_three, lane(10)], [])
    assert until == START + timedelta(minutes=10)
    # The last of them are not held by the fast one but by their own time.
    assert [one.offset for one in passing(lane_of_three, until)] == list(range(28))


@given(st.lists(st.lists(st.integers(0, 500), max_size=30), min_size=1, max_size=4))
def test_everything_passes_once_and_in_order(minutes: list[list[int]]) -> None:
    lanes = [lane(*these) for these in minutes]
    passed: list[list[int]] = [[] for _ in lanes]
    while (until := horizon(lanes, [])) is not None:
        before = sum(map(len, passed))
        for number, one in enumerate(lanes):
            passed[number] += [one.offset for one in passing(one, until)]
        assert sum(map(len, passed)) > before
    assert passed == [list(range(len(these))) for these in minutes]


def test_a_lane_that_read_all_there_was_is_behind_until_its_end_is_as_fresh_as_what_waits() -> None:
    early, late = Lane(5), lane(0, 420)
    late.fetched_ms = 2_000
    lanes = [early, late]
    assert is_behind(early, None, lanes)
    assert is_behind(early, LogEnd(6, 3_000), lanes)
    # All of the five that there were a second before the other one was fetched: by now there may be hours more.
    assert is_behind(early, LogEnd(5, 1_000), lanes)
    assert not is_behind(early, LogEnd(5, 2_000), lanes)
    # What has passed is no reason to wait.
    list(passing(late, START + timedelta(hours=7)))
    assert not is_behind(early, LogEnd(5, 1_000), lanes)
