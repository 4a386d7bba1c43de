"""What holds for every detector, whatever it sees."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from metrla.lab.incidents.baselines.california import California7, California8
from metrla.lab.incidents.baselines.exponential_smoothing import DoubleExponentialSmoothing
from metrla.lab.incidents.baselines.speed_rules import FixedThreshold, TwoStation
from metrla.lab.incidents.baselines.standard_normal_deviate import StandardNormalDeviate
from shared.alerts.detection.calibration import level_within, sensor_scales
from shared.alerts.detection.forecast_residual import ForecastResidual
from shared.alerts.detection.guard import Guarded
from shared.alerts.detection.protocol import IncidentDetector, Observation, watch
from shared.traffic.arrays import Floats
from shared.traffic.health.rules import HealthJudge, HealthRules
from shared.traffic.neighbours import neighbours
from shared.traffic.roadway import roadway
from shared.traffic.usual.running import RunningUsual
from tests.kit.networks import network_of, sensor

COUNT = 3
NAN = float("nan")
LANES = np.full(COUNT, 4.0)
ROAD = neighbours(
    roadway(network_of(*(sensor(str(n), n / 2, "I-1 N", latitude=NAN, longitude=NAN) for n in range(COUNT)))),
    2.5,
)


def at(threshold: float) -> Floats:
    return np.full((1, COUNT), threshold)


DETECTORS: list[IncidentDetector[Any]] = [
    FixedThreshold(at(10.0)),
    TwoStation(ROAD, at(10.0)),
    StandardNormalDeviate(at(3.0)),
    StandardNormalDeviate(at(3.0), on_speed=True),
    DoubleExponentialSmoothing(at(5.0)),
    DoubleExponentialSmoothing(at(5.0), on_speed=True),
    California7(ROAD, at(0.1), at(0.4), at(0.12)),
    California8(ROAD, at(0.1), -0.4, at(0.4), at(0.12), 0.2),
    ForecastResidual(ROAD, at(0.5), 24),
]
EACH = pytest.mark.parametrize("detector", DETECTORS, ids=lambda one: f"{one.name} {getattr(one, 'on_speed', '')}")


def repeated(speed: float, occupancy: float, windows: int = 80) -> list[Observation]:
    row = np.full(COUNT, speed), np.full(COUNT, occupancy), np.full(COUNT, 200.0)
    return [Observation(number, *row) for number in range(windows)]


@EACH
@settings(max_examples=15, deadline=None)
@given(speed=st.floats(11, 80), occupancy=st.floats(0.01, 0.9))
def test_constant_traffic_never_alarms(detector: IncidentDetector[Any], speed: float, occupancy: float) -> None:
    assert not watch(detector, repeated(speed, occupancy)).any()


@EACH
def test_silence_never_alarms(detector: IncidentDetector[Any]) -> None:
    assert not watch(detector, repeated(NAN, NAN)).any()


@EACH
@settings(max_examples=15, deadline=None)
@given(values=arrays(float, (40, COUNT), elements=st.floats(3, 80) | st.just(NAN)))
def test_a_step_changes_no_state_and_repeats_itself(detector: IncidentDetector[Any], values: Floats) -> None:
    seen = [Observation(n, row, row / 100, row) for n, row in enumerate(values)]
    state = detector.initial()
    for one in seen:
        first, after = detector.step(one, state)
        again, _ = detector.step(one, state)
        assert (first.alarm == again.alarm).all()
        state = after
    assert (watch(detector, seen) == watch(detector, seen)).all()


def test_the_baseline_of_the_deviate_stands_still_during_its_alarm() -> None:
    detector = StandardNormalDeviate(at(3.0))
    state = detector.initial()
    for seen in repeated(60.0, 0.05, 10):
        _, state = detector.step(seen, state)
    before = state.values.copy()
    for seen in repeated(60.0, 0.30, 10):
        _, state = detector.step(seen, state)
    assert state.latch.alarming.all()
    assert (state.values == before).all()


def test_an_alarm_moves_what_is_usual_by_little() -> None:
    detector = ForecastResidual(ROAD, at(0.5), 24)
    state = detector.initial()
    for seen in repeated(65.0, NAN, 48):
        _, state = detector.step(seen, state)
    for number in range(5):
        slow = replace(repeated(8.0, NAN, 1)[0], slot=48 + number)
        _, state = detector.step(slow, state)
    assert state.latch.alarming.all()
    usual = state.usual.at(50)
    assert usual is not None
    assert np.exp(usual) == pytest.approx(at(65.0), rel=0.2)


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.floats(5, 80), min_size=1, max_size=30))
def test_what_is_usual_stays_within_what_was_seen(values: list[float]) -> None:
    usual = RunningUsual.unknown(24)
    for value in values:
        usual = usual.learned(3, np.array([value]), np.ones((1, 1), np.bool_), 10.0)
    known = usual.at(3)
    assert known is not None
    assert min(values) - 1e-9 <= known[0, 0] <= max(values) + 1e-9


def test_a_stuck_sensor_raises_no_alarm_for_long() -> None:
    detector = Guarded(FixedThreshold(at(40.0)), HealthJudge(HealthRules(), LANES))
    alarming = watch(detector, repeated(20.0, 0.1, 40))
    assert alarming[:10].any()
    assert not alarming[20:].any()


def test_a_dead_sensor_raises_none() -> None:
    detector = Guarded(FixedThreshold(at(40.0)), HealthJudge(HealthRules(), LANES))
    rng = np.random.default_rng(2)
    slow = [replace(one, speed_mph=rng.uniform(10, 30, COUNT)) for one in repeated(20.0, 0.1, 5)]
    alarming = watch(detector, [*slow, *repeated(NAN, NAN, 20)])
    assert alarming[4].all()
    assert not alarming[-10:].any()


def test_noisy_sensors_get_higher_thresholds() -> None:
    rng = np.random.default_rng(3)
    scores = np.abs(rng.normal(0, (1.0, 2.0, 4.0), (5000, 3)))
    scales = sensor_scales(scores, np.ones(scores.shape, np.bool_))
    assert scales[0] < scales[1] < scales[2]
    assert sensor_scales(scores, np.zeros(scores.shape, np.bool_)).tolist() == [1, 1, 1]


@pytest.mark.parametrize(("rates", "level"), [([9, 5, 2, 0], 2), ([1, 1, 1], 0), ([9, 8, 7], 2), ([9, 1, 5, 0], 3)])
def test_the_level_keeps_to_its_budget(rates: list[float], level: int) -> None:
    assert level_within(rates, 2.0) == level
