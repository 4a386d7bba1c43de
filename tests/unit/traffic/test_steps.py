from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.events.records import NetworkId, ProcessedTrafficAggregate
from shared.traffic.network import Network
from shared.traffic.steps import LATER, NetworkSteps, Step
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

MakeWindow = Callable[..., ProcessedTrafficAggregate]

HISTORY, CORRECTABLE, SETTLE = 3, 4, 2.0


def make_steps(network: Network) -> NetworkSteps:
    return NetworkSteps(network, history=HISTORY, correctable=CORRECTABLE, settle_seconds=SETTLE, expected_within=3)


def feed(steps: NetworkSteps, windows: Iterable[ProcessedTrafficAggregate], now: float = 0.0) -> list[Step]:
    return [due for arrived in windows for due in steps.add(arrived, now)]


def whole(window: MakeWindow, *numbers: int) -> list[ProcessedTrafficAggregate]:
    return [window(sensor, number) for number in numbers for sensor in "ABC"]


def test_a_step_is_due_with_the_last_window_expected(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0))
    (first,) = steps.add(window("A", 1), 0.0)
    assert first.delivered == 3
    assert not first.again
    assert steps.add(window("B", 1), 0.0) == []
    (second,) = steps.add(window("C", 1), 0.0)
    assert second.window_start == window("C", 1).window_start
    assert second.window_end == window("C", 1).window_end
    assert second.revision == 6
    np.testing.assert_array_equal(second.revisions, [[0, 0, 0], [1, 1, 1], [1, 1, 1]])


def test_a_step_is_due_when_most_are_well_past_it(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1))
    assert feed(steps, [window(sensor, number) for number in (2, 3) for sensor in "AB"]) == []
    assert steps.add(window("A", 4), 0.0) == []
    (due,) = steps.add(window("B", 4), 0.0)
    assert due.window_start == window("A", 2).window_start
    assert due.delivered == 2
    assert np.isnan(due.speed_mph[-1, 2])


def test_who_delivers_a_later_window_is_not_waited_for(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1))
    feed(steps, [window("A", 2), window("B", 2), window("A", 3), window("B", 3)])
    two, three = steps.add(window("C", 3), 0.0)
    assert [two.delivered, three.delivered] == [2, 3]


@given(
    ahead=st.integers(1, 3),
    order=st.lists(st.permutations("BCDEFG"), min_size=6, max_size=6),
)
def test_a_fast_clock_makes_nobody_late(ahead: int, order: list[list[str]]) -> None:
    """Its windows come before the others' of the same time; every step has all of them all the same."""
    seven = network_of(*along("I-10 E", "ABCDEFG"), network_id=NetworkId("seven"))
    steps = NetworkSteps(seven, history=HISTORY, correctable=CORRECTABLE, settle_seconds=SETTLE)
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def made(sensor: str, number: int) -> ProcessedTrafficAggregate:
        return processed_window(seven.network_id, sensor, start + number * seven.window)

    feed(steps, [made(sensor, 0) for sensor in "ABCDEFG"])
    feed(steps, [made("A", number) for number in range(1, 1 + ahead)])
    due: list[Step] = []
    for number, others in enumerate(order, 1):
        due += feed(steps, [made("A", number + ahead), *(made(sensor, number) for sensor in others)])
    first = [step for step in due if not step.again and step.window_start > start]
    assert [step.window_start for step in first] == [
        start + number * seven.window for number in range(1, len(order) + 1)
    ]
    assert [step.delivered for step in first[1:]] == [7] * (len(first) - 1)


@given(st.data())
def test_partitions_that_are_read_unevenly_leave_no_step_incomplete(data: st.DataObject) -> None:
    """Windows of one partition come in order, and no partition is `LATER` windows ahead of another."""
    six = network_of(*along("I-10 E", "ABCDEF"), network_id=NetworkId("six"))
    steps = NetworkSteps(six, history=HISTORY, correctable=CORRECTABLE, settle_seconds=SETTLE, expected_within=3)
    start = datetime(2026, 3, 1, 12, tzinfo=UTC)
    partitions, last = ("AB", "CD", "EF"), 8
    at = dict.fromkeys(partitions, 1)
    due = feed(steps, [processed_window(six.network_id, sensor, start) for sensor in "ABCDEF"])
    while min(at.values()) <= last:
        able = [
            one
            for one in partitions
            if at[one] <= last and at[one] - min(at.values()) < LATER - 1 + (at[one] == min(at.values()))
        ]
        one = data.draw(st.sampled_from(able))
        due += feed(steps, [processed_window(six.network_id, sensor, start + at[one] * six.window) for sensor in one])
        at[one] += 1
    assert [(step.window_start, step.delivered, step.again) for step in due] == [
        (start + number * six.window, 6, False) for number in range(last + 1)
    ]


def test_a_silent_sensor_holds_up_only_until_the_step_settles(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1))
    feed(steps, [window("A", 2)], now=10.0)
    feed(steps, [window("B", 2)], now=11.0)
    assert steps.tick(12.0) == []
    (due,) = steps.tick(13.0)
    assert due.delivered == 2
    assert steps.tick(20.0) == []


def test_windows_that_trickle_in_do_not_hold_a_step_up_for_ever(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1))
    due: list[Step] = []
    for second in range(1, 12):
        feed(steps, [window("A", 2, revision=second)], now=float(second))
        due += steps.tick(float(second))
    assert len(due) == 1


def test_a_sensor_silent_for_long_is_no_longer_expected(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0))
    feed(steps, [window(sensor, number) for number in (1, 2, 3) for sensor in "AB"])
    steps.tick(SETTLE)
    assert steps.add(window("A", 4), 10.0) == []
    (due,) = steps.add(window("B", 4), 10.0)
    assert due.delivered == 2


def test_a_revision_makes_its_step_and_the_later_ones_that_show_it_due_again(
    network: Network, window: MakeWindow
) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1, 2, 3, 4))
    assert steps.add(window("B", 1, revision=2, speed_mph=20.0), 5.0) == []
    again = steps.tick(5.0 + SETTLE)
    assert [step.window_start for step in again] == [window("B", number).window_start for number in (1, 2, 3)]
    assert all(step.again and 20.0 in step.speed_mph for step in again)
    assert steps.tick(100.0) == []


def test_duplicates_make_nothing_due(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1))
    steps.tick(SETTLE)
    assert feed(steps, whole(window, 0, 1), now=5.0) == []
    assert steps.tick(100.0) == []
    assert steps.ignored.unchanged == 6


def test_a_window_beyond_what_can_be_corrected_is_counted(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1))
    feed(steps, whole(window, 10))
    steps.tick(SETTLE)
    assert feed(steps, [window("A", 2)], now=5.0) == []
    assert steps.tick(100.0) == []
    assert steps.ignored.too_old == 1


def test_a_jump_hands_out_what_waits_and_starts_with_a_gap(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    feed(steps, whole(window, 0, 1))
    steps.add(window("A", 0, revision=2), 1.0)
    due = steps.add(window("A", 5000), 1.0)
    assert [step.again for step in due] == [True, True]
    (fresh,) = steps.tick(10.0)
    assert np.count_nonzero(fresh.revisions) == 1


def test_after_a_rebuild_whatever_may_have_been_lost_is_due(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    steps.rebuild([*whole(window, *range(20)), window("A", 20)], now=0.0)
    assert steps.waiting == CORRECTABLE + 1
    feed(steps, [window("B", 20)])
    (newest,) = feed(steps, [window("C", 20)])
    assert newest.delivered == 3
    redone = steps.tick(SETTLE)
    assert [step.window_start for step in redone] == [window("A", n).window_start for n in range(16, 20)]
    assert all((step.revisions == 1).all() for step in redone)


def test_rebuilding_from_nothing_is_an_empty_start(network: Network) -> None:
    steps = make_steps(network)
    steps.rebuild([], now=0.0)
    assert steps.tick(100.0) == []


Arrivals = st.lists(
    st.tuples(st.sampled_from("ABC"), st.integers(0, 14), st.integers(1, 3), st.floats(0.0, 5.0)),
    min_size=1,
    max_size=60,
)


@given(arrivals=Arrivals)
def test_every_step_with_data_is_handed_out_and_at_last_with_all_that_came(
    network: Network, window: MakeWindow, arrivals: list[tuple[str, int, int, float]]
) -> None:
    steps = make_steps(network)
    truth: dict[tuple[int, str], int] = {}
    last: dict[object, Step] = {}
    now, newest = 0.0, -1
    for sensor, number, revision, pause in arrivals:
        now += pause
        newest = max(newest, number)
        if number >= newest - CORRECTABLE:
            truth[number, sensor] = max(revision, truth.get((number, sensor), 0))
        for due in [*steps.add(window(sensor, number, revision=revision), now), *steps.tick(now)]:
            assert due.window_start not in last or due.revision > last[due.window_start].revision
            last[due.window_start] = due
    for due in steps.tick(now + 10 * SETTLE):
        last[due.window_start] = due
    assert steps.waiting == 0
    for number in {number for number, _ in truth}:
        step = last[window("A", number).window_start]
        for age in range(min(HISTORY, number + 1)):
            for column, sensor in enumerate("ABC"):
                assert step.revisions[HISTORY - 1 - age, column] == truth.get((number - age, sensor), 0)
    assert len(last) == len({number for number, _ in truth})


@given(arrivals=Arrivals, crash_at=st.integers(0, 59))
def test_a_crash_loses_no_step(
    network: Network, window: MakeWindow, arrivals: list[tuple[str, int, int, float]], crash_at: int
) -> None:
    windows = [window(sensor, number, revision=revision) for sensor, number, revision, _ in arrivals]
    crash_at = min(crash_at, len(windows))

    def run(*, crashes: bool) -> dict[object, int]:
        handed_out: dict[object, int] = {}
        steps, now = make_steps(network), 0.0
        for position, (arrived, (_, _, _, pause)) in enumerate(zip(windows, arrivals, strict=True)):
            if crashes and position == crash_at:
                steps = make_steps(network)
                steps.rebuild(windows[:crash_at], now)
            now += pause
            for due in [*steps.add(arrived, now), *steps.tick(now)]:
                handed_out[due.window_start] = max(due.revision, handed_out.get(due.window_start, 0))
        for due in steps.tick(now + 10 * SETTLE):
            handed_out[due.window_start] = max(due.revision, handed_out.get(due.window_start, 0))
        return handed_out

    assert run(crashes=True) == run(crashes=False)


def test_windows_that_were_missed_are_silent_steps_before_the_next(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    steps.most_silent = 4
    feed(steps, [*whole(window, 0), window("A", 1)])
    due = [*feed(steps, whole(window, 6)), *steps.tick(100.0)]
    assert [(one.window_start, one.silent, one.delivered) for one in due] == [
        (window("A", number).window_start, number not in {1, 6}, {1: 1, 6: 3}.get(number, 0)) for number in range(1, 7)
    ]
    # What came before is there for as long as it is part of the history.
    assert [int(one.revisions.sum()) for one in due] == [4, 4, 1, 0, 0, 3]
    assert np.isnan(due[3].speed_mph).all()
    assert not any(one.again for one in due)


def test_a_silence_that_is_too_long_is_none(network: Network, window: MakeWindow) -> None:
    steps = make_steps(network)
    steps.most_silent = 4
    feed(steps, whole(window, 0))
    due = [*feed(steps, whole(window, 6)), *steps.tick(100.0)]
    assert [one.silent for one in due] == [False, False]


def test_windows_that_come_after_all_make_their_step_the_first_time(network: Network, window: MakeWindow) -> None:
    """However long what was told of a silence goes ahead of them."""
    steps = make_steps(network)
    steps.most_silent = 100
    feed(steps, whole(window, 0, 1))
    number = steps.ring.number(window("A", 0).window_start)
    told = [*steps.silent_until(number + 20), *steps.silent_until(number + 20), *steps.silent_until(number + 3)]
    assert [steps.ring.number(one.window_start) - number for one in told] == list(range(2, 21))
    due = feed(steps, whole(window, *range(2, 23)))
    assert [(one.delivered, one.again) for one in due] == [(3, False)] * 21
    assert [one.window_start for one in due] == [window("A", number).window_start for number in range(2, 23)]
    assert steps.ignored.too_old == 0
    # A silence within it is not told twice.
    assert steps.silent_until(number + 20) == []
