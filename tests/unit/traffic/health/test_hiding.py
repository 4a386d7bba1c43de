"""What of its last readings a forecast does not see."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.traffic.arrays import Floats
from shared.traffic.health.hiding import hidden, without_doubted
from shared.traffic.health.rules import Doubt, HealthJudge, HealthRules, Reasons, SensorHealth, WindowReadings

NAN = float("nan")
LEAST = HealthRules().least_repeated


def history(*speeds: float) -> tuple[Floats, Reasons]:
    """The speeds of one sensor and what was wrong with each when it came: (1, windows, 1)."""
    judge, health, doubts = HealthJudge(HealthRules(), np.ones(1)), SensorHealth.unknown(1), []
    for speed in speeds:
        belief, health = judge.step(WindowReadings.of_speeds(np.array([speed])), health)
        doubts.append(belief.doubt)
    return np.array(speeds)[None, :, None], np.stack(doubts)[None]


def told(*speeds: float) -> list[bool]:
    found: list[bool] = hidden(*history(*speeds))[0, :, 0].tolist()
    return found


def test_what_led_to_a_doubt_is_hidden_with_it() -> None:
    assert told(40, 41, *[37.0] * 6) == [False] * 2 + [True] * 6
    assert told(40, 41, *[37.0] * 5) == [False] * 7
    assert told(40, *[37.0] * 6, 41, 42) == [False] + [True] * 6 + [False] * 2


def test_a_missing_window_ends_no_run() -> None:
    assert [told(36, 37, NAN, 37, 37, 37, NAN, 37, 37)[at] for at in (0, 1, 3, 4, 5, 7, 8)] == [False] + [True] * 6
    assert not any(told(37, 37, 37, NAN, 38, 37, 37, 37))


def test_other_doubts_hide_their_own_reading_alone() -> None:
    speeds, doubts = history(40, 40, 101, 40, 41)
    assert doubts[0, 2, 0] == Doubt.IMPOSSIBLE
    assert hidden(speeds, doubts)[0, :, 0].tolist() == [False, False, True, False, False]


def test_what_is_not_doubted_is_not_copied() -> None:
    speeds = np.arange(12.0)[None, :, None]
    assert without_doubted(speeds, None) is speeds
    assert without_doubted(speeds, np.zeros(speeds.shape, np.int8)) is speeds


@given(st.lists(st.sampled_from([30.0, 31.0, NAN]), min_size=1, max_size=24))
def test_it_is_the_runs_of_equal_readings(speeds: list[float]) -> None:
    heard = [(place, speed) for place, speed in enumerate(speeds) if speed == speed]  # noqa: PLR0124 - NaN
    expected = [False] * len(speeds)
    first = 0
    for end in range(1, len(heard) + 1):
        if end == len(heard) or heard[end][1] != heard[first][1]:
            if end - first >= LEAST:
                for place, _ in heard[first:end]:
                    expected[place] = True
            first = end
    found = told(*speeds)
    assert [found[place] for place, _ in heard] == [expected[place] for place, _ in heard]
