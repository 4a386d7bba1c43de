"""Incident alerts are raised, grow, merge and end; what their queues are to congestion."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest

from shared.events.records import AlertSeverity, AlertStatus, AlertType, TrafficAlert

Watched: TypeAlias = Any  # of conftest.py, which tests cannot import
Watch = Callable[..., Watched]
CRASH: Mapping[str, float] = {"E8": 8.0}
QUEUE: Mapping[str, float] = {"E6": 14.0, "E7": 10.0, "E8": 8.0}
NIGHT, NOON = 36, 150


def kinds(alerts: list[TrafficAlert]) -> list[tuple[AlertType, AlertStatus]]:
    return [(alert.alert_type, alert.status) for alert in alerts]


@pytest.fixture
def noon(watch: Watch) -> Watched:
    watched = watch()
    assert watched.days(1) == []
    watched.steps(NOON)
    return watched


def daily_queue(watch: Watch, queue: Mapping[str, float]) -> Watched:
    """At noon of a road that queues so from then on every day, which is no incident."""
    watched = watch(daily=lambda window: queue if NOON <= window < NOON + 60 else {})
    watched.days(1)
    watched.steps(NOON)
    return watched


def test_what_traffic_never_does_here_is_an_incident(noon: Watched) -> None:
    (alert,) = noon.step(CRASH) or noon.step(CRASH)
    assert alert.alert_type is AlertType.INCIDENT
    assert alert.status is AlertStatus.RAISED
    assert alert.alert_id == f"incident-test-E8-{noon.now:%Y%m%dT%H%M}"
    assert alert.affected_sensors == ("E8",)
    assert alert.severity is not AlertSeverity.LOW
    assert "Incident probable on I-10 E" in alert.message
    assert "mph is usual at this hour" in alert.message
    evidence, rarity = alert.evidence
    assert evidence.rule == "forecast_residual"
    assert evidence.value >= evidence.threshold > 0
    assert (rarity.rule, rarity.measure) == ("probable_incident", "alarms_per_100_sensor_days")
    assert rarity.value > 0
    assert rarity.threshold == pytest.approx(noon.threshold / 5)
    newest = evidence.windows[-1]
    assert (newest.sensor_id, newest.window_end) == ("E8", noon.now)
    assert newest.usual_mph == pytest.approx(65, abs=3)
    assert newest.forecast_mph == pytest.approx(65, abs=5)


def test_on_the_first_day_nothing_is_an_incident(watch: Watch) -> None:
    watched = watch()
    watched.steps(NOON)
    watched.steps(6, CRASH)
    assert not watched.active(AlertType.INCIDENT)


def test_its_queue_belongs_to_it(noon: Watched) -> None:
    noon.steps(3, CRASH)
    noon.steps(8, QUEUE)
    noon.steps(8, {**QUEUE, "E4": 20.0, "E5": 16.0, "E3": 22.0, "E2": 25.0})
    assert not noon.active(AlertType.CONGESTION)
    (alert,) = noon.active(AlertType.INCIDENT)
    assert {"E3", "E8"} <= set(alert.affected_sensors)
    assert alert.status is AlertStatus.UPDATED
    assert AlertType.CONGESTION not in {alert.alert_type for alert in noon.log}


def test_it_ends_when_traffic_flows(noon: Watched) -> None:
    noon.steps(10, QUEUE)
    noon.steps(8)
    last = noon.log[-1]
    assert last.alert_type is AlertType.INCIDENT
    assert last.status is AlertStatus.CLEARED
    assert last.cleared_at == last.updated_at
    assert "as expected again" in last.message
    assert not noon.boards.active()
    assert [alert.status for alert in noon.log].count(AlertStatus.RAISED) == 1


def test_a_young_congestion_alert_is_merged_into_the_incident(watch: Watch) -> None:
    slowly = {f"E{number}": 38.0 for number in range(3, 8)}
    noon = daily_queue(watch, slowly)
    noon.steps(6)
    (queue,) = noon.active(AlertType.CONGESTION)
    noon.steps(3, {**slowly, "E7": 4.0, "E6": 4.0})
    (incident,) = noon.active(AlertType.INCIDENT)
    assert not noon.active(AlertType.CONGESTION)
    cleared = next(alert for alert in noon.log if alert.alert_id == queue.alert_id and not alert.active)
    batch = next(batch for batch in noon.batches if incident.alert_id in {alert.alert_id for alert in batch})
    assert kinds(batch) == [(AlertType.CONGESTION, AlertStatus.CLEARED), (AlertType.INCIDENT, AlertStatus.RAISED)]
    assert batch[0].alert_id == queue.alert_id == cleared.alert_id
    assert "merged" in batch[0].message
    assert incident.alert_id in batch[0].message
    assert set(queue.affected_sensors) <= set(incident.affected_sensors)


def test_inside_an_old_queue_it_stands_by_itself(watch: Watch) -> None:
    slowly = {f"E{number}": 38.0 for number in range(2, 12)}
    noon = daily_queue(watch, slowly)
    noon.steps(20)
    (queue,) = noon.active(AlertType.CONGESTION)
    noon.steps(3, {**slowly, "E7": 3.0, "E6": 3.0})
    (incident,) = noon.active(AlertType.INCIDENT)
    assert [alert.alert_id for alert in noon.active(AlertType.CONGESTION)] == [queue.alert_id]
    assert set(incident.affected_sensors) < set(queue.affected_sensors)
    noon.steps(10, slowly)
    assert not noon.active(AlertType.INCIDENT)
    assert [alert.alert_id for alert in noon.active(AlertType.CONGESTION)] == [queue.alert_id]


def test_two_places_are_two_incidents_and_one_when_they_meet(noon: Watched) -> None:
    noon.steps(3, {"E3": 6.0, "E13": 6.0})
    first, second = noon.active(AlertType.INCIDENT)
    between = {f"E{number}": 12.0 for number in range(3, 14)}
    noon.steps(4, between)
    (kept,) = noon.active(AlertType.INCIDENT)
    assert kept.alert_id == first.alert_id
    assert {"E3", "E13"} <= set(kept.affected_sensors)
    ended = next(alert for alert in noon.log if alert.alert_id == second.alert_id and not alert.active)
    assert kept.alert_id in ended.message


def test_directions_are_apart(noon: Watched) -> None:
    noon.steps(3, {"E3": 6.0, "W3": 6.0})
    assert len(noon.active(AlertType.INCIDENT)) == 2
    assert max(map(len, noon.batches)) == 1


def test_what_lasts_is_handed_over_to_congestion(noon: Watched) -> None:
    noon.steps(100, QUEUE)
    assert not noon.active(AlertType.INCIDENT)
    ended = next(alert for alert in noon.log if alert.alert_type is AlertType.INCIDENT and not alert.active)
    assert "watched as congestion" in ended.message
    (queue,) = noon.active(AlertType.CONGESTION)
    assert queue.raised_at == ended.cleared_at
    noon.steps(10)
    assert not noon.boards.active()


def test_silence_ends_it(noon: Watched) -> None:
    noon.steps(4, CRASH)
    (cleared,) = noon.silence()
    assert cleared.alert_type is AlertType.INCIDENT
    assert "data is missing" in cleared.message
    assert not noon.boards.active()


def test_sensors_that_fall_silent_end_it(noon: Watched) -> None:
    noon.steps(4, CRASH)
    noon.steps(10, dict.fromkeys(["E8"], None))
    assert not noon.boards.active()
    assert "data is missing" in noon.log[-1].message


def test_sensors_that_leave_the_network_end_it(noon: Watched) -> None:
    noon.steps(4, CRASH)
    noon.without("E8")
    (cleared,) = noon.step()
    assert "no longer has the sensors" in cleared.message
    assert not noon.boards.active()


def test_a_detector_that_repeats_itself_raises_nothing_for_long(noon: Watched) -> None:
    for _ in range(30):
        row = dict.fromkeys(["E8"], 8.0)
        noon.step(row)
        noon.speeds[-1][noon.network.index["E8"]] = 8.0
    assert len([alert for alert in noon.log if alert.status is AlertStatus.RAISED]) <= 2


def test_the_usual_queue_of_the_hour_is_none(watch: Watch) -> None:
    def evening(window: int) -> Mapping[str, float]:
        return {f"E{number}": 20.0 for number in range(4, 9)} if 192 <= window < 228 else {}

    watched = watch(daily=evening)
    watched.days(4)
    assert AlertType.INCIDENT not in {alert.alert_type for alert in watched.log}
    raised = [alert for alert in watched.log if alert.status is AlertStatus.RAISED]
    assert len(raised) == 4


def test_a_slow_detector_between_free_neighbours_is_not_believed(watch: Watch) -> None:
    watched = watch(daily=lambda _: {"E8": 32.0})
    watched.days(2)
    assert watched.lesson is not None
    names = [sensor.sensor_id for sensor in watched.network.sensors]
    doubted = {name for name, believed in zip(names, watched.lesson.sensors.believed, strict=True) if not believed}
    assert doubted == {"E8"}
    assert not watched.boards.active()
    assert watched.active(AlertType.CONGESTION) == []
    assert "nothing reliable" in watched.log[-1].message


def test_a_road_that_is_always_slow_is_believed(watch: Watch) -> None:
    watched = watch(daily=lambda _: {f"E{number}": 32.0 for number in range(16)})
    watched.days(2)
    assert watched.lesson is not None
    assert watched.lesson.sensors.believed.all()


@pytest.mark.parametrize("every", [1, 7, 50])
def test_restarts_change_nothing(watch: Watch, every: int) -> None:
    """Two days with crashes and queues: whatever is forgotten at any step is on the log."""

    def drive(watched: Watched, *, restarts: bool) -> list[TrafficAlert]:
        happens = {NOON: CRASH, NOON + 60: QUEUE, NOON + 90: {"W2": 5.0}}
        slow: Mapping[str, float] = {}
        for number in range(2 * 288):
            window = number - 288
            slow = happens.get(window, {} if window in {at + 20 for at in happens} else slow)
            watched.step(slow)
            if restarts and number > 280 and number % every == 0:
                watched.restart()
        return list(watched.log)

    straight = drive(watch(), restarts=False)
    assert len([alert for alert in straight if alert.alert_type is AlertType.INCIDENT and not alert.active]) == 3
    assert drive(watch(), restarts=True) == straight
