from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.events.records import SensorId
from shared.forecasting.inputs.links import MOST_LINKED, sides_of
from shared.traffic.network import Edge, Network

DEVIATIONS = np.array([[1.0, 2.0, 4.0, 8.0]])
ALL = np.ones((1, 4), dtype=bool)


def test_edges_lead_downstream(network: Network) -> None:
    sides = sides_of(network)
    np.testing.assert_allclose(sides.downstream.mean(DEVIATIONS, ALL), [[2.0, 4.0, 8.0, 0.0]])
    np.testing.assert_allclose(sides.upstream.mean(DEVIATIONS, ALL), [[0.0, 1.0, 2.0, 4.0]])


def test_weights_count_and_unseen_ones_do_not(network: Network) -> None:
    names = [sensor.sensor_id for sensor in network.sensors]
    forked = replace(network, edges=(Edge(names[0], names[1], 0.75), Edge(names[0], names[2], 0.25)))
    downstream = sides_of(forked).downstream
    assert downstream.mean(DEVIATIONS, ALL)[0, 0] == 2.5
    assert downstream.mean(DEVIATIONS, np.array([[True, False, True, True]]))[0, 0] == 4.0
    assert downstream.mean(DEVIATIONS, np.array([[True, False, False, True]]))[0, 0] == 0.0


def test_without_edges_the_carriageway_tells(network: Network) -> None:
    sides = sides_of(replace(network, edges=()))
    assert 2.0 < sides.downstream.mean(DEVIATIONS, ALL)[0, 0] < 8.0
    assert sides.downstream.mean(DEVIATIONS, ALL)[0, -1] == 0.0
    assert sides.upstream.mean(DEVIATIONS, ALL)[0, 0] == 0.0


def test_only_the_strongest_links_count(network: Network) -> None:
    many = tuple(
        replace(network.sensors[0], sensor_id=SensorId(f"N{place}"), postmile=10.0 + place) for place in range(20)
    )
    edges = tuple(Edge(network.sensors[0].sensor_id, one.sensor_id, (place + 1) / 20) for place, one in enumerate(many))
    downstream = sides_of(replace(network, sensors=(*network.sensors, *many), edges=edges)).downstream
    assert np.count_nonzero(downstream.weights[0]) == MOST_LINKED
    assert downstream.weights[0].min() == 13 / 20


@given(values=arrays(np.float64, (3, 4), elements=st.floats(-60, 30)), seen=arrays(np.bool_, (3, 4)))
def test_a_mean_lies_between_those_seen(network: Network, values: np.ndarray, seen: np.ndarray) -> None:
    downstream = sides_of(replace(network, edges=())).downstream
    mean = downstream.mean(values, seen)
    for row in range(3):
        heard = values[row, 1:][seen[row, 1:]]
        if heard.size:
            assert heard.min() - 1e-9 <= mean[row, 0] <= heard.max() + 1e-9
        else:
            assert mean[row, 0] == 0.0
