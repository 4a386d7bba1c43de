"""The words of an alert."""

from datetime import UTC, datetime, timedelta

import pytest

from services.alert_detector.congestion.queues import Queue
from services.alert_detector.congestion.wording import (
    cleared_message,
    congestion_message,
    location_of,
    merged_message,
    removed_message,
    silent_message,
)
from services.alert_detector.lifecycle.duration import estimated_duration_minutes
from services.alert_detector.lifecycle.location import duration_text, landmark, place_of
from shared.events.records import (
    AlertId,
    AlertSeverity,
    AlertStatus,
    AlertType,
    NetworkId,
    SensorId,
    TrafficAlert,
)
from shared.networks.network import Sensor

WHEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def sensor(name: str, mile: float = 12.34) -> Sensor:
    return Sensor(SensorId("717447"), name, "I-405", "N", mile, 34.0, -118.0)


def queue(*names: str) -> Queue:
    sensors = tuple(sensor(name, float(mile)) for mile, name in enumerate(names))
    return Queue(
        "I-405 N",
        sensors,
        detected=True,
        extent_miles=2.34,
        mean_speed_mph=23.6,
        delay_minutes=4.4,
        drop_mph=30.0,
        lanes=4.0,
        evidence=1.0,
    )


def alert(location: str) -> TrafficAlert:
    return TrafficAlert(
        AlertId("congestion-test-a"),
        NetworkId("test"),
        AlertType.CONGESTION,
        AlertSeverity.LOW,
        AlertStatus.RAISED,
        1,
        "",
        location,
        WHEN,
        WHEN,
        None,
        34.0,
        -118.0,
        (SensorId("a"),),
        None,
        1.0,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Getty Center Dr", "near Getty Center Dr"),
        ("717447", "at mile 12.3"),
        ("I-405 N", "at mile 12.3"),
        ("I-405", "at mile 12.3"),
        ("", "at mile 12.3"),
    ],
)
def test_a_landmark_is_a_name_or_a_mile(name: str, expected: str) -> None:
    assert landmark(sensor(name)) == expected


def test_the_location_names_road_head_and_length() -> None:
    assert location_of(queue("Sunset Blvd", "Getty Center Dr")) == "I-405 N near Getty Center Dr, 2.3 mi queue"


def test_the_message_says_where_how_far_how_fast_how_long() -> None:
    assert congestion_message(queue("Sunset Blvd", "Getty Center Dr")) == (
        "Congestion on I-405 N near Getty Center Dr: 2.3 mi queue back to Sunset Blvd, 24 mph, about 4 min of delay"
    )


def test_a_queue_at_one_sensor_does_not_reach_back_to_itself() -> None:
    assert "back to" not in congestion_message(queue("Getty Center Dr"))


def test_last_words() -> None:
    one, other = alert("I-405 N near A, B, 2.3 mi queue"), alert("I-405 N at mile 3.0, 1.0 mi queue")
    assert place_of(one) == "I-405 N near A, B"
    assert place_of(alert("somewhere")) == "somewhere"
    assert cleared_message(one, timedelta(minutes=85)) == (
        "Cleared after 1 h 25 min: traffic flows again at I-405 N near A, B"
    )
    assert silent_message(other, timedelta(minutes=35)) == (
        "Cleared for want of data: no sensor at I-405 N at mile 3.0 has reported for 35 min"
    )
    assert merged_message(one, other).endswith("has joined the one at I-405 N at mile 3.0: see congestion-test-a")
    assert "no longer has the sensors" in removed_message(one)


@pytest.mark.parametrize(("minutes", "text"), [(5, "5 min"), (59, "59 min"), (60, "1 h 00 min"), (1505, "25 h 05 min")])
def test_durations_read_well(minutes: int, text: str) -> None:
    assert duration_text(timedelta(minutes=minutes)) == text


class TestEstimatedDuration:
    def test_unknown_until_three_have_stood_here(self) -> None:
        assert estimated_duration_minutes([], 0) is None
        assert estimated_duration_minutes([30, 40], 0) is None
        assert estimated_duration_minutes([30, 40, 50], 0) == 40

    def test_what_was_over_sooner_does_not_count(self) -> None:
        assert estimated_duration_minutes([10, 10, 60, 70, 80], 30) == 70
        assert estimated_duration_minutes([10, 10, 60, 70], 30) is None
