"""The words of an alert."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.alerts.congestion.messages import cleared_message, congestion_message, location_of
from shared.alerts.congestion.queues import Queue
from shared.alerts.lifecycle.messages import (
    doubted_message,
    duration_text,
    merged_message,
    place_of,
    removed_message,
    silent_message,
)
from shared.events.records import (
    AlertId,
    SensorId,
    TrafficAlert,
)
from shared.traffic.landmarks import Landmarks, landmark
from shared.traffic.network import Sensor
from tests.kit.announcements import alert_of
from tests.kit.networks import network_of

WHEN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


MILE_DEGREES = 1 / 69.09


def sensor(name: str, mile: float = 12.34, sensor_id: str = "717447") -> Sensor:
    return Sensor(SensorId(sensor_id), name, "I-405", "N", mile, 34.0 + mile * MILE_DEGREES, -118.0)


def queue(*names: str) -> Queue:
    sensors = tuple(sensor(name, float(mile), f"s{mile}") for mile, name in enumerate(names))
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
    return alert_of(
        WHEN,
        alert_id=AlertId("congestion-test-a"),
        message="",
        location=location,
        affected_sensors=(SensorId("a"),),
        confidence_score=1.0,
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


def landmarks_of(there: Queue) -> Landmarks:
    return Landmarks(network_of(*there.sensors))


def test_the_location_names_road_head_and_length() -> None:
    there = queue("Sunset Blvd", "Getty Center Dr")
    assert location_of(there, landmarks_of(there)) == "I-405 N near Getty Center Dr, 2.3 mi queue"


def test_the_message_says_where_how_far_how_fast_how_long() -> None:
    there = queue("Sunset Blvd", "Getty Center Dr")
    assert congestion_message(there, landmarks_of(there)) == (
        "Congestion on I-405 N near Getty Center Dr: 2.3 mi queue back to Sunset Blvd, 24 mph, about 4 min of delay"
    )


@pytest.mark.parametrize(
    ("free_flow_mph", "recurrent", "beginning", "end"),
    [
        (
            65.0,
            False,
            "Heavy congestion on ",
            ", 24 mph (36 % of free flow), about 4 min of delay, unusual at this hour",
        ),
        (35.0, True, "Light congestion on ", ", 24 mph (67 % of free flow), about 4 min of delay, usual at this hour"),
        (40.0, None, "Congestion on ", ", 24 mph (59 % of free flow), about 4 min of delay"),
        (80.0, None, "Severe congestion on ", ", 24 mph (30 % of free flow), about 4 min of delay"),
    ],
)
def test_the_message_says_how_bad_and_whether_that_is_usual(
    *, free_flow_mph: float, recurrent: bool | None, beginning: str, end: str
) -> None:
    there = replace(queue("Sunset Blvd", "Getty Center Dr"), free_flow_mph=free_flow_mph)
    message = congestion_message(there, landmarks_of(there), recurrent=recurrent)
    assert message.startswith(beginning)
    assert message.endswith(end)


def test_a_queue_at_one_sensor_does_not_reach_back_to_itself() -> None:
    there = queue("Getty Center Dr")
    assert "back to" not in congestion_message(there, landmarks_of(there))


class TestLandmarks:
    """A road without names but for 'LAX' at mile 2; I-10 crosses at mile 9."""

    NAMELESS = (0.0, 1.0, 5.0, 8.7, 9.0, 10.0, 20.0)
    SENSORS = (
        *(sensor(f"id{mile}", mile, f"id{mile}") for mile in NAMELESS),
        sensor("LAX", 2.0, "lax"),
        Sensor(SensorId("x"), "x", "I-10", "E", 4.0, 34.0 + 9.3 * MILE_DEGREES, -118.0),
        Sensor(SensorId("y"), "I-10", "I-10", "W", 4.0, 34.0 + 9.4 * MILE_DEGREES, -118.0),
        # The other carriageway of the same freeway is no crossing.
        Sensor(SensorId("z"), "z", "I-405", "S", 1.0, 34.0 + MILE_DEGREES, -118.0),
    )

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("lax", "near LAX"),
            ("id9.0", "near I-10"),
            ("id1.0", "1.0 mi before LAX"),
            ("id0.0", "2.0 mi before LAX"),
            ("id5.0", "3.0 mi past LAX"),
            ("id8.7", "0.3 mi before I-10"),
            ("id10.0", "1.0 mi past I-10"),
            ("id20.0", "at mile 20.0"),
            ("x", "near I-405"),
            ("z", "at mile 1.0"),
        ],
    )
    def test_what_a_place_is_known_by(self, name: str, expected: str) -> None:
        network = network_of(*self.SENSORS)
        landmarks = Landmarks(network)
        assert [landmarks.of(network[SensorId(name)]) for _ in range(2)] == [expected] * 2

    def test_before_and_past_are_told_in_the_direction_of_travel(self) -> None:
        south = [replace(one, direction="S") for one in self.SENSORS if one.road_name == "I-405 N"]
        network = network_of(*south)
        assert Landmarks(network).of(network[SensorId("id1.0")]) == "1.0 mi past LAX"

    def test_two_sensors_at_one_place_are_near_it(self) -> None:
        network = network_of(sensor("LAX", 2.0, "lax"), sensor("bare", 2.0, "bare"))
        assert Landmarks(network).of(network[SensorId("bare")]) == "near LAX"


def test_last_words() -> None:
    one, other = alert("I-405 N near A, B, 2.3 mi queue"), alert("I-405 N at mile 3.0, 1.0 mi queue")
    assert place_of(one) == "I-405 N near A, B"
    assert place_of(alert("somewhere")) == "somewhere"
    assert cleared_message(one, timedelta(minutes=85)) == (
        "Cleared after 1 h 25 min: traffic flows again at I-405 N near A, B"
    )
    assert silent_message(other, timedelta(minutes=35)) == (
        "Cleared because data is missing: no sensor at I-405 N at mile 3.0 has reported for 35 min"
    )
    assert merged_message(one, other).endswith("has joined the one at I-405 N at mile 3.0: see congestion-test-a")
    assert "no longer has the sensors" in removed_message(one)
    assert doubted_message(one) == (
        "Cleared because data is missing: the sensors at I-405 N near A, B report nothing reliable"
    )


@pytest.mark.parametrize(("minutes", "text"), [(5, "5 min"), (59, "59 min"), (60, "1 h 00 min"), (1505, "25 h 05 min")])
def test_durations_read_well(minutes: int, text: str) -> None:
    assert duration_text(timedelta(minutes=minutes)) == text
