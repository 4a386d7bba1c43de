import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.events.quantities import FREE_FLOW_MPH
from shared.traffic.health.stuck import LEAST_REPEATED, stuck, without_stuck

NAN = float("nan")


def hidden(*speeds: float) -> list[bool]:
    found: list[bool] = stuck(np.array(speeds)[None, :, None])[0, :, 0].tolist()
    return found


def test_half_an_hour_of_one_speed_is_stuck() -> None:
    assert hidden(40, 41, *[37.0] * 6) == [False] * 2 + [True] * 6
    assert hidden(40, 41, *[37.0] * 5) == [False] * 7
    assert hidden(40, *[37.0] * 6, 41, 42) == [False] + [True] * 6 + [False] * 2


def test_a_missing_window_ends_no_row_and_is_none_of_it() -> None:
    assert hidden(37, NAN, 37, 37, 37, NAN, 37, 37) == [True, False, True, True, True, False, True, True]
    assert not any(hidden(37, 37, 37, NAN, 38, 37, 37, 37))
    assert not any(hidden(*[NAN] * 12))


def test_free_flow_may_stay_the_same() -> None:
    assert not any(hidden(*[FREE_FLOW_MPH] * 12))
    assert all(hidden(*[FREE_FLOW_MPH - 0.1] * 12))


def test_sensors_and_origins_are_told_apart() -> None:
    speeds = np.arange(2 * 12 * 3, dtype=float).reshape(2, 12, 3)
    speeds[1, :, 2] = 20.0
    without = without_stuck(speeds)
    assert np.argwhere(np.isnan(without))[:, [0, 2]].tolist() == [[1, 2]] * 12


def test_what_is_not_stuck_is_not_copied() -> None:
    speeds = np.arange(12.0)[None, :, None]
    assert without_stuck(speeds) is speeds


@given(st.lists(st.sampled_from([30.0, 31.0, 65.0, NAN]), min_size=1, max_size=24))
def test_it_is_the_rows_of_equal_readings(speeds: list[float]) -> None:
    heard = [(place, speed) for place, speed in enumerate(speeds) if speed == speed]  # noqa: PLR0124 - NaN
    expected = [False] * len(speeds)
    first = 0
    for end in range(1, len(heard) + 1):
        if end == len(heard) or heard[end][1] != heard[first][1]:
            if end - first >= LEAST_REPEATED and heard[first][1] < FREE_FLOW_MPH:
                for place, _ in heard[first:end]:
                    expected[place] = True
            first = end
    assert hidden(*speeds) == expected
