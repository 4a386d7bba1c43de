"""Ground truth, alarms and rates on cases whose answers are known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.data.simulation.scenario import Incident
from metrla.lab.incidents.alarms import Alarm, find_alarms
from metrla.lab.incidents.injection import disturbance_of, draw_incidents, inject
from metrla.lab.incidents.scores import Curve, Score, equal_detection, equal_false_alarms, judge_alarms, operating_level
from metrla.lab.incidents.truth import Disturbance, LoggedIncident, Truth, find_truth, usual_speeds
from shared.events.records import SensorId
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


def felt(drops: dict[int, range], *rows: LoggedIncident) -> Truth:
    usual = np.full((WINDOWS, STATIONS), 65.0)
    speed = usual.copy()
    for sensor, windows in drops.items():
        speed[list(windows), sensor] = 30.0
    return find_truth(ROAD, rows, speed, usual, 5.0)


def crash(minutes: float, mile: float = 3.2, road: str = "I-1 N") -> LoggedIncident:
    return LoggedIncident(road, mile, minutes, 30.0)


@pytest.mark.parametrize(
    ("row", "drops", "disturbances"),
    [
        (crash(100), {3: range(21, 25)}, 1),
        (crash(100), {3: range(17, 25)}, 1),
        (crash(100), {3: range(16, 25)}, 0),
        (crash(100), {3: range(28, 33)}, 1),
        (crash(100), {3: range(29, 33)}, 0),
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


def test_one_crash_logged_twice_is_one_disturbance() -> None:
    truth = felt({3: range(21, 30)}, crash(100), crash(110, 3.4))
    assert (truth.rows_felt, len(truth.disturbances)) == (2, 1)
    assert truth.disturbances[0].start_minutes == 100


def test_nothing_near_an_incident_is_free_of_incidents() -> None:
    free = felt({}, crash(150, 0.0)).incident_free
    assert free[:24].all()
    assert not free[24:54, :4].any()
    assert free[:, 4:].all()
    assert free[55:].all()


def test_rates_and_times() -> None:
    free = np.zeros((WINDOWS, STATIONS), np.bool_)
    free[:12] = True
    truth = Truth((Disturbance(frozenset({2, 3}), 100.0, 21), Disturbance(frozenset({5}), 200.0, 41)), free, 2, 2)
    alarms = [Alarm(3, (0,)), Alarm(22, (3,)), Alarm(30, (0,)), Alarm(43, (4,))]
    score = judge_alarms(alarms, truth, 0, WINDOWS, 5.0, STATIONS)
    assert (score.disturbances, score.detected, score.alarms, score.false_alarms) == (2, 1, 4, 1)
    assert score.station_hours == 6
    assert score.false_alarms_per_station_hour == pytest.approx(1 / 6)
    assert score.false_alarms_per_day == pytest.approx(24.0)
    assert (score.mean_minutes, score.median_minutes_from_onset) == (15.0, 10.0)


def scored(detected: int, false_alarms_per_day: float) -> Score:
    return Score(10, detected, 0, 0, 1.0, false_alarms_per_day, 5.0, 5.0, 5.0)


def test_curves_are_compared_at_equal_rates() -> None:
    curve = Curve("a", (1.0, 2.0, 3.0), (scored(8, 20.0), scored(5, 4.0), scored(2, 1.0)))
    assert equal_false_alarms([curve], [0.5, 1.0, 5.0, 50.0]) == {"a": [0.0, 0.2, 0.5, 0.8]}
    assert equal_detection([curve], [0.1, 0.5, 0.6, 0.9]) == {"a": [1.0, 4.0, 20.0, None]}
    assert operating_level(curve, 4.0) == 1
    assert operating_level(curve, 0.5) == 2


START = datetime(2012, 5, 2, 10, tzinfo=UTC)


def test_an_injected_queue_slows_what_is_upstream_and_only_that() -> None:
    recorded = np.full((48, STATIONS), 62.0)
    recorded[40, 0] = NAN
    begins = START + timedelta(hours=1)
    incident = Incident(SensorId("4"), begins, begins + timedelta(minutes=40), lanes_blocked=3)
    changed = inject(NETWORK, recorded, START, [incident], seed=1)
    assert (np.nan_to_num(changed) <= np.nan_to_num(recorded)).all()
    assert (changed[:12] == recorded[:12]).all()
    assert changed[13:20, 4].max() < 20
    assert (changed[:, 5] == recorded[:, 5]).all()
    assert np.isnan(changed[40, 0])


def test_injected_incidents_are_reproducible_and_watched() -> None:
    day = datetime(2012, 5, 2, 7, tzinfo=UTC)
    watched = np.ones((288 * 9, STATIONS), np.bool_)
    watched[:, 2] = False
    days = [day + timedelta(days=ahead) for ahead in range(8)]
    first, second = (draw_incidents(NETWORK, days, 8, np.random.default_rng(5), watched, day) for _ in range(2))
    assert first == second
    assert all(one.incident.sensor_id != "2" for one in first)
    assert {one.blocks_half for one in first if one.incident.lanes_blocked >= 2} <= {True}
    there = disturbance_of(ROAD, first[0].incident, day, 2.0, 0.5)
    assert NETWORK.index[first[0].incident.sensor_id] in there.positions


def test_more_incidents_than_fit_are_refused() -> None:
    day = datetime(2012, 5, 2, 7, tzinfo=UTC)
    with pytest.raises(ValueError, match="do not fit"):
        draw_incidents(NETWORK, [day], 50, np.random.default_rng(5), np.ones((600, STATIONS), np.bool_), day)
