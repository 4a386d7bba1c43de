"""Estimated durations and calibrated confidence: what must hold of them whatever they were fitted on."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.alerts.congestion.confidence import congestion_confidence
from shared.alerts.congestion.duration import QueueSigns, congestion_duration, signs_of, stratum
from shared.alerts.congestion.duration_weights import LEVELS, WEIGHTS
from shared.alerts.congestion.queues import Queue
from shared.alerts.incidents.confidence import incident_confidence
from shared.alerts.incidents.duration import incident_duration
from shared.alerts.lifecycle.duration import PRIOR_WEIGHT, estimate
from shared.events.records import SensorId
from shared.traffic.network import Network

MINUTES = st.floats(0, 2000)


SIGNS = st.builds(
    QueueSigns,
    stratum=st.sampled_from(sorted(LEVELS)),
    age_minutes=st.floats(0, 10_000),
    extent_miles=st.floats(0, 100),
    free_flow_share=st.floats(0, 2),
    trend_mph=st.floats(-100, 100),
    growth=st.floats(-5, 5),
    usual_left_minutes=st.none() | MINUTES,
    past_left_minutes=st.none() | MINUTES,
    usual_share=st.none() | st.floats(0, 1),
)


@given(SIGNS, st.lists(MINUTES, max_size=60))
def test_an_interval_holds_its_median_and_never_lies_below_the_age(signs: QueueSigns, past: list[float]) -> None:
    for told in (congestion_duration(signs), incident_duration(past, signs.age_minutes)):
        assert told.lower_minutes <= told.median_minutes <= told.upper_minutes
        assert told.lower_minutes >= signs.age_minutes - 0.1


def test_every_sign_has_its_weights() -> None:
    signs = QueueSigns("weekday 0", 0.0, 1.0, 0.5, 0.0, 0.0, None, None, None)
    assert [len(weights) for weights in WEIGHTS] == [len(signs.values)] * 3
    assert {len(levels) for levels in LEVELS.values()} == {3}


def test_what_is_usual_here_and_a_queue_that_shrinks_tell_when_it_ends() -> None:
    signs = QueueSigns("weekday 3", 60.0, 2.0, 0.4, 0.0, 0.0, 120.0, None, None)
    told = congestion_duration(signs).median_minutes
    assert congestion_duration(replace(signs, usual_left_minutes=15.0)).median_minutes < told
    assert congestion_duration(replace(signs, growth=-1.0, trend_mph=10.0)).median_minutes < told


def test_the_signs_of_a_queue(road: Network) -> None:
    zone, names = road.time_zone, ("E3", "E4")
    at = datetime(2026, 3, 2, 17, 30, tzinfo=zone)
    sensors = tuple(road[SensorId(name)] for name in names)
    queue = Queue(
        "I-10 E",
        sensors,
        detected=True,
        extent_miles=1.0,
        mean_speed_mph=30.0,
        delay_minutes=1.0,
        drop_mph=25.0,
        lanes=4.0,
        evidence=1.0,
        free_flow_mph=60.0,
        usual_share=1.0,
    )
    speed = np.array([[30.0, 60.0]] * 3 + [[30.0, 30.0]] * 4)
    yesterday, week = timedelta(days=1), timedelta(days=7)
    # On the Monday before and on a Sunday it began at 17 h; only the Monday is a working day like this one.
    past = [
        (at - week - timedelta(minutes=30), at - week + timedelta(minutes=45)),
        (at - yesterday - timedelta(minutes=30), at - yesterday + timedelta(minutes=5)),
        (at - week + timedelta(days=1, minutes=-10), at - week + timedelta(days=1, minutes=15)),
    ]
    signs = signs_of(queue, speed, np.array([0.5, 0.5]), at - timedelta(minutes=20), at, past, road, 40.0)
    assert (signs.stratum, signs.age_minutes, signs.free_flow_share) == ("weekday 3", 20.0, 0.5)
    assert (signs.usual_left_minutes, signs.past_left_minutes) == (30.0, 15.0)
    assert signs.trend_mph == -15.0
    assert signs.growth == pytest.approx(np.log(2 / 1.5))


@given(st.lists(MINUTES, max_size=60), MINUTES, MINUTES)
def test_what_has_stood_longer_is_expected_to_last_longer(past: list[float], age: float, more: float) -> None:
    # Beyond what was ever seen another rule speaks: only the empirical part is monotone throughout.
    age, older = min(age, 50.0), min(age + more, 50.0)
    assert incident_duration(past, older).median_minutes >= incident_duration(past, age).median_minutes


def test_without_a_past_the_pool_speaks() -> None:
    told = estimate([10, 20, 30, 40, 50], [], 0, 0.05)
    assert (told.lower_minutes, told.median_minutes, told.upper_minutes) == (10, 30, 50)
    assert estimate([10, 20, 30, 40, 50], [], 30, 0.05).lower_minutes == 40


def test_a_long_past_outweighs_the_pool() -> None:
    assert estimate([10] * 5, [100] * (int(PRIOR_WEIGHT) + 1), 0, 0.05).median_minutes == 100
    assert estimate([10] * 5, [100] * (int(PRIOR_WEIGHT) - 1), 0, 0.05).median_minutes == 10


def test_every_hour_has_a_table() -> None:
    assert {stratum(60.0 * hour, day_off=off) for off in (False, True) for hour in range(24)} == set(LEVELS)


@given(st.floats(0, 80), st.floats(0, 80), st.floats(0, 30), st.floats(0, 30))
def test_slower_and_longer_queues_are_surer(speed: float, other: float, miles: float, more: float) -> None:
    slow, fast = sorted((speed, other))
    short, long = sorted((miles, more))
    assert 0 <= congestion_confidence(fast, short) <= congestion_confidence(slow, long) <= 1


@pytest.mark.parametrize(("rarer", "commoner"), [(0.1, 0.5), (1.0, 2.0), (3.0, 8.0)])
def test_rarer_evidence_is_surer(rarer: float, commoner: float) -> None:
    assert 0 < incident_confidence(commoner) < incident_confidence(rarer) < 1
