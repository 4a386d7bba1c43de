"""Alerts over time on a straight freeway: what is raised, updated and cleared, and what is not."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import flowing_points
from shared.alerts.lifecycle.board import AlertBoard
from shared.events.records import AlertId, AlertSeverity, AlertStatus, NetworkId, SensorId, TrafficAlert
from shared.traffic.network import Network

RAISED, UPDATED, CLEARED = AlertStatus

JAM: Mapping[str, float | None] = {"E3": 25.0, "E4": 20.0}
APART: Mapping[str, float | None] = {"E0": 25.0, "E8": 25.0}
TOGETHER: Mapping[str, float | None] = {f"E{number}": 25.0 for number in range(9)}


class Drive(Protocol):
    """What the fixture `drive` offers."""

    network: Network
    detector: CongestionDetector
    board: AlertBoard
    log: list[TrafficAlert]
    batches: list[list[TrafficAlert]]
    rows: list[NDArray[np.float64]]

    @property
    def now(self) -> datetime: ...
    @property
    def active(self) -> Sequence[TrafficAlert]: ...
    def restart(self) -> None: ...
    def step(self, slow: Mapping[str, float | None] | None = None) -> list[TrafficAlert]: ...
    def steps(self, count: int, slow: Mapping[str, float | None] | None = None) -> list[TrafficAlert]: ...
    def feed(self, row: NDArray[np.float64]) -> list[TrafficAlert]: ...
    def judge(self) -> list[TrafficAlert]: ...


MakeDrive = Callable[..., Drive]


def statuses(changes: list[TrafficAlert]) -> list[AlertStatus]:
    return [change.status for change in changes]


class TestRaising:
    def test_free_traffic_raises_nothing(self, drive: Drive) -> None:
        assert drive.steps(20) == []

    def test_a_jam_raises_one_alert_in_the_fifth_window(self, drive: Drive) -> None:
        drive.steps(3)
        assert drive.steps(4, JAM) == []
        (alert,) = drive.step(JAM)
        assert alert.alert_id == f"congestion-test-E4-{drive.now:%Y%m%dT%H%M}"
        assert alert.status is RAISED
        assert alert.revision == 1
        assert alert.raised_at == alert.updated_at == drive.now
        assert alert.cleared_at is None
        assert alert.affected_sensors == ("E3", "E4")
        assert (alert.latitude, alert.longitude) == (34.0, drive.network[SensorId("E4")].longitude)
        assert alert.location == "I-10 E near E Exit 4, 1.0 mi queue"
        assert 0.5 < alert.confidence_score < 1
        assert alert.estimated_duration_lower_minutes is not None
        assert alert.estimated_duration_minutes is not None
        assert alert.estimated_duration_upper_minutes is not None
        assert (
            alert.estimated_duration_lower_minutes
            < alert.estimated_duration_minutes
            < alert.estimated_duration_upper_minutes
        )

    def test_it_is_raised_once(self, drive: Drive) -> None:
        # What comes later is told for having outlived its estimated duration.
        assert statuses(drive.steps(10, JAM)) == [RAISED]
        assert set(statuses(drive.steps(20, JAM))) == {UPDATED}

    def test_carriageways_are_apart(self, drive: Drive) -> None:
        drive.steps(5, {**JAM, "W3": 25.0})
        assert {alert.location.split(" near")[0] for alert in drive.active} == {"I-10 E", "I-10 W"}
        assert len(drive.batches) == 2

    def test_missing_is_not_slow(self, drive: Drive) -> None:
        assert drive.steps(10, dict.fromkeys(JAM, None)) == []

    def test_neighbouring_detections_are_one_alert(self, drive: Drive) -> None:
        drive.steps(6, {"E2": 25.0, "E3": 30.0, "E5": 20.0})
        (alert,) = drive.active
        assert alert.affected_sensors == ("E2", "E3", "E5")


class TestUpdating:
    def test_a_queue_that_grows_upstream_updates_the_alert(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        assert drive.step({**JAM, "E2": 25.0, "E1": 25.0, "E0": 25.0}) == []
        (update,) = drive.step({**JAM, "E2": 25.0, "E1": 25.0, "E0": 25.0})
        assert update.status is UPDATED
        assert update.revision == 2
        assert update.alert_id == drive.log[0].alert_id
        assert update.affected_sensors == ("E0", "E1", "E2", "E3", "E4")
        assert update.raised_at == drive.log[0].raised_at
        assert update.updated_at == drive.now

    def test_small_changes_are_not_told(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        (alert,) = drive.active
        changes = drive.steps(10, {**JAM, "E2": 30.0, "E4": 23.0})
        assert alert.estimated_duration_minutes is not None
        lasts = alert.raised_at + timedelta(minutes=alert.estimated_duration_minutes)
        assert [change for change in changes if change.updated_at < lasts] == []
        assert len(changes) <= 1

    def test_another_severity_is_told(self, drive: Drive) -> None:
        drive.steps(6, {"E3": 35.0, "E4": 35.0})
        assert [alert.severity for alert in drive.active] == [AlertSeverity.LOW]
        assert set(statuses(drive.steps(6, {"E3": 8.0, "E4": 8.0}))) == {UPDATED}
        assert [alert.severity for alert in drive.active] == [AlertSeverity.HIGH]
        severities = [alert.severity for alert in drive.log]
        assert len(set(severities)) == len(severities)

    def test_another_head_is_told(self, drive: Drive) -> None:
        drive.steps(6, {"E1": 30.0, "E2": 30.0, "E3": 30.0})
        moved = {f"E{number}": 30.0 for number in range(1, 8)}
        changes = drive.steps(4, moved)
        assert statuses(changes) == [UPDATED]
        assert changes[0].location.startswith("I-10 E near E Exit 7")


class TestClearing:
    def test_it_clears_after_four_free_windows(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        assert drive.steps(3) == []
        (cleared,) = drive.step()
        assert cleared.status is CLEARED
        assert cleared.cleared_at == cleared.updated_at == drive.now
        assert cleared.affected_sensors == ("E3", "E4")
        assert "traffic flows again" in cleared.message
        assert drive.active == []

    def test_stop_and_go_does_not_clear_it(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        for _ in range(3):
            assert CLEARED not in statuses(drive.steps(3))
            assert CLEARED not in statuses(drive.step(JAM))
        assert len(drive.active) == 1

    def test_between_the_thresholds_it_stands(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        assert CLEARED not in statuses(drive.steps(20, dict.fromkeys(JAM, 44.0)))
        assert statuses(drive.steps(4, dict.fromkeys(JAM, 45.0))) == [CLEARED]

    def test_the_next_jam_is_another_alert(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        drive.steps(10)
        drive.steps(6, JAM)
        ids = {alert.alert_id for alert in drive.log}
        assert len(ids) == 2
        assert statuses(drive.log) == [RAISED, CLEARED, RAISED]

    def test_silent_sensors_clear_it_after_as_long_as_the_rule_looks_back(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        silent = dict.fromkeys(JAM, None)
        assert drive.steps(6, silent) == []
        (cleared,) = drive.step(silent)
        assert cleared.message == (
            "Cleared because data is missing: no sensor at I-10 E near E Exit 4 has reported for 35 min"
        )

    def test_one_silent_sensor_does_not_clear_it(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        drive.steps(20, {"E3": None, "E4": 20.0})
        (alert,) = drive.active
        assert "E4" in alert.affected_sensors

    def test_a_silent_network_clears_it(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        ((cleared,),) = drive.detector.silence(drive.board, drive.now)
        assert cleared.cleared_at == drive.now + timedelta(minutes=35)
        assert "data is missing" in cleared.message

    def test_sensors_taken_out_of_the_network_clear_it(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        drive.log = [replace(alert, affected_sensors=(SensorId("gone"),)) for alert in drive.log]
        drive.restart()
        cleared, raised_anew = drive.step(JAM)
        assert "no longer has the sensors" in cleared.message
        assert raised_anew.affected_sensors == ("E3", "E4")
        assert drive.step(JAM) == []


class TestMergingAndSplitting:
    def test_queues_that_grow_together_become_the_older_alert(self, drive: Drive) -> None:
        drive.steps(6, {"E8": 25.0})
        drive.steps(7, APART)
        older, younger = drive.active
        changes = drive.steps(3, TOGETHER)
        (together,) = [batch for batch in drive.batches if statuses(batch) == [CLEARED, UPDATED]]
        gone, grown = together
        assert gone.alert_id == younger.alert_id
        assert older.alert_id in gone.message
        assert grown.alert_id == older.alert_id
        assert len(grown.affected_sensors) == 9
        assert set(together) <= set(changes)

    def test_a_queue_that_falls_apart_leaves_two_alerts(self, drive: Drive) -> None:
        drive.steps(8, TOGETHER)
        drive.steps(12, APART)
        kept, new = drive.active
        assert kept.alert_id == drive.log[0].alert_id
        assert {kept.affected_sensors, new.affected_sensors} == {("E0",), ("E8",)}

    def test_two_of_equal_age_merge_into_one_by_id(self, drive: Drive) -> None:
        drive.steps(6, APART)
        first, second = drive.active
        drive.steps(3, TOGETHER)
        (left,) = drive.active
        assert left.alert_id == first.alert_id < second.alert_id

    def test_a_queue_beside_an_active_alert_waits_whether_they_grow_together(self, drive: Drive) -> None:
        drive.steps(8, {"E8": 25.0})
        (older,) = drive.active
        # Four miles away the rule has held in five windows, but not in all of them.
        assert RAISED not in statuses(drive.steps(6, APART))
        assert RAISED not in statuses(drive.steps(3, TOGETHER))
        (alert,) = drive.active
        assert alert.alert_id == older.alert_id

    def test_neighbours_are_one_alert_from_the_beginning(self, drive: Drive) -> None:
        near: Mapping[str, float | None] = {"E2": 25.0, "E8": 25.0}
        drive.steps(8, near)
        (alert,) = drive.active
        assert alert.affected_sensors == ("E2", "E8")
        assert "in 2 stretches back to" in alert.message


class TestDoingItAgain:
    def test_the_same_step_twice_changes_nothing(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        assert drive.judge() == []
        drive.steps(4)
        assert drive.judge() == []

    def test_a_step_older_than_the_last_change_changes_nothing(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        later = drive.rows
        drive.rows = drive.rows[:3]
        assert drive.judge() == []
        drive.rows = later
        assert len(drive.active) == 1

    def test_a_board_takes_the_highest_revision_whatever_the_order(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        drive.steps(5)
        drive.log.reverse()
        drive.restart()
        assert drive.active == []

    def test_a_board_leaves_alerts_of_others_alone(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        drive.log = [replace(drive.log[0], network_id=NetworkId("other"), alert_id=AlertId("x"))]
        drive.restart()
        assert drive.active == []


class TestEstimates:
    def test_a_place_with_a_past_is_told_apart_from_the_pool(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        (first,) = drive.active
        # On three Sundays before there was a queue here at this hour, and it ended soon.
        for week in range(1, 4):
            began = first.raised_at - timedelta(days=7 * week, minutes=5)
            ended = began + timedelta(minutes=20)
            gone = replace(first, alert_id=AlertId(f"w{week}"), status=CLEARED, raised_at=began)
            drive.log.append(replace(gone, updated_at=ended, cleared_at=ended))
        drive.log.remove(first)
        drive.restart()
        (again,) = drive.judge()
        assert again.estimated_duration_minutes is not None
        assert first.estimated_duration_minutes is not None
        assert again.estimated_duration_minutes < first.estimated_duration_minutes

    @pytest.mark.parametrize(("day", "like"), [(3, "a day off"), (2, "a working day"), (10, "a working day")])
    def test_a_holiday_observed_is_a_day_off(self, road: Network, make_drive: MakeDrive, day: int, like: str) -> None:
        """On 2026-07-03, a Friday, Independence Day is observed."""
        with_holidays = replace(road, holidays="US-CA")

        def estimate(network: Network, noon: datetime) -> float | None:
            drive = make_drive(network, start=noon)
            drive.steps(6, JAM)
            (alert,) = drive.active
            return alert.estimated_duration_minutes

        sunday, monday = (datetime(2026, 7, number, 12, tzinfo=road.time_zone) for number in (5, 6))
        known = {"a day off": estimate(road, sunday), "a working day": estimate(road, monday)}
        assert len(set(known.values())) == 2
        assert estimate(with_holidays, datetime(2026, 7, day, 12, tzinfo=road.time_zone)) == known[like]

    def test_an_estimate_that_was_outlived_is_put_off(self, drive: Drive) -> None:
        drive.steps(6, JAM)
        (alert,) = drive.active
        (update, *_) = drive.steps(20, JAM)
        assert alert.estimated_duration_minutes is not None
        assert update.status is UPDATED
        assert update.updated_at >= alert.raised_at + timedelta(minutes=alert.estimated_duration_minutes)
        age = (update.updated_at - update.raised_at) / timedelta(minutes=1)
        assert update.estimated_duration_minutes is not None
        assert update.estimated_duration_lower_minutes is not None
        assert update.estimated_duration_minutes >= update.estimated_duration_lower_minutes > age


def test_a_network_that_never_spoke_is_quiet(drive: Drive) -> None:
    assert drive.feed(np.full(20, np.nan)) == []


class TestWorstSeverity:
    """Of an alert that is over, history tells how bad it was, not how it ended."""

    BAD: Mapping[str, float | None] = {f"E{number}": 8.0 for number in range(9)}

    def test_it_is_kept_while_the_queue_dissolves(self, drive: Drive) -> None:
        drive.steps(8, self.BAD)
        (bad,) = drive.active
        assert (bad.severity, bad.worst_severity) == (AlertSeverity.CRITICAL, AlertSeverity.CRITICAL)
        drive.steps(8, JAM)
        (less,) = drive.active
        assert less.severity is not AlertSeverity.CRITICAL
        assert less.worst_severity is AlertSeverity.CRITICAL
        (over,) = drive.steps(6)
        assert over.status is CLEARED
        assert (over.severity, over.worst_severity) == (AlertSeverity.CRITICAL, AlertSeverity.CRITICAL)

    def test_an_alert_from_before_it_was_kept_has_the_present_one(self, drive: Drive) -> None:
        drive.steps(8, JAM)
        (alert,) = drive.active
        drive.board.apply([replace(alert, worst_severity=None)])
        (over,) = drive.steps(6)
        assert (over.severity, over.worst_severity) == (alert.severity, alert.severity)


def test_a_quarter_of_an_hour_is_one_for_windows_of_any_length() -> None:
    lengths = [
        timedelta(seconds=30),
        timedelta(minutes=1),
        timedelta(minutes=5),
        timedelta(minutes=15),
        timedelta(hours=1),
    ]
    assert [flowing_points(length) for length in lengths] == [30, 15, 3, 1, 1]
