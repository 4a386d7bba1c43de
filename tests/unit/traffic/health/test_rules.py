"""When a sensor is not believed, and when it is again."""

from datetime import timedelta

import numpy as np
import pytest

from shared.traffic.arrays import Floats
from shared.traffic.health.rules import Belief, Doubt, HealthJudge, HealthRules, SensorHealth, WindowReadings
from shared.traffic.neighbours import Neighbours

COUNT = 3
LANES = np.full(COUNT, 4.0)
JUDGE = HealthJudge(HealthRules(), LANES)
NAN = float("nan")
ROW = Neighbours(np.array([[1, 2, -1], [2, -1, -1]]), np.array([[-1, 0, 1], [-1, -1, 0]]))
"""Three sensors one after the other, upstream first."""


def readings(speed: float, occupancy: float, volume: float) -> WindowReadings:
    return WindowReadings(np.full(COUNT, speed), np.full(COUNT, occupancy), np.full(COUNT, volume))


@pytest.mark.parametrize(
    ("speed", "occupancy", "volume", "doubt"),
    [
        (3.0, 0.05, 800.0, Doubt.DISAGREEING),
        (120.0, 0.05, 100.0, Doubt.IMPOSSIBLE),
        (60.0, 0.8, 100.0, Doubt.DISAGREEING),
        (60.0, 1.2, 100.0, Doubt.IMPOSSIBLE),
        (60.0, 0.1, 5000.0, Doubt.IMPOSSIBLE),
        (12.0, 0.9, 320.0, Doubt.DISAGREEING),
    ],
    ids=[
        "standstill with full flow",
        "too fast",
        "free but covered",
        "occupancy above one",
        "too many vehicles",
        "a covered loop that counts as many as its neighbours",
    ],
)
def test_a_bad_sensor_is_not_believed(speed: float, occupancy: float, volume: float, doubt: Doubt) -> None:
    belief, health = JUDGE.step(readings(speed, occupancy, volume), SensorHealth.unknown(COUNT))
    assert not belief.believed.any()
    assert set(belief.reason.tolist()) == {doubt}
    fine = readings(60.0, 0.08, 300.0)
    belief, health = JUDGE.step(fine, health)
    assert set(belief.reason.tolist()) == {Doubt.PROBATION}
    for _ in range(HealthRules().probation_windows):
        belief, health = JUDGE.step(fine, health)
    assert belief.believed.all()


@pytest.mark.parametrize(("occupancy", "volume"), [(0.35, 400.0), (0.6, 350.0), (0.75, 120.0), (0.25, 550.0)])
def test_a_queue_is_believed_however_dense(occupancy: float, volume: float) -> None:
    belief, _ = JUDGE.step(readings(10.0, occupancy, volume), SensorHealth.unknown(COUNT))
    assert belief.believed.all()


def test_vehicles_are_counted_by_the_minute_whatever_the_window() -> None:
    full = readings(60.0, 0.1, 3 * 4 * 150.0)
    assert not JUDGE.step(full, SensorHealth.unknown(COUNT))[0].believed.any()
    quarter = HealthJudge(HealthRules(), LANES, window=timedelta(minutes=15))
    assert quarter.step(full, SensorHealth.unknown(COUNT))[0].believed.all()


def judged(speeds_mph: Floats, judge: HealthJudge) -> tuple[list[Belief], SensorHealth]:
    """Beliefs of windows (windows, sensors), one after the other."""
    health, found = SensorHealth.unknown(speeds_mph.shape[1]), []
    for speeds in speeds_mph:
        belief, health = judge.step(WindowReadings.of_speeds(speeds), health)
        found.append(belief)
    return found, health


def believed(*speeds_mph: float) -> list[bool]:
    """Whether one sensor is believed, window after window; no speed says that it was silent."""
    beliefs, _ = judged(np.array(speeds_mph)[:, None], HealthJudge(HealthRules(), np.array([4.0])))
    return [bool(one.believed[0]) for one in beliefs]


def test_a_sensor_that_repeats_itself_is_stuck_at_whatever_speed() -> None:
    assert believed(40, 41, *[25.0] * 6) == [True] * 7 + [False]
    assert believed(68, 64, *[65.0] * 12)[-1] is False
    assert all(believed(68, 64, *[65.0] * 9))


def test_silence_in_between_does_not_end_a_run() -> None:
    assert believed(40, 25.0, 25.0, NAN, 25.0, 25.0, NAN, 25.0, 25.0)[-1] is False


def test_half_an_hour_of_silence_is_dead() -> None:
    assert believed(64.0, *[NAN] * 6) == [True] * 6 + [False]


def test_believed_again_after_good_windows() -> None:
    rules = HealthRules()
    after = believed(*[NAN] * rules.dead_windows, *(60.0 + n for n in range(4)))
    assert after[-4:] == [False] * rules.probation_windows + [True] * (4 - rules.probation_windows)


def test_where_a_feed_is_cut_off_a_good_sensor_may_repeat_itself_for_hours() -> None:
    chance = np.random.default_rng(1)
    day = np.concatenate([chance.normal(62, 3, 150), np.full(61, 70.0), chance.normal(60, 4, 77)])
    speeds = np.minimum(np.tile(day, 20), 70.0)[:, None]
    beliefs, health = judged(speeds, HealthJudge(HealthRules(), np.array([4.0])))
    assert all(one.believed.all() for one in beliefs)
    # And is found out nonetheless where it repeats what is not its highest speed.
    for number in range(8):
        belief, health = HealthJudge(HealthRules(), np.array([4.0])).step(
            WindowReadings.of_speeds(np.array([65.0])), health
        )
        assert belief.believed[0] == (number < 5)


def test_how_often_a_sensor_repeats_itself_is_learned() -> None:
    """A feed of whole miles per hour repeats itself often: what was a fault of another feed is none of this one."""
    chance = np.random.default_rng(2)
    whole = np.round(chance.normal(64, 0.7, (4000, COUNT)))
    beliefs, health = judged(whole, JUDGE)
    assert np.mean([one.believed for one in beliefs]) > 0.999
    assert (health.repeats_free > 0.2).all()


@pytest.mark.parametrize("noise", [0.0, 3.0])
def test_slow_between_two_close_neighbours_that_flow_is_no_queue(noise: float) -> None:
    close = HealthJudge(HealthRules(), LANES, ROW)
    chance = np.random.default_rng(3)
    speeds = np.array([60.0, 12.0, 58.0]) + chance.normal(0, max(noise, 0.2), (8, COUNT))
    beliefs, _ = judged(speeds, close)
    assert [one.reason.tolist() for one in beliefs][-1] == [0, Doubt.APART, 0]
    assert all(one.believed.all() for one in beliefs[: HealthRules().apart_windows - 1])
    # A queue reaches a neighbour.
    beliefs, _ = judged(speeds * np.array([0.3, 1.0, 1.0]), close)
    assert all(one.believed.all() for one in beliefs)


def test_where_fewer_vehicles_pass_traffic_is_held_up() -> None:
    close, health = HealthJudge(HealthRules(), LANES, ROW), SensorHealth.unknown(COUNT)
    chance = np.random.default_rng(4)
    for _ in range(12):
        speeds = np.array([60.0, 12.0, 58.0]) + chance.normal(0, 1, COUNT)
        volumes = np.array([400.0, 150.0, 380.0])
        belief, health = close.step(WindowReadings(speeds, np.full(COUNT, NAN), volumes), health)
        assert belief.believed.all()
