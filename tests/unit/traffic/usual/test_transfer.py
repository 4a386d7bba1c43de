from dataclasses import replace

import numpy as np

from shared.events.records import SensorId
from shared.traffic.network import Network
from shared.traffic.usual.transfer import FALLBACK_MPH, completed, has_profile

NAN = float("nan")


def test_a_known_profile_stays_as_it_is(network: Network) -> None:
    profile = np.arange(8.0).reshape(2, 4)
    assert completed(network, profile) is profile


def test_a_new_sensor_is_like_the_nearest_of_its_carriageway(network: Network) -> None:
    profile = np.array([[30.0, NAN, 50.0, 60.0]])
    (found,) = completed(network, profile)
    assert found[[0, 2, 3]].tolist() == [30.0, 50.0, 60.0]
    weights = np.array([1 / 1.5, 1 / 1.5, 1 / 2.5])
    assert np.isclose(found[1], weights @ [30, 50, 60] / weights.sum())
    assert has_profile(profile).tolist() == [True, False, True, True]


def test_another_direction_counts_only_where_nothing_else_is_known(network: Network) -> None:
    across = replace(network.sensors[0], sensor_id=SensorId("X"), direction="S", postmile=1.0)
    both = replace(network, sensors=(*network.sensors, across))
    profile = np.array([[30.0, NAN, 50.0, 60.0, 10.0]])
    assert completed(both, profile)[0, 1] > 30.0
    alone = np.array([[30.0, 40.0, 50.0, 60.0, NAN]])
    assert 30.0 < completed(both, alone)[0, 4] < 50.0


def test_where_nothing_is_known_free_flow_is_usual(network: Network) -> None:
    assert np.all(completed(network, np.full((2, 4), NAN)) == FALLBACK_MPH)
