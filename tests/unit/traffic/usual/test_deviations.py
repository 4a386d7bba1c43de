import numpy as np
import pytest

from shared.traffic.calendar import DAYS_IN_WEEK, HALF_HOURS
from shared.traffic.usual.deviations import PRIOR_WINDOWS, LearnedDeviations, learned_deviations

DAYS_RECORDED, SLOTS = 15, 288
WINDOWS, TRAIN = DAYS_RECORDED * SLOTS, 14 * SLOTS
TIMES, DAY = np.arange(WINDOWS) % SLOTS, np.arange(WINDOWS) // SLOTS % DAYS_IN_WEEK

WEEK = np.arange(DAYS_IN_WEEK * HALF_HOURS)


def learn(speed: np.ndarray, usual: np.ndarray) -> LearnedDeviations:
    return learned_deviations(speed, usual, np.full(speed.shape[1], 60.0), TIMES, DAY, TRAIN, SLOTS)


@pytest.fixture
def usual() -> np.ndarray:
    return np.full((WINDOWS, 2), 60.0)


@pytest.fixture
def speed(usual: np.ndarray) -> np.ndarray:
    """The first sensor is 30 mph slower on Fridays from 16:00 to 17:00."""
    speed = usual.copy()
    speed[(DAY == 4) & (TIMES // 12 == 16), 0] -= 30
    return speed


def test_what_one_day_of_the_week_does_is_known(speed: np.ndarray, usual: np.ndarray) -> None:
    table = learn(speed, usual).table.at(WEEK)
    friday, monday = (table[day * HALF_HOURS + 32, :, 0] for day in (4, 0))
    assert friday[2] == pytest.approx(-30 * 12 / (12 + PRIOR_WINDOWS), abs=0.5)
    assert abs(monday[2]) < 0.5
    assert friday[0] == pytest.approx(12 / 60, abs=0.04)
    assert friday[1] == pytest.approx(30 * 12 / 60, abs=1)
    assert np.abs(table[:, :, 1]).max() == 0


def test_a_recorded_window_is_seen_without_its_own_day(speed: np.ndarray, usual: np.ndarray) -> None:
    speed[(DAY == 4) & (TIMES // 12 == 16) & (np.arange(WINDOWS) >= 7 * SLOTS), 0] = 60.0
    learned = learn(speed, usual)
    slow, after = 4 * SLOTS + 16 * 12, 11 * SLOTS + 16 * 12
    assert learned.at(np.array([slow]))[0, 2, 0] == pytest.approx(0, abs=0.5)
    assert learned.at(np.array([after]))[0, 2, 0] == pytest.approx(-30 * 6 / (6 + PRIOR_WINDOWS), abs=0.5)


def test_windows_after_the_training_take_what_was_learned(speed: np.ndarray, usual: np.ndarray) -> None:
    learned = learn(speed, usual)
    windows = np.array([[TRAIN, TRAIN + 5], [TRAIN + 12 * 16, WINDOWS - 1]])
    found = learned.at(windows)
    assert found.shape == (2, 2, 3, 2)
    np.testing.assert_array_equal(found, learned.table.at(learned.place[windows]))


def test_windows_after_the_training_teach_nothing(speed: np.ndarray, usual: np.ndarray) -> None:
    other = speed.copy()
    other[TRAIN:] = 5.0
    np.testing.assert_array_equal(learn(other, usual).table.at(WEEK), learn(speed, usual).table.at(WEEK))


def test_a_dead_sensor_has_none(speed: np.ndarray, usual: np.ndarray) -> None:
    speed[:, 1] = np.nan
    learned = learn(speed, usual)
    assert np.isnan(learned.table.at(WEEK)[..., 1]).all()
    assert np.isfinite(learned.table.at(WEEK)[..., 0]).all()


def test_ahead_looks_past_midnight(speed: np.ndarray, usual: np.ndarray) -> None:
    deviations = learn(speed, usual).table
    found = deviations.ahead(np.array([287]), np.array([6]), SLOTS, (0, 1))
    np.testing.assert_array_equal(found[0], deviations.at(np.array([6 * HALF_HOURS + 47, 0])))
