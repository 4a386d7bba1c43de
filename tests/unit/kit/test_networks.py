"""The networks and windows of the tests: what stands in them where a test says nothing."""

from datetime import UTC, datetime, timedelta

from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_sensors_stand_along_their_road() -> None:
    north = along("I-5 N", ["a", "b", "c"], 0.5, degrees_per_mile=0.1, names="{id} {number}", lane_count=3)
    assert [one.postmile for one in north] == [0.0, 0.5, 1.0]
    assert [one.name for one in north] == ["a 0", "b 1", "c 2"]
    assert [(one.latitude, one.longitude) for one in north] == [(34.0, -118.0), (34.05, -118.0), (34.1, -118.0)]
    assert {(one.freeway, one.direction, one.lane_count) for one in north} == {("I-5", "N", 3)}


def test_a_road_to_the_west_leads_along_its_latitude_and_may_have_gaps() -> None:
    west = along("I-10 W", "abc", [0, 2, 7], degrees_per_mile=0.1)
    assert [(one.postmile, one.latitude, round(one.longitude, 6)) for one in west] == [
        (0, 34.0, -118.0),
        (2, 34.0, -117.8),
        (7, 34.0, -117.3),
    ]


def test_a_network_keeps_the_order_of_its_sensors() -> None:
    network = network_of(*along("I-5 S", "ab"), *along("I-5 N", "cd"), network_id="small", holidays="US-CA")
    assert list(network.index) == ["a", "b", "c", "d"]
    assert (network.name, network.holidays, network.window) == ("Small", "US-CA", timedelta(minutes=5))


def test_a_window_is_of_one_speed_or_of_none_unless_it_is_said_otherwise() -> None:
    steady = processed_window("small", "a", START, 50.0, revision=3, volume_vehicles=7.0)
    assert steady.window_end == START + timedelta(minutes=5)
    assert (steady.speed_count, steady.min_speed_mph, steady.std_speed_mph) == (3, 50.0, 0.0)
    assert steady.volume_vehicles == 7.0
    silent = processed_window("small", "a", START, None)
    assert (silent.speed_count, silent.mean_speed_mph, silent.std_speed_mph) == (0, None, None)
