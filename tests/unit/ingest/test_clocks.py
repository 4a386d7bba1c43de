"""A network's time is that of a majority, however the log is cut and whoever takes it up."""

from collections.abc import Sequence
from math import inf
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.clocks import HOUR_MS, NOBODY, NetworkClocks, Rounds
from shared.events.records import SensorId
from tests.chaos.watermark import NaiveTime

EXPECTED = tuple(SensorId(f"s{number}") for number in range(5))
OTHERS = (SensorId("x"), SensorId("y"))
ROUND = 6
WINDOW_MS = 300_000

Readings = Sequence[tuple[SensorId, int]]
READINGS = st.lists(st.tuples(st.sampled_from(EXPECTED + OTHERS), st.integers(0, 4 * HOUR_MS)), max_size=120)


def clocks(rounds: Rounds | None = None, expected: Sequence[SensorId] = EXPECTED) -> NetworkClocks:
    return NetworkClocks(expected, 60_000, ROUND, WINDOW_MS, rounds)


@given(READINGS, st.sampled_from(((), EXPECTED, EXPECTED[:2])))
def test_the_time_is_that_of_a_naive_model(readings: Readings, expected: Sequence[SensorId]) -> None:
    subject, naive, high = clocks(expected=expected), NaiveTime(expected, ROUND), -inf
    for offset, (sensor, stamp) in enumerate(readings):
        high = max(high, subject.take(sensor, stamp, offset))
        assert high == naive.take(sensor, stamp)


@given(st.integers(10, 150), st.integers(2, 7), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_who_takes_a_partition_up_knows_the_same(length: int, speaking: int, chance: Random) -> None:
    """Cut anywhere, as often as you like, also while the readings before are recalled."""
    spoken = [*EXPECTED, *OTHERS][:speaking]
    readings = [(chance.choice(spoken), chance.randrange(4 * HOUR_MS)) for _ in range(length)]
    undisturbed, subject = clocks(), clocks()
    times = [undisturbed.take(sensor, stamp, 3 * number) for number, (sensor, stamp) in enumerate(readings)]
    number, through, cuts = 0, 0, 8
    while number < length:
        sensor, stamp = readings[number]
        if number < through:
            subject.recall(sensor, stamp, 3 * number)
        else:
            assert subject.take(sensor, stamp, 3 * number) == times[number]
        number += 1
        if cuts and chance.random() < 0.1:
            cuts -= 1
            through = max(through, number)
            rounds = subject.rounds(3 * through)
            subject = clocks(rounds)
            number = chance.randint(0, -(-rounds.first_offset // 3) if rounds else number)


def test_the_first_to_speak_are_no_majority() -> None:
    subject = clocks()
    assert subject.take(EXPECTED[0], 10, 0) == -inf
    assert subject.take(EXPECTED[0], 20, 1) == -inf
    assert subject.take(EXPECTED[1], 30, 2) == -inf
    assert subject.heard_ms == 20
    assert subject.take(EXPECTED[2], 40, 3) == 20


def test_of_two_the_lower_counts_unless_it_lives_on_another_day() -> None:
    subject = clocks(expected=())
    subject.take(EXPECTED[0], 0, 0)
    assert subject.take(EXPECTED[1], HOUR_MS, 1) == 0
    assert subject.take(EXPECTED[1], HOUR_MS + 1, 2) == HOUR_MS + 1


def test_nothing_is_to_be_read_again_before_the_first_reading() -> None:
    assert clocks().rounds(7) is None
    subject = clocks()
    subject.take(EXPECTED[0], 10, 7)
    assert subject.rounds(8) == Rounds(NOBODY, 7)


@given(st.integers(1, 40), st.sampled_from((0, 100, WINDOW_MS)))
@settings(deadline=None)
def test_neither_a_flood_nor_a_message_sent_again_makes_others_dead(flood: int, pace_ms: int) -> None:
    """One of five is 50 minutes fast and sends as many readings as it likes while the others speak once a window."""
    subject, fast, honest = clocks(), EXPECTED[0], EXPECTED[1:]
    offset = 0
    for window in range(24):
        now = window * WINDOW_MS
        for number in range(flood * 10):
            # What is not believed of a time: it is bound by the log's.
            assert subject.take(fast, now + 50 * 60_000 + min(number * pace_ms, WINDOW_MS - 1), offset) <= now
            offset += 1
        for sensor in honest:
            assert subject.take(sensor, now, offset) <= now
            offset += 1
    assert subject.take(honest[0], 24 * WINDOW_MS, offset) == 23 * WINDOW_MS
