"""Ground truth, alarms and rates on cases whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.lab.incidents.alarms import Alarm, find_alarms
from metrla.lab.incidents.bootstrap import DrawnDays
from metrla.lab.incidents.scores import (
    Curve,
    Judged,
    Score,
    chance,
    detects,
    lead_interval,
    score,
    tally,
    verdicts,
)
from metrla.lab.incidents.truth import (
    LoggedIncident,
    Roadside,
    Truth,
    find_truth,
    incident_free,
    moved,
    moved_day,
    usual_speeds,
)
from shared.traffic.roadway import roadway
from tests.kit.networks import UTC_ZONE, along, network_of

NAN = float("nan")
STATIONS = 6
WINDOWS = 60
LINE = along("I-1 N", [str(n) for n in range(STATIONS)], degrees_per_mile=0.01, lane_count=4)
NETWORK = network_of(*LINE, network_id="line", time_zone=UTC_ZONE)
ROAD = roadway(NETWORK)


def alarming(*cells: tuple[int, int]) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
    flags = np.zeros((WINDOWS, STATIONS), np.bool_)
    for window, sensor in cells:
        flags[window, sensor] = True
    return flags


def test_neighbours_that_alarm_together_are_one_alarm() -> None:
    assert find_alarms(ROAD, alarming((5, 2), (5, 3), (6, 1), (6, 2))) == [Alarm(5, (2, 3))]


def test_alarms_far_apart_are_two() -> None:
    assert find_alarms(ROAD, alarming((5, 0), (5, 4))) == [Alarm(5, (0,)), Alarm(5, (4,))]


@pytest.mark.parametrize(("again", "alarms"), [(7, 1), (9, 1), (10, 2)])
def test_an_alarm_that_comes_back_soon_is_the_same(again: int, alarms: int) -> None:
    assert len(find_alarms(ROAD, alarming((5, 2), (again, 2)))) == alarms


@given(st.lists(st.tuples(st.integers(0, WINDOWS - 1), st.integers(0, STATIONS - 1)), max_size=40))
def test_alarms_begin_where_evidence_begins(cells: list[tuple[int, int]]) -> None:
    flags = alarming(*cells)
    alarms = find_alarms(ROAD, flags)
    assert bool(alarms) == flags.any()
    assert [alarm.window for alarm in alarms] == sorted(alarm.window for alarm in alarms)
    for alarm in alarms:
        assert flags[alarm.window, list(alarm.positions)].all()


def test_the_usual_speed_leaves_its_own_day_out() -> None:
    speed = np.full((3 * 4, 1), 60.0)
    speed[:4] = 20.0
    day, slot = np.divmod(np.arange(12), 4)
    usual = usual_speeds(speed, day, slot, np.zeros(3, np.bool_))
    assert usual[:4, 0].tolist() == [60.0] * 4
    assert usual[4:, 0].tolist() == [40.0] * 8


USUAL = 65.0


def scene_of(drops: dict[int, range], half_miles: float = 0.0) -> Roadside:
    """Six sensors a mile apart, 65 mph but for these windows at 30: a mile there takes a minute longer than usual."""
    usual = np.full((WINDOWS, STATIONS), USUAL)
    speed = usual.copy()
    for sensor, windows in drops.items():
        speed[list(windows), sensor] = 30.0
    return Roadside(ROAD, speed, usual, 5.0, np.full(STATIONS, half_miles))


def felt(drops: dict[int, range], *rows: LoggedIncident) -> Truth:
    return find_truth(scene_of(drops), rows)


def crash(minutes: float, mile: float = 3.2, road: str = "I-1 N", *, derived: bool = False) -> LoggedIncident:
    return LoggedIncident(road, mile, minutes, 30.0, derived=derived)


@pytest.mark.parametrize(
    ("row", "drops", "disturbances"),
    [
        (crash(100), {3: range(21, 25)}, 1),
        (crash(100), {3: range(17, 25)}, 1),
        (crash(100), {3: range(16, 25)}, 0),
        (crash(100), {3: range(29, 33)}, 1),
        (crash(100), {3: range(30, 33)}, 0),
        (crash(100), {3: range(21, 22)}, 0),
        (crash(100), {0: range(21, 25)}, 0),
        (crash(100), {4: range(21, 25)}, 0),
        (crash(100, road="I-2 N"), {3: range(21, 25)}, 0),
    ],
    ids=[
        "soon after",
        "fifteen minutes before",
        "earlier still",
        "within three quarters of an hour",
        "later",
        "one window",
        "too far upstream",
        "too far downstream",
        "another road",
    ],
)
def test_what_is_felt(row: LoggedIncident, drops: dict[int, range], disturbances: int) -> None:
    assert len(felt(drops, row).disturbances) == disturbances


def test_felt_is_delay_of_the_whole_way_past() -> None:
    """Twenty mph less at one place delays nobody by half a minute; at two places it does."""
    scene = scene_of({})
    for slowed, there in (([3], 0), ([2, 3], 1)):
        speed = scene.speed_mph.copy()
        speed[21:25, slowed] = USUAL - 20
        assert len(find_truth(replace(scene, speed_mph=speed), [crash(100)]).disturbances) == there


def test_a_disturbance_ends_with_its_delay_or_with_its_log_entry() -> None:
    (short,), (long,) = (felt({3: range(21, end)}, crash(100)).disturbances for end in (24, 40))
    assert (short.onset_window, short.end_minutes) == (21, 130.0)
    assert (long.onset_window, long.end_minutes) == (21, 200.0)


def test_one_crash_logged_twice_is_one_disturbance() -> None:
    truth = felt({3: range(21, 30)}, crash(100), crash(110, 3.4))
    assert (truth.rows_felt, len(truth.disturbances)) == (2, 1)
    assert truth.disturbances[0].start_minutes == 100


def test_rows_made_from_speeds_are_counted_apart() -> None:
    truth = felt({3: range(21, 30)}, crash(100, derived=True))
    assert (truth.rows, truth.disturbances, len(truth.derived)) == (0, (), 1)


def test_a_section_watches_every_place_in_it() -> None:
    places, sections = scene_of({}), scene_of({}, half_miles=3.0)
    assert places.watching("I-1 N", 5.9, 0.5, 0.5).tolist() == []
    assert sections.watching("I-1 N", 5.9, 0.5, 0.5).tolist() == [3, 4, 5]
    assert sections.usual_minutes[0, 0] == pytest.approx(6 * 60 / USUAL)


def test_nothing_near_an_incident_is_free_of_incidents() -> None:
    free = incident_free(scene_of({}), [crash(150, 0.0)])
    assert free[:24].all()
    assert not free[24:54, :4].any()
    assert free[:, 4:].all()
    assert free[55:].all()


def test_a_log_is_moved_to_days_of_the_same_kind() -> None:
    weekend = np.array([False, True, False, True, False])
    moves = [[moved_day(day, by, weekend, 0, 5) for day in range(5)] for by in (1, 2, 3)]
    assert moves == [[2, 3, 4, 1, 0], [4, 3, 0, 1, 2], [2, 3, 4, 1, 0]]
    assert [moved_day(1, by, weekend, 0, 3) for by in (1, 2)] == [2, 0]
    (row,) = moved([crash(100), crash(100 + 1440)], 1, weekend, 0, 1)
    assert row.start_minutes == 100


def judged(drops: dict[int, range], *rows: LoggedIncident) -> Judged:
    """Five hours count as a day here."""
    scene = scene_of(drops)
    return Judged(scene, rows, find_truth(scene, rows), 0, 1)


def test_alarms_are_held_against_disturbances() -> None:
    """Of two alarms in one queue the first is the detection, the other is explained by the same disturbance."""
    case = judged({3: range(21, 30), 0: range(50, 54)}, crash(100), crash(20, 0.0))
    alarms = [Alarm(5, (0,)), Alarm(22, (3,)), Alarm(33, (1,)), Alarm(40, (5,)), Alarm(50, (0,))]
    found = tally(case, alarms)
    assert found.detected.tolist() == [True]
    assert found.minutes.tolist() == [10.0]
    assert [verdict.value for verdict in verdicts(case, found)] == [
        *("logged", "detection", "explained", "nothing", "unlogged_delay")
    ]


def test_an_alarm_counts_from_ten_minutes_before_the_onset_to_forty_five_after() -> None:
    case = judged({3: range(21, 30)}, crash(100))
    one = case.truth.disturbances[0]
    told = [window for window in range(WINDOWS) if detects(Alarm(window, (3,)), one, 5.0)]
    assert told == list(range(18, 30))
    assert not detects(Alarm(22, (5,)), one, 5.0)


def test_scores_have_intervals_over_days() -> None:
    scene = scene_of({3: range(21, 30)})
    days = 4
    speed, usual = (
        np.tile(np.pad(values, ((0, 288 - WINDOWS), (0, 0)), constant_values=USUAL), (days, 1))
        for values in (scene.speed_mph, scene.usual_mph)
    )
    scene = Roadside(ROAD, speed, usual, 5.0, scene.half_miles)
    log = tuple(crash(100 + day * 1440) for day in range(days))
    case = Judged(scene, log, find_truth(scene, log), 0, days)
    alarms = [Alarm(22, (3,)), Alarm(22 + 288, (3,)), Alarm(200, (5,))]
    drawn = DrawnDays(days)
    one = score(case, tally(case, alarms), drawn)
    assert (one.disturbances, one.detected, one.alarms, one.false_alarms) == (4, 2, 3, 1)
    assert one.sensor_days == days * STATIONS
    assert one.false_alarms_per_100_sensor_days == pytest.approx(100 / 24)
    assert (one.median_minutes, one.median_minutes_interval, one.median_minutes_from_log) == (10.0, (10.0, 10.0), 15.0)
    assert one.detected_share_interval is not None
    low, high = one.detected_share_interval
    assert low <= 0.25
    assert high >= 0.75
    assert lead_interval(case, tally(case, alarms), tally(case, []), drawn) == one.detected_share_interval
    weekdays = np.zeros(days, np.bool_)
    shifted = [find_truth(scene, moved(log, by, weekdays, 0, days)) for by in (1, 2, 3)]
    # Each day has its crash, so the moved log is felt as often, and chance explains all of it.
    luck = chance(case, alarms, shifted, [truth.disturbances for truth in shifted], drawn)
    assert (luck.felt, luck.felt_by_chance, luck.corrected_share) == (4, 4.0, None)
    assert luck.placebo_share == pytest.approx(0.5)


def test_chance_is_taken_off() -> None:
    """Three of four disturbances are true, one would be felt on any day; alarms find two of them, none by chance."""
    case = judged({3: range(21, 30)}, crash(100))
    nothing = Truth((), (), 1, 0)
    luck = chance(case, [Alarm(22, (3,))], [nothing, nothing], [[]], DrawnDays(1))
    assert (luck.felt_by_chance, luck.detected_by_chance, luck.corrected_share) == (0.0, 0.0, 1.0)


def scored(detected: int, false_alarms: float) -> Score:
    return Score(10, detected, 0, 0, 1.0, detected / 10, None, false_alarms, None, 5.0, None, 5.0)


def test_a_curve_is_read_at_a_rate_of_false_alarms() -> None:
    curve = Curve("a", (1.0, 2.0, 3.0), (scored(8, 20.0), scored(5, 4.0), scored(2, 1.0)))
    assert [curve.at_false_alarms(rate) for rate in (0.5, 1.0, 5.0, 50.0)] == [None, 2, 1, 0]
