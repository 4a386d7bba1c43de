"""Neighbours along the carriageway: what arrays say of all sensors is what the network says of each."""

from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.events.records import NetworkId, SensorId
from shared.traffic.neighbours import HOPS, neighbours
from shared.traffic.network import Network, Sensor
from shared.traffic.roadway import roadway

NAN = float("nan")
WITHIN_MILES = 2.5


def network_of(places: list[tuple[str, float]]) -> Network:
    sensors = tuple(
        Sensor(SensorId(str(number)), str(number), "I-1", direction, postmile, NAN, NAN)
        for number, (direction, postmile) in enumerate(places)
    )
    return Network(NetworkId("roads"), "roads", ZoneInfo("UTC"), sensors)


ROADS = st.lists(
    st.tuples(st.sampled_from("NS"), st.integers(0, 30).map(lambda tenth: tenth / 4)), min_size=1, max_size=12
).map(network_of)


def test_neighbours_skip_the_silent_and_go_with_traffic() -> None:
    near = neighbours(roadway(network_of([("N", mile / 2) for mile in range(4)])), WITHIN_MILES)
    assert near.beyond(np.array([1.0, 2.0, NAN, 4.0])).tolist()[:2] == [2.0, 4.0]
    assert near.before(np.array([1.0, NAN, 3.0, 4.0])).tolist()[1:] == [1.0, 1.0, 3.0]


def test_southbound_traffic_has_its_downstream_at_lower_postmiles() -> None:
    south = roadway(network_of([("S", float(mile)) for mile in range(3)]))
    beyond = neighbours(south, WITHIN_MILES).beyond(np.array([sensor.postmile for sensor in south.sensors]))
    assert beyond.tolist()[:2] == [1.0, 0.0]


@given(ROADS)
def test_arrays_and_network_name_the_same_neighbours(network: Network) -> None:
    road = roadway(network)
    near = neighbours(road, WITHIN_MILES)
    for place, sensor in enumerate(road.sensors):
        for reached, told in (
            (near.downstream, network.downstream(sensor.sensor_id, WITHIN_MILES)),
            (near.upstream, network.upstream(sensor.sensor_id, WITHIN_MILES)),
        ):
            found = [road.sensors[at] for at in reached[:, place] if at >= 0]
            assert [one.travel_miles for one in found] == [one.sensor.travel_miles for one in told][:HOPS]


def test_a_sensor_at_the_same_place_lies_neither_before_nor_beyond() -> None:
    road = roadway(network_of([("N", 1.0), ("N", 1.0), ("N", 2.0)]))
    near = neighbours(road, WITHIN_MILES)
    assert near.beyond(np.array([20.0, 21.0, 60.0])).tolist()[:2] == [60.0, 60.0]
    assert np.isnan(near.before(np.array([20.0, 21.0, 60.0]))[:2]).all()
