import numpy as np
import pytest

from metrla.lab.forecasting.evaluation.disturbances import STUCK_WINDOWS, disturbances, faults
from shared.traffic.arrays import Floats
from shared.traffic.network import Network


@pytest.fixture(scope="module")
def speeds(network: Network) -> Floats:
    return np.random.default_rng(1).uniform(20, 70, (2000, len(network.sensors)))


def test_only_what_is_affected_changes(network: Network, speeds: Floats) -> None:
    for case in disturbances(network, speeds, seed=1):
        np.testing.assert_array_equal(case.speed_mph[~case.affected], speeds[~case.affected], err_msg=case.name)
        assert case.affected.any()
        assert len(case.network.sensors) == len(network.sensors)


def test_each_kind_is_what_it_says(network: Network, speeds: Floats) -> None:
    cases = {case.name: case for case in disturbances(network, speeds, seed=1)}
    assert list(cases) == [
        *("missing_10", "missing_30", "missing_50", "dead_corridor", "stuck", "unseen"),
        *("as_recorded", "dead_20", "dead_10", "stuck_at_25", "stuck_at_65", "clock_off", "noise"),
    ]
    for name, share in (("missing_10", 0.1), ("missing_30", 0.3), ("missing_50", 0.5)):
        assert np.isnan(cases[name].speed_mph).mean() == pytest.approx(share, abs=0.02)
    assert np.isnan(cases["dead_corridor"].speed_mph).all()
    assert "I-405 N, all 4 sensors" in cases["dead_corridor"].what
    stuck = cases["stuck"]
    (sensor,) = np.flatnonzero(stuck.affected.any(axis=0))
    stretch = np.flatnonzero(stuck.affected[:, sensor])[:STUCK_WINDOWS]
    assert len(set(stuck.speed_mph[stretch, sensor].tolist())) == 1
    assert stuck.affected[:, sensor].mean() == pytest.approx(0.5, abs=0.2)
    unknown = {one.sensor_id for one in cases["unseen"].network.sensors} - set(network.index)
    assert len(unknown) == 1
    assert {end for edge in cases["unseen"].network.edges for end in (edge.from_sensor, edge.to_sensor)} & unknown


def test_sensors_break_where_the_evaluation_begins(network: Network, speeds: Floats) -> None:
    speeds[1500, :], first = np.nan, 1000
    cases = {case.name: case for case in faults(network, speeds, first, seed=1)}
    for name, case in cases.items():
        assert not case.affected[:first].any()
        np.testing.assert_array_equal(case.speed_mph[:first], speeds[:first], err_msg=name)
    broken = np.flatnonzero(cases["dead_10"].affected[-1])
    for name in cases.keys() - {"dead_20"}:
        np.testing.assert_array_equal(np.flatnonzero(cases[name].affected[-1]), broken)
    np.testing.assert_array_equal(cases["as_recorded"].speed_mph, speeds)
    assert np.isnan(cases["dead_10"].speed_mph[first:, broken]).all()
    told = cases["stuck_at_65"].speed_mph[first:, broken]
    assert set(told[np.isfinite(told)].tolist()) == {65.0}
    # What was silent does not begin to speak by being stuck.
    assert np.isnan(told[1500 - first]).all()
    np.testing.assert_array_equal(cases["clock_off"].speed_mph[first:, broken], speeds[first - 12 : -12, broken])
    assert np.nanstd(cases["noise"].speed_mph[first:, broken] - speeds[first:, broken]) == pytest.approx(3.0, rel=0.1)


def test_the_same_seed_disturbs_the_same(network: Network, speeds: Floats) -> None:
    for one, other in zip(disturbances(network, speeds, 3), disturbances(network, speeds, 3), strict=True):
        np.testing.assert_array_equal(one.affected, other.affected)
