"""Neighbours along the carriageway: what arrays say of all sensors is what the network says of each."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shared.traffic.neighbours import HOPS, neighbours
from shared.traffic.network import Network
from shared.traffic.roadway import roadway
from tests.kit.networks import network_of, sensor

NAN = float("nan")
WITHIN_MILES = 2.5


def placed(places: list[tuple[str, float]]) -> Network:
    return network_of(
        *(
            sensor(str(number), postmile, f"I-1 {direction}", latitude=NAN, longitude=NAN)
            for number, (direction, postmile) in enumerate(places)
        )
    )


ROADS = st.lists(
    st.tuples(st.sampled_from("NS"), st.integers(0, 30).map(lambda tenth: tenth / 4)), min_size=1, max_size=12
).map(placed)


def test_neighbours_skip_the_silent_and_go_with_traffic() -> None:
    near = neighbours(roadway(placed([("N", mile / 2) for mile in range(4)])), WITHIN_MILES)
    assert near.beyond(np.array([1.0, 2.0, NAN, 4.0])).tolist()[:2] == [2.0, 4.0]
    assert near.before(np.array([1.0, NAN, 3.0, 4.0])).tolist()[1:] == [1.0, 1.0, 3.0]


def test_southbound_traffic_has_its_downstream_at_lower_postmiles() -> None:
    south = roadway(placed([("S", float(mile)) for mile in range(3)]))
    beyond = neighbours(south, WITHIN_MILES).beyond(np.array([sensor.postmile for sensor in south.sensors]))
    assert beyond.tolist()[:2] == [1.0, 0.0]


@given(ROADS)
def test_arrays_and_network_name_the_same_neighbours(network: Network) -> None:
    road = roadway(network)
    near = neighbours(road, WITHIN_MILES)
    for place, here in enumerate(road.sensors):
        beyond = [one.sensor.travel_miles for one in network.downstream(here.sensor_id, WITHIN_MILES)]
        before = sorted(
            other.travel_miles
            for other in network.carriageways[here.road_name]
            if here in [one.sensor for one in network.downstream(other.sensor_id, WITHIN_MILES)]
        )
        for reached, told in ((near.downstream, beyond), (near.upstream, before[::-1])):
            found = [road.sensors[at] for at in reached[:, place] if at >= 0]
            assert [one.travel_miles for one in found] == told[:HOPS]


def test_a_sensor_at_the_same_place_lies_neither_before_nor_beyond() -> None:
    road = roadway(placed([("N", 1.0), ("N", 1.0), ("N", 2.0)]))
    near = neighbours(road, WITHIN_MILES)
    assert near.beyond(np.array([20.0, 21.0, 60.0])).tolist()[:2] == [60.0, 60.0]
    assert np.isnan(near.before(np.array([20.0, 21.0, 60.0]))[:2]).all()
