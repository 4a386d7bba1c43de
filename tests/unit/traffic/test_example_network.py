from itertools import pairwise

from shared.events.quantities import METRES_PER_MILE
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import great_circle_miles

NETWORK = load_network(EXAMPLE_NETWORK)


def test_six_freeways_both_ways() -> None:
    assert NETWORK.network_id == "la-example"
    assert NETWORK.time_zone.key == "America/Los_Angeles"
    assert len(NETWORK.sensors) == 48
    assert len(NETWORK.carriageways) == 12


def test_neighbours_lie_within_the_reach_of_the_congestion_rule() -> None:
    for along in NETWORK.carriageways.values():
        for before, after in pairwise(along):
            assert 0.5 < after.travel_miles - before.travel_miles < 3.0


def test_postmiles_agree_with_positions() -> None:
    for along in NETWORK.carriageways.values():
        for before, after in pairwise(along):
            straight = great_circle_miles(before.latitude, before.longitude, after.latitude, after.longitude)
            assert 0.98 * straight <= after.travel_miles - before.travel_miles <= 1.25 * straight


def test_edges_are_drivable_and_cross_junctions() -> None:
    crossings = 0
    for edge in NETWORK.edges:
        start, end = NETWORK[edge.from_sensor], NETWORK[edge.to_sensor]
        assert edge.metres is not None
        assert 0.1 <= edge.weight <= 1.0
        straight = great_circle_miles(start.latitude, start.longitude, end.latitude, end.longitude) * METRES_PER_MILE
        assert edge.metres >= 0.97 * straight
        if start.road_name == end.road_name:
            assert end.travel_miles > start.travel_miles
        else:
            assert start.freeway != end.freeway
            crossings += 1
    assert crossings >= 20
