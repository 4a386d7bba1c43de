"""Congestion against what is usual: recurrent or not, the level, belief, delay in vehicle-hours, and the evidence."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.delay import Costs, added, is_due, vehicle_hours
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.congestion.reference import (
    is_recurrent,
    level_words,
    mean_where_known,
    reference_mph,
    usual_share,
)
from shared.alerts.learned.sensors import LearnedSensors
from shared.alerts.lifecycle.board import AlertBoard
from shared.events.records import AlertSeverity, AlertStatus, AlertType, SensorId, TrafficAlert
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.roadway import roadway
from shared.traffic.usual.speeds import UsualSpeeds

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
POINTS = CongestionRule().points
Learned = Mapping[str, float]


class Course:
    """Steps with flow and with what was learned; what comes out is the whole state, as on the log."""

    def __init__(self, network: Network) -> None:
        self.network, self.log = network, list[TrafficAlert]()
        self.detector = CongestionDetector(network, CongestionRule(), Materiality())
        self.speeds: list[Floats] = []
        self.volumes: list[Floats] = []

    @property
    def now(self) -> datetime:
        return START + len(self.speeds) * WINDOW

    @property
    def active(self) -> TrafficAlert:
        (alert,) = AlertBoard.rebuilt(self.network, AlertType.CONGESTION, self.log).active()
        return alert

    def columns(self, values: Learned, default: float) -> Floats:
        row = np.full(len(self.network.sensors), default)
        for name, value in values.items():
            row[self.network.index[SensorId(name)]] = value
        return row

    def step(
        self,
        slow: Learned | None = None,
        *,
        vehicles: float = np.nan,
        usual: Learned | None = None,
        free_flow: float = np.nan,
        doubted: tuple[str, ...] = (),
    ) -> list[TrafficAlert]:
        """One step, judged by a service that has just started: it knows nothing but the log and the windows."""
        self.speeds.append(self.columns(slow or {}, 65.0))
        self.volumes.append(np.full(len(self.network.sensors), vehicles))
        nothing = [np.full(len(self.network.sensors), np.nan)] * (POINTS - len(self.speeds))
        speed = np.array([*nothing, *self.speeds[-POINTS:]])
        volume = np.array([*nothing, *self.volumes[-POINTS:]])
        learned = LearnedSensors(
            UsualSpeeds(
                np.full(speed.shape[1], np.nan) if usual is None else self.columns(usual, 60.0),
                np.full(speed.shape[1], free_flow),
            ),
            self.columns(dict.fromkeys(doubted, 0.0), 1.0) > 0,
        )
        board = AlertBoard.rebuilt(self.network, AlertType.CONGESTION, self.log)
        share = np.isfinite(speed).astype(np.float64)
        batches = self.detector.changes(board, self.now, speed, share, volume, learned)
        changes = [alert for batch in batches for alert in batch]
        self.log += changes
        return changes


@pytest.fixture
def course(road: Network) -> Course:
    return Course(road)


JAM: Learned = {"E3": 25.0, "E4": 20.0}


class TestRecurrent:
    def test_a_queue_where_it_is_slow_every_day_is_usual(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM, usual={"E3": 30.0, "E4": 30.0})
        assert course.active.recurrent is True
        assert course.active.message.endswith("usual at this hour")

    def test_a_queue_where_traffic_is_free_on_other_days_is_not(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM, usual={})
        assert course.active.recurrent is False
        assert course.active.message.endswith("unusual at this hour")

    def test_what_is_not_known_is_not_told(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM)
        assert course.active.recurrent is None
        assert "hour" not in course.active.message

    def test_a_queue_that_outlasts_its_hour_stays_what_it_was(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM, usual=JAM)
        assert [change for _ in range(10) for change in course.step(JAM, usual={})] == []
        assert course.active.recurrent is True

    def test_that_it_becomes_known_is_no_news(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM)
        assert course.step(JAM, usual=JAM) == []

    def test_the_unusual_one_ranks_higher(self, road: Network) -> None:
        severities = []
        for usual in (JAM, {}):
            course = Course(road)
            for _ in range(6):
                course.step({"E2": 20.0, "E3": 14.0, "E4": 14.0}, usual=usual)
            severities.append(course.active.severity)
        assert severities == [AlertSeverity.MEDIUM, AlertSeverity.HIGH]

    @pytest.mark.parametrize(
        ("share", "known", "expected"),
        [
            (None, None, None),
            (None, True, True),
            (0.5, None, True),
            (0.49, None, False),
            (0.0, True, True),
            (1.0, False, False),
        ],
    )
    def test_the_rule(self, *, share: float | None, known: bool | None, expected: bool | None) -> None:
        assert is_recurrent(share, known=known) is expected

    def test_usual_share_is_of_the_length_that_is_known(self) -> None:
        miles = np.array([1.0, 1.0, 2.0])
        assert usual_share(np.array([30.0, 60.0, np.nan]), miles, 45.0) == pytest.approx(0.5)
        assert usual_share(np.array([30.0, np.nan, np.nan]), miles, 45.0) is None
        assert usual_share(np.array([np.nan, np.nan, 44.0]), miles, 45.0) == pytest.approx(1.0)


class TestLevel:
    @pytest.mark.parametrize(
        ("speed", "words"),
        [
            (45.0, "Light congestion"),
            (44.0, "Light congestion"),
            (43.0, "Congestion"),
            (33.0, "Congestion"),
            (32.0, "Heavy congestion"),
            (20.0, "Heavy congestion"),
            (19.0, "Severe congestion"),
            (0.0, "Severe congestion"),
        ],
    )
    def test_shares_of_free_flow(self, speed: float, words: str) -> None:
        assert level_words(speed, 65.0) == words
        assert level_words(speed, None) == "Congestion"

    def test_the_message_and_the_delay_go_by_free_flow(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM, free_flow=67.0)
        assert course.active.message.startswith("Heavy congestion on I-10 E near E Exit 4")
        assert "(34 % of free flow)" in course.active.message

    @pytest.mark.parametrize(("free_flow", "reference"), [(np.nan, 60.0), (35.0, 60.0), (66.0, 66.0), (80.0, 70.0)])
    def test_delay_is_against_free_flow_within_bounds(self, free_flow: float, reference: float) -> None:
        assert reference_mph(np.array([free_flow])).tolist() == [reference]

    def test_a_mean_of_nothing_is_not_known(self) -> None:
        assert mean_where_known(np.array([np.nan]), np.array([1.0])) is None
        assert mean_where_known(np.array([np.nan, 3.0]), np.array([1.0, 0.0])) == pytest.approx(3.0)


class TestBelief:
    def test_a_sensor_that_is_not_believed_raises_nothing(self, course: Course) -> None:
        assert [change for _ in range(12) for change in course.step(JAM, doubted=("E3", "E4"))] == []

    def test_nor_does_it_hold_an_alert(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM)
        (cleared,) = course.step(JAM, doubted=("E3", "E4"))
        assert cleared.status is AlertStatus.CLEARED
        assert "nothing reliable" in cleared.message

    def test_one_of_two_is_enough(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM)
        assert course.step(JAM, doubted=("E3",)) == []


class TestVehicleHours:
    def test_by_hand(self) -> None:
        found = vehicle_hours(
            np.array([[20.0, 2.0, 50.0, np.nan, 20.0]]),
            np.array([[100.0, 10.0, 100.0, 100.0, np.nan]]),
            np.array([0.5, 1.0, 1.0, 1.0, 1.0]),
            np.full(5, 60.0),
            45.0,
        )
        assert found[0, :3].tolist() == pytest.approx([100 * 0.5 * (1 / 20 - 1 / 60), 10 * (1 / 5 - 1 / 60), 0.0])
        assert np.isnan(found[0, 3:]).all()

    def test_without_flow_it_is_not_known(self, course: Course) -> None:
        # Half an hour and more, and less than the queue is expected to last: that would be told, too.
        for _ in range(13):
            course.step(JAM)
        assert course.active.delay_vehicle_hours is None
        assert len(course.log) == 1

    def test_it_is_written_every_half_hour_and_at_the_end(self, course: Course) -> None:
        for _ in range(5):
            course.step(JAM, vehicles=400.0)
        per_window = 400 * 0.5 * (1 / 25 + 1 / 20 - 2 / 60)
        assert course.active.delay_vehicle_hours == pytest.approx(5 * per_window, abs=0.1)
        for _ in range(24):
            course.step(JAM, vehicles=400.0)
        updates = [alert for alert in course.log if alert.status is AlertStatus.UPDATED]
        assert [alert.updated_at - START for alert in updates] == [WINDOW * (5 + 6 * number) for number in (1, 2, 3, 4)]
        assert course.active.delay_vehicle_hours == pytest.approx(29 * per_window, abs=0.4)
        for _ in range(4):
            course.step(vehicles=400.0)
        assert course.log[-1].status is AlertStatus.CLEARED
        assert course.log[-1].delay_vehicle_hours == pytest.approx(29 * per_window, abs=0.4)

    def test_little_is_not_written(self, course: Course) -> None:
        for _ in range(13):
            course.step(JAM, vehicles=1.0)
        assert len(course.log) == 1

    def test_two_queues_that_merge_count_each_window_once(self, course: Course) -> None:
        apart: Learned = {"E0": 20.0, "E8": 20.0}
        together: Learned = {f"E{number}": 20.0 for number in range(9)}
        for slow in [apart] * 6 + [together] * 6:
            course.step(slow, vehicles=400.0)
        for _ in range(4):
            course.step(vehicles=400.0)
        road = roadway(course.network)
        columns = np.array(course.speeds)[:, road.columns]
        truth = vehicle_hours(columns, np.full_like(columns, 400.0), road.length_miles, np.full(20, 60.0), 45.0).sum()
        last = {alert.alert_id: alert for alert in course.log}
        assert not any(alert.active for alert in last.values())
        assert sum(alert.delay_vehicle_hours or 0.0 for alert in last.values()) == pytest.approx(truth, abs=0.5)

    @pytest.mark.parametrize(
        ("so_far", "more", "minutes", "expected"),
        [
            (None, None, 60, False),
            (None, 0.9, 60, False),
            (None, 1.0, 25, False),
            (None, 1.0, 30, True),
            (500.0, 4.0, 60, False),
            (500.0, 5.0, 60, True),
        ],
    )
    def test_when_it_is_due(self, so_far: float | None, more: float | None, minutes: int, *, expected: bool) -> None:
        assert is_due(so_far, more, timedelta(minutes=minutes), timedelta(hours=1)) is expected

    def test_a_short_look_back_makes_it_due_sooner(self) -> None:
        assert is_due(None, 5.0, timedelta(minutes=10), timedelta(minutes=10))

    def test_sums(self) -> None:
        assert added(None, None) is None
        assert added(3.0, None) == 3.0
        assert added(None, 2.04) == 2.0
        costs = Costs(START, WINDOW, np.array([[1.0, np.nan], [2.0, np.nan]]))
        first, second = np.array([True, False]), np.array([False, True])
        assert costs.since(None, first) == 3.0
        assert costs.since(START - WINDOW, first) == 2.0
        assert costs.since(START, first) is None
        assert costs.since(START + WINDOW, first) is None
        assert costs.since(START - timedelta(days=1), first) == 3.0
        assert costs.since(None, second) is None


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([JAM, {}, {"E2": 15.0, **JAM}]), min_size=1, max_size=40))
def test_what_is_counted_is_never_more_than_what_was_lost(
    make_network: Callable[..., Network], steps: list[Learned]
) -> None:
    course = Course(make_network([mile / 2 for mile in range(10)]))
    for slow in steps:
        course.step(slow, vehicles=400.0)
    road = roadway(course.network)
    speed = np.array(course.speeds)[:, road.columns]
    truth = vehicle_hours(speed, np.full_like(speed, 400.0), road.length_miles, np.full(10, 60.0), 45.0).sum()
    grown: dict[str, float] = {}
    for alert in course.log:
        assert (alert.delay_vehicle_hours or 0.0) >= grown.get(alert.alert_id, 0.0)
        grown[alert.alert_id] = alert.delay_vehicle_hours or 0.0
    assert max(grown.values(), default=0.0) <= truth + 0.1 * len(course.log)


class TestEvidence:
    def test_the_windows_that_raised_it(self, course: Course) -> None:
        for _ in range(2):
            course.step()
        for _ in range(5):
            course.step(JAM, usual={"E4": 58.0})
        (evidence,) = course.active.evidence
        assert (evidence.rule, evidence.measure, evidence.threshold) == ("bottleneck", "speed_drop_mph", 20.0)
        assert evidence.value == pytest.approx(45.0)
        assert evidence.model_name is evidence.model_version is None
        assert [window.speed_mph for window in evidence.windows] == [65.0, 65.0, *[20.0] * 5]
        assert {window.sensor_id for window in evidence.windows} == {"E4"}
        assert [window.window_end for window in evidence.windows] == [START + WINDOW * end for end in range(1, 8)]
        assert [window.usual_mph for window in evidence.windows] == [None] * 6 + [58.0]

    def test_it_stays_while_the_rule_holds_nowhere(self, course: Course) -> None:
        for _ in range(6):
            course.step(JAM, usual=JAM)
        raised = course.active.evidence
        everywhere = {f"E{number}": 30.0 for number in range(10)}
        for _ in range(10):
            course.step(everywhere, usual=JAM)
        assert course.log[-1].status is AlertStatus.UPDATED
        assert course.active.evidence
        assert raised[0].rule == course.active.evidence[0].rule


class TestFlowing:
    """Nothing is active where traffic has flowed for a quarter of an hour, whatever single windows say."""

    def test_one_slow_window_in_four_keeps_no_alert(self, course: Course) -> None:
        for _ in range(8):
            course.step(JAM, free_flow=64.0)
        course.step({"E3": 44.0, "E4": 44.0}, free_flow=64.0)
        assert course.active.active
        changes = [change for _ in range(3) for change in course.step(free_flow=64.0)]
        assert changes[-1].status is AlertStatus.CLEARED
        assert "traffic flows again" in changes[-1].message

    @pytest.mark.parametrize(("speed_mph", "lasts"), [(46.0, True), (54.0, True), (55.0, False), (58.0, False)])
    def test_the_limit_is_85_percent_of_free_flow(self, course: Course, speed_mph: float, *, lasts: bool) -> None:
        for speed in (*[20.0] * 8, 44.0, *[speed_mph] * 3):
            course.step({"E3": speed, "E4": speed}, free_flow=64.0)
        assert bool(AlertBoard.rebuilt(course.network, AlertType.CONGESTION, course.log).active()) is lasts

    def test_where_free_flow_is_not_known_45_mph_decides(self, course: Course) -> None:
        for speed in (*[20.0] * 8, 44.0, *[58.0] * 3):
            course.step({"E3": speed, "E4": speed})
        assert course.active.active
