"""When a sensor is not believed, and when it is again."""

import numpy as np
import pytest

from shared.traffic.health.rules import HealthRules, SensorHealth, judge

COUNT = 3
LANES = np.full(COUNT, 4.0)


@pytest.mark.parametrize(
    ("speed", "occupancy", "volume"),
    [
        (3.0, 0.05, 800.0),
        (120.0, 0.05, 100.0),
        (60.0, 0.8, 100.0),
        (60.0, 1.2, 100.0),
        (60.0, 0.1, 5000.0),
    ],
    ids=["standstill with full flow", "too fast", "free but covered", "occupancy above one", "too many vehicles"],
)
def test_a_bad_sensor_is_not_believed(speed: float, occupancy: float, volume: float) -> None:
    told = (np.full(COUNT, speed), np.full(COUNT, occupancy), np.full(COUNT, volume))
    good, health = judge(HealthRules(), LANES, *told, SensorHealth.unknown(COUNT))
    assert not good.any()
    fine = np.full(COUNT, 60.0), np.full(COUNT, 0.08), np.full(COUNT, 300.0)
    good, health = judge(HealthRules(), LANES, *fine, health)
    assert not good.any()
    for _ in range(HealthRules().probation_windows):
        good, health = judge(HealthRules(), LANES, *fine, health)
    assert good.all()


def believed(*speeds_mph: float) -> list[bool]:
    """Whether one sensor is believed, window after window; no speed says that it was silent."""
    health, unknown, found = SensorHealth.unknown(1), np.array([np.nan]), []
    for speed in speeds_mph:
        good, health = judge(HealthRules(), np.array([4.0]), np.array([speed]), unknown, unknown, health)
        found.append(bool(good[0]))
    return found


def test_an_hour_of_one_speed_is_stuck_even_in_free_flow() -> None:
    repeated = believed(64.0, *[65.0] * 14)
    assert repeated == [True] * 13 + [False] * 2


def test_half_an_hour_of_silence_is_dead() -> None:
    assert believed(64.0, *[np.nan] * 6) == [True] * 6 + [False]


def test_believed_again_after_good_windows() -> None:
    rules = HealthRules()
    after = believed(*[np.nan] * rules.dead_windows, *(60.0 + n for n in range(4)))
    assert after[-4:] == [False] * rules.probation_windows + [True] * (4 - rules.probation_windows)
