"""The bottleneck rule, by hand-made speed fields."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from shared.alerts.congestion.queues import CongestionRule, Queue, find_queues, slow_sensors, speed_drops
from shared.traffic.network import Network
from shared.traffic.roadway import roadway

RULE = CongestionRule()
MakeNetwork = Callable[..., Network]


def drops(network: Network, east: Sequence[float], rule: CongestionRule = RULE) -> list[float]:
    """Drops at one point; the speeds are those of the eastbound sensors, upstream first."""
    there = roadway(network)
    return [float(drop) for drop in speed_drops(there, np.array([east]), rule)[0]]


def queues(network: Network, field: NDArray[np.float64], members: Sequence[bool] | None = None) -> list[Queue]:
    flags = np.zeros(field.shape[1], dtype=np.bool_) if members is None else np.array(members)
    return find_queues(roadway(network), field, np.isfinite(field).astype(np.float64), flags, RULE)


def lasting(*speeds: float) -> NDArray[np.float64]:
    return np.tile(np.array(speeds, dtype=np.float64), (RULE.points, 1))


class TestSpeedDrops:
    def test_the_head_of_a_queue_against_free_traffic_downstream(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 1, 2]), [30, 25, 60]) == [0, 35, 0]

    def test_the_tail_of_a_queue_against_free_traffic_upstream(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 1, 2]), [62, 30, 28]) == [0, 32, 34]

    def test_westbound_traffic_drives_towards_lower_postmiles(self, make_network: MakeNetwork) -> None:
        network = make_network([], [0, 1, 2])
        there = roadway(network)
        assert [sensor.sensor_id for sensor in there.sensors] == ["W2", "W1", "W0"]
        (queue,) = queues(network, lasting(60, 30, 25))
        assert queue.head.sensor_id == "W0"

    def test_a_rise_is_followed_from_sensor_to_sensor(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 1, 2]), [38, 50, 61])[0] == 23

    def test_a_rise_ends_where_speed_falls(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 0.5, 1, 1.5]), [38, 50, 45, 65])[0] == 12

    def test_level_speed_does_not_end_a_rise(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 1, 2]), [30, 30, 55]) == [25, 25, 0]

    @pytest.mark.parametrize(("miles", "expected"), [(3.0, 30), (3.001, 0)])
    def test_a_neighbour_is_at_most_three_miles_away(
        self, make_network: MakeNetwork, miles: float, expected: float
    ) -> None:
        assert drops(make_network([0, miles]), [30, 60])[0] == expected

    def test_the_other_carriageway_is_no_neighbour(self, make_network: MakeNetwork) -> None:
        network = make_network([0], [0.1])
        assert drops(network, [20, 65]) == [0, 0]

    def test_two_detectors_at_one_place_are_no_neighbours(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 0]), [20, 65]) == [0, 0]

    @pytest.mark.parametrize(("speed", "expected"), [(39.9, 20.1), (40.0, 0)])
    def test_only_slow_traffic_counts(self, make_network: MakeNetwork, speed: float, expected: float) -> None:
        assert drops(make_network([0, 1]), [speed, 60])[0] == pytest.approx(expected)

    def test_a_missing_sensor_gives_no_evidence(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 1]), [np.nan, 60]) == [0, 0]

    def test_a_missing_neighbour_is_passed_over_and_is_not_zero(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 1, 2]), [30, np.nan, 60]) == [30, 0, 0]

    def test_no_neighbour_with_speed_is_no_evidence(self, make_network: MakeNetwork) -> None:
        assert drops(make_network([0, 1]), [30, np.nan]) == [0, 0]


class TestQueues:
    @pytest.mark.parametrize(("points", "expected"), [(5, 1), (4, 0)])
    def test_five_of_seven_points(self, make_network: MakeNetwork, points: int, expected: int) -> None:
        field = np.vstack([np.tile([65.0, 65.0], (7 - points, 1)), np.tile([30.0, 65.0], (points, 1))])
        assert len(queues(make_network([0, 1]), field)) == expected

    def test_five_points_need_not_be_contiguous(self, make_network: MakeNetwork) -> None:
        field = lasting(30, 65)
        field[[1, 4], 0] = 65
        assert len(queues(make_network([0, 1]), field)) == 1

    def test_exactly_twenty_mph_is_enough(self, make_network: MakeNetwork) -> None:
        assert queues(make_network([0, 1]), lasting(39, 59))
        assert not queues(make_network([0, 1]), lasting(39, 58.9))

    def test_missing_points_are_not_counted_for_the_rule(self, make_network: MakeNetwork) -> None:
        field = lasting(30, 65)
        field[[0, 2, 4], 0] = np.nan
        assert not queues(make_network([0, 1]), field)

    def test_what_has_just_dissolved_raises_nothing(self, make_network: MakeNetwork) -> None:
        field = lasting(30, 65)
        field[-2:, 0] = 60
        assert not queues(make_network([0, 1]), field)

    def test_uniformly_slow_traffic_is_no_bottleneck(self, make_network: MakeNetwork) -> None:
        assert not queues(make_network([0, 1, 2]), lasting(35, 34, 36))

    def test_the_extent_reaches_upstream_as_far_as_traffic_is_slow(self, make_network: MakeNetwork) -> None:
        (queue,) = queues(make_network([0, 1, 2, 3, 4]), lasting(65, 35, 30, 20, 62))
        assert queue.sensor_ids == ("E1", "E2", "E3")
        assert queue.extent_miles == 3.0
        assert queue.drop_mph == 45
        assert queue.evidence == 1.0

    def test_the_mean_speed_and_the_delay_against_sixty(self, make_network: MakeNetwork) -> None:
        (queue,) = queues(make_network([0, 1, 2, 3]), lasting(65, 30, 20, 65))
        assert queue.mean_speed_mph == 25
        assert queue.delay_minutes == pytest.approx((60 / 30 - 1) + (60 / 20 - 1))

    def test_a_standstill_has_a_finite_delay(self, make_network: MakeNetwork) -> None:
        (queue,) = queues(make_network([0, 1, 2]), lasting(65, 0, 65))
        assert np.isfinite(queue.delay_minutes)

    def test_slow_stretches_close_together_are_one_queue(self, make_network: MakeNetwork) -> None:
        miles = [0, 0.5, 1, 1.5, 2]
        (queue,) = queues(make_network(miles), lasting(65, 30, 62, 30, 65))
        assert queue.sensor_ids == ("E1", "E3")

    def test_slow_stretches_far_apart_are_two(self, make_network: MakeNetwork) -> None:
        found = queues(make_network([0, 1, 3, 5, 6]), lasting(65, 30, 62, 30, 65))
        assert [queue.sensor_ids for queue in found] == [("E1",), ("E3",)]

    def test_neighbours_are_one_in_two_stretches(self, make_network: MakeNetwork) -> None:
        (queue,) = queues(make_network([0, 1, 2, 3, 4]), lasting(65, 30, 62, 30, 65))
        assert (queue.sensor_ids, queue.parts) == (("E1", "E3"), 2)
        (close,) = queues(make_network([0, 0.5, 1, 1.5, 2]), lasting(65, 30, 62, 30, 65))
        assert close.parts == 1

    def test_silent_sensors_between_slow_ones_do_not_part_them(self, make_network: MakeNetwork) -> None:
        (queue,) = queues(make_network([0, 1, 2, 3, 4]), lasting(65, 30, np.nan, 30, 65))
        assert queue.sensor_ids == ("E1", "E3")

    def test_a_queue_does_not_leave_its_carriageway(self, make_network: MakeNetwork) -> None:
        found = queues(make_network([0, 1], [0, 1]), lasting(65, 30, 30, 65))
        assert [queue.road_name for queue in found] == ["I-10 E", "I-10 W"]

    def test_share_observed_weighs_the_evidence(self, make_network: MakeNetwork) -> None:
        field, share = lasting(65, 30, 65), np.full((7, 3), 0.5)
        (queue,) = find_queues(roadway(make_network([0, 1, 2])), field, share, np.zeros(3, dtype=np.bool_), RULE)
        assert queue.evidence == 0.5

    def test_lanes_are_a_mean_and_unknown_where_none_is_known(self, make_network: MakeNetwork) -> None:
        assert queues(make_network([0, 1], lanes=5), lasting(30, 65))[0].lanes == 5
        assert queues(make_network([0, 1], lanes=None), lasting(30, 65))[0].lanes is None


class TestSlowSensors:
    def test_a_sensor_joins_in_two_of_three_points(self) -> None:
        field = np.array([[65.0, 65, 65], [65, 35, np.nan], [35, 35, 35]])
        assert slow_sensors(field, np.zeros(3, dtype=np.bool_), RULE).tolist() == [False, True, False]

    def test_a_member_stays_until_four_observed_points_are_free(self) -> None:
        member = np.ones(1, dtype=np.bool_)
        assert slow_sensors(np.array([[44.0], [65], [65], [65]]), member, RULE).all()
        assert not slow_sensors(np.array([[44.0], [65], [65], [65], [65]]), member, RULE).any()
        assert slow_sensors(np.array([[44.0], [np.nan], [65], [np.nan], [65]]), member, RULE).all()

    def test_a_silent_member_is_no_longer_one(self) -> None:
        assert not slow_sensors(np.full((7, 1), np.nan), np.ones(1, dtype=np.bool_), RULE).any()


def test_forty_thousand_sensors_follow_the_definition(make_network: MakeNetwork) -> None:
    network = make_network([mile / 4 for mile in range(40_000)])
    speeds = np.random.default_rng(7).uniform(15, 70, (RULE.points, 40_000))
    there = roadway(network)
    drops_mph = speed_drops(there, speeds, RULE)
    assert drops_mph.shape == speeds.shape
    # Against the definition, word by word, at some sensors.
    for sensor in range(5_000, 5_200):
        for way in (-1, 1):
            peak = speeds[0, sensor]
            for hop in range(1, 13):
                if speeds[0, sensor + way * hop] < peak:
                    break
                peak = speeds[0, sensor + way * hop]
            if speeds[0, sensor] < RULE.slow_mph:
                assert drops_mph[0, sensor] >= peak - speeds[0, sensor]
