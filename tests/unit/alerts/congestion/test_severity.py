"""How bad a queue is, at and around each limit."""

import pytest

from shared.alerts.congestion.queues import Queue
from shared.alerts.congestion.severity import LOWER_AT, WALL_MPH, severity_of, severity_of_cost, weighted_delay_minutes
from shared.events.records import AlertSeverity, SensorId
from shared.traffic.network import Sensor

LOW, MEDIUM, HIGH, CRITICAL = AlertSeverity


def queue(delay_minutes: float, drop_mph: float = 25.0, lanes: float | None = 4.0) -> Queue:
    sensor = Sensor(SensorId("a"), "a", "I-10", "E", 0.0, 34.0, -118.0)
    return Queue(
        "I-10 E",
        (sensor,),
        detected=True,
        extent_miles=1.0,
        mean_speed_mph=25.0,
        delay_minutes=delay_minutes,
        drop_mph=drop_mph,
        lanes=lanes,
        evidence=1.0,
    )


@pytest.mark.parametrize(
    ("delay_minutes", "expected"),
    [(0, LOW), (1.99, LOW), (2, MEDIUM), (5.99, MEDIUM), (6, HIGH), (11.99, HIGH), (12, CRITICAL), (60, CRITICAL)],
)
def test_delay_decides(delay_minutes: float, expected: AlertSeverity) -> None:
    assert severity_of(queue(delay_minutes)) is expected


@pytest.mark.parametrize(("lanes", "expected"), [(2.0, MEDIUM), (4.0, HIGH), (8.0, CRITICAL), (None, HIGH)])
def test_lanes_weigh_the_delay(lanes: float | None, expected: AlertSeverity) -> None:
    assert severity_of(queue(6.0, lanes=lanes)) is expected
    assert weighted_delay_minutes(queue(6.0, lanes=lanes)) == 6.0 * (lanes or 4.0) / 4.0


@pytest.mark.parametrize(("delay_minutes", "expected"), [(0.5, MEDIUM), (3, MEDIUM), (7, HIGH), (15, CRITICAL)])
def test_a_wall_is_medium_at_least(delay_minutes: float, expected: AlertSeverity) -> None:
    assert severity_of(queue(delay_minutes, drop_mph=WALL_MPH)) is expected


def test_an_active_alert_rises_at_once() -> None:
    assert severity_of(queue(12.0), known=LOW) is CRITICAL


@pytest.mark.parametrize(("share", "expected"), [(0.99, HIGH), (LOWER_AT, HIGH), (LOWER_AT - 0.01, MEDIUM)])
def test_an_active_alert_falls_only_well_below_its_limit(share: float, expected: AlertSeverity) -> None:
    assert severity_of(queue(6.0 * share), known=HIGH) is expected


def test_an_active_alert_falls_no_further_than_it_must() -> None:
    assert severity_of(queue(7.3), known=CRITICAL) is CRITICAL
    assert severity_of(queue(4.0), known=CRITICAL) is HIGH
    assert severity_of(queue(0.1, drop_mph=20.0), known=CRITICAL) is LOW


def test_a_wall_fades_slowly_too() -> None:
    assert severity_of(queue(0.5, drop_mph=0.9 * WALL_MPH), known=MEDIUM) is MEDIUM
    assert severity_of(queue(0.5, drop_mph=0.5 * WALL_MPH), known=MEDIUM) is LOW


@pytest.mark.parametrize(
    ("hourly", "expected"), [(None, CRITICAL), (120.0, CRITICAL), (119.0, HIGH), (60.0, HIGH), (8.0, LOW), (0.0, LOW)]
)
def test_where_few_wait_it_is_less_bad(hourly: float | None, expected: AlertSeverity) -> None:
    assert severity_of(queue(15.0, drop_mph=20.0), hourly_vehicle_hours=hourly) is expected


def test_a_broken_loop_with_hardly_a_vehicle_is_no_wall() -> None:
    assert severity_of(queue(2.2, drop_mph=WALL_MPH), hourly_vehicle_hours=23 / 3) is LOW


@pytest.mark.parametrize(
    ("vehicle_hours", "expected"), [(None, LOW), (23.0, LOW), (200.0, MEDIUM), (847.0, HIGH), (1_200.0, CRITICAL)]
)
def test_what_it_has_cost_in_all_makes_the_worst(vehicle_hours: float | None, expected: AlertSeverity) -> None:
    assert severity_of_cost(vehicle_hours) is expected
