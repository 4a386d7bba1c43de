"""What ships, on days into which incidents were put that look like real ones."""

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest

from metrla.lab.incidents.alarms import Alarm
from metrla.lab.incidents.detectors import LIVE
from metrla.lab.incidents.injection import CAPACITY_LEFT, KINDS, draw_incidents, inject
from metrla.lab.incidents.injection_study import Upset, evaluate_live, result_of, upset_days, wilson
from metrla.lab.incidents.measures import Measures
from metrla.lab.incidents.shapes import DisturbanceShape, kinds_of, shape_of, share_at
from metrla.lab.incidents.truth import scene_of
from shared.events.errors import ConfigurationError
from shared.traffic.roadway import roadway
from tests.kit.networks import UTC_ZONE, along, network_of

STATIONS, DAYS, BEFORE, PER_DAY = 8, 8, 5, 288
MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - local, as measures have it
NETWORK = network_of(
    *along("I-1 N", [str(n) for n in range(STATIONS)], degrees_per_mile=0.01, lane_count=4),
    network_id="line",
    time_zone=UTC_ZONE,
)


@pytest.fixture(scope="module")
def calm() -> Measures:
    """Free flow on all days, two thirds of what the road takes by day, and little at night."""
    shape = DAYS * PER_DAY, STATIONS
    speed = np.random.default_rng(3).normal(63, 1.5, shape)
    day, slot = np.divmod(np.arange(DAYS * PER_DAY), PER_DAY)
    hour = slot * 24 // PER_DAY
    volume = np.repeat(np.where((hour < 5) | (hour > 22), 40.0, 320.0)[:, None], STATIONS, axis=1)
    volume[::50] = 480.0
    occupancy = volume / 480 * 0.12
    return Measures(roadway(NETWORK), MONDAY, speed, occupancy, volume, day, slot, np.arange(DAYS) % 7 >= 5)


@pytest.fixture(scope="module")
def upset(calm: Measures) -> Upset:
    return upset_days(calm, BEFORE, 12, seed=1)


def test_incidents_are_reproducible_and_apart(calm: Measures, upset: Upset) -> None:
    assert upset_days(calm, BEFORE, 12, seed=1).incidents == upset.incidents
    starts = [one.start_minutes for one in upset.incidents]
    assert len(starts) == 12
    assert np.diff(starts).min() >= 240
    assert min(starts) >= BEFORE * 24 * 60
    miles = [one.travel_miles for one in upset.incidents]
    assert not {round(mile, 6) for mile in miles} & {round(float(mile), 6) for mile in upset.scene.road.miles}


def test_more_incidents_than_fit_are_refused(calm: Measures) -> None:
    with pytest.raises(ConfigurationError, match="do not fit"):
        upset_days(calm, BEFORE, 100, seed=1)


def test_only_where_more_want_to_pass_than_can_is_there_a_queue(upset: Upset) -> None:
    for one in upset.incidents:
        left = CAPACITY_LEFT[one.lane_count][one.lanes_blocked]
        hour = one.start_minutes / 60 % 24
        if 5 < hour < 22.5:
            assert one.queues == (left < 320 / 480), one
        else:
            assert one.queues == (left < 40 / 480), one
    assert {one.queues for one in upset.incidents} == {True, False}


def test_queues_are_as_deep_as_real_ones(calm: Measures) -> None:
    """Once their median lowest speed was 3 mph."""
    scene = scene_of(calm)
    drawn = draw_incidents(scene, calm, BEFORE, 9, seed=2)
    shapes = [one.shape for one in drawn if one.queues]
    kinds = [sum(shape == kind for shape in shapes) for kind in KINDS]
    assert max(kinds) - min(kinds) <= 1


def test_a_queue_slows_what_is_upstream_and_no_more_pass_than_can(calm: Measures) -> None:
    scene = scene_of(calm)
    (one,) = [
        replace(one, shape=KINDS[0], excess=0.4, lanes_blocked=2, travel_miles=4.5, start_minutes=BEFORE * 1440 + 720.0)
        for one in draw_incidents(scene, calm, BEFORE, 1, seed=3)
    ]
    changed, (told,) = inject(scene, calm, [one])
    first = BEFORE * PER_DAY + 144
    slowed = calm.speed_mph - changed.speed_mph
    assert (slowed >= 0).all()
    assert slowed[:first].max() == 0
    assert slowed[:, 5:].max() == 0
    assert told.lowest_mph is not None
    assert told.lowest_mph == changed.speed_mph[first : first + 60].min()
    assert told.lowest_mph < 25
    assert changed.volume[first : first + 4, 3:7].max() <= 0.25 * 480
    # A denser queue upstream, a thinner stream downstream.
    assert changed.occupancy[first + 6, 4] > calm.occupancy[first + 6, 4]
    assert changed.occupancy[first + 6, 5] < calm.occupancy[first + 6, 5]


def test_the_shape_of_a_disturbance_is_read_from_its_sensors(calm: Measures) -> None:
    """What is put in is found again, about."""
    scene = scene_of(calm)
    kind = DisturbanceShape(0.4, 25.0, 15.0, 30.0, 20.0, 3.0)
    (one,) = [
        replace(one, shape=kind, excess=0.4, travel_miles=4.2, start_minutes=BEFORE * 1440 + 720.0)
        for one in draw_incidents(scene, calm, BEFORE, 1, seed=3)
    ]
    changed, (told,) = inject(scene, calm, [one])
    assert told.disturbance is not None
    found = shape_of(replace(scene, speed_mph=changed.speed_mph), told.disturbance)
    assert found is not None
    assert found.lowest_share == pytest.approx(0.4, abs=0.08)
    assert found.fall_minutes == pytest.approx(15, abs=10)
    assert found.hold_minutes == pytest.approx(30, abs=15)
    assert found.recovery_minutes == pytest.approx(20, abs=15)
    assert found.extent_miles == pytest.approx(3, abs=1.5)
    assert kinds_of(scene, [told.disturbance]) == ()


def test_the_share_of_speed_falls_holds_and_comes_back() -> None:
    kind = DisturbanceShape(0.4, 25.0, 10.0, 20.0, 10.0, 2.0)
    minutes = np.array([-5.0, 0.0, 5.0, 10.0, 30.0, 35.0, 40.0, 60.0])
    assert share_at(kind, minutes, 0.0) == pytest.approx([1.0, 1.0, 0.7, 0.4, 0.4, 0.7, 1.0, 1.0])
    assert share_at(kind, minutes, -0.3).tolist() == [1.0] * 8
    assert share_at(kind, minutes, 2.1).tolist() == [1.0] * 8
    assert share_at(kind, minutes, 1.0).min() == pytest.approx(0.55)


def test_what_ships_is_judged_by_depth_and_by_blockage(upset: Upset) -> None:
    result = evaluate_live(upset)
    queued = [one for one in upset.incidents if one.queues]
    assert result.name == LIVE
    assert sum(group.incidents for group in result.by_blockage) == len(queued)
    assert sum(group.incidents for group in result.by_depth) <= len(queued)
    assert result.light_traffic.incidents == 12 - len(queued)
    assert len(result.minutes) == 12


def test_detections_and_false_alarms_of_injected_incidents(upset: Upset) -> None:
    at, one = next((number, one) for number, one in enumerate(upset.incidents) if one.queues and one.lowest_mph)
    window = int(one.start_minutes // 5)
    assert one.disturbance is not None
    position = min(one.disturbance.positions)
    far = next(
        number for number in range(upset.first, len(upset.changed)) if not upset.changed[number - 12 : number].any()
    )
    result = result_of("x", [Alarm(10, (0,)), Alarm(window + 2, (position,)), Alarm(far, (7,))], upset)
    minutes = result.minutes[at]
    assert minutes is not None
    assert 10 <= minutes <= 15
    assert result.alarms == 2
    assert result.false_alarms_per_100_sensor_days == pytest.approx(100 / (3 * STATIONS))


def test_wilson_intervals_are_as_published() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)
