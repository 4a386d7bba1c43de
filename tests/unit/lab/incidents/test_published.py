"""Each published detector against a small case whose answer is known."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from metrla.lab.incidents.baselines.california import California7, California8
from metrla.lab.incidents.baselines.exponential_smoothing import DoubleExponentialSmoothing
from metrla.lab.incidents.baselines.mcmaster import McMaster, fit_template
from metrla.lab.incidents.baselines.speed_rules import FixedThreshold, TwoStation
from metrla.lab.incidents.baselines.standard_normal_deviate import StandardNormalDeviate
from shared.alerts.detection.forecast_residual import ForecastResidual
from shared.alerts.detection.protocol import IncidentDetector, Observation, watch
from shared.traffic.arrays import Flags, Floats
from shared.traffic.neighbours import Neighbours, neighbours
from shared.traffic.network import Network
from shared.traffic.roadway import roadway
from tests.kit.networks import network_of, sensor

SENSORS = 4
NAN = float("nan")
PER_DAY = 288
Table = Sequence[Sequence[float]] | Floats


def line(count: int = SENSORS) -> Network:
    """Stations every half mile of a northbound road, upstream first."""
    at = (sensor(str(n), n / 2, "I-1 N", latitude=NAN, longitude=NAN, lane_count=4) for n in range(count))
    return network_of(*at, network_id="line")


@pytest.fixture
def road() -> Neighbours:
    return neighbours(roadway(line()), 2.5)


def at(threshold: float) -> Floats:
    return np.full((1, SENSORS), threshold)


def days(speed: Table, occupancy: Table | None = None, volume: Table | None = None) -> list[Observation]:
    speeds = np.asarray(speed, dtype=float)
    occupancies = np.full(speeds.shape, np.nan) if occupancy is None else np.asarray(occupancy, dtype=float)
    volumes = np.full(speeds.shape, np.nan) if volume is None else np.asarray(volume, dtype=float)
    return [Observation(n, *row) for n, row in enumerate(zip(speeds, occupancies, volumes, strict=True))]


def windows_of(detector: IncidentDetector[Any], seen: list[Observation], sensor: int) -> list[int]:
    return np.flatnonzero(watch(detector, seen)[:, 0, sensor]).tolist()


def occupancies(rows: Sequence[Sequence[float]]) -> list[Observation]:
    return days(np.full((len(rows), SENSORS), np.nan), rows)


FREE = [0.06, 0.06, 0.06, 0.06]
QUEUE = [0.06, 0.30, 0.04, 0.05]


def test_fixed_threshold_waits_for_a_second_window() -> None:
    speeds = [[65, 65, 65, 65], [65, 30, 65, 65], [65, 30, 65, 65], [65, 42, 65, 65], [65, 50, 65, 65]]
    assert windows_of(FixedThreshold(at(40)), days(speeds), 1) == [2, 3]


def test_two_stations_need_a_fall_and_a_faster_road_beyond(road: Neighbours) -> None:
    fallen = [[65] * 4, [65] * 4, [65, 30, 65, 65], [65, 30, 65, 65], [65, 65, 65, 65]]
    always = [[65, 30, 65, 65]] * 5
    everywhere = [[65] * 4, [65] * 4, [30] * 4, [30] * 4, [30] * 4]
    assert windows_of(TwoStation(road, at(20)), days(fallen), 1) == [3]
    assert windows_of(TwoStation(road, at(20)), days(always), 1) == []
    assert windows_of(TwoStation(road, at(20)), days(everywhere), 1) == []


def test_standard_normal_deviate_counts_spreads_from_the_last_windows() -> None:
    # Mean 0.06, spread 0.01: 0.10 is four spreads away, 0.08 two.
    base = [[0.05] * 4, [0.06] * 4, [0.07] * 4, [0.05] * 4, [0.07] * 4]
    detector = StandardNormalDeviate(at(3.5))
    assert windows_of(detector, occupancies([*base, [0.10] * 4, [0.10] * 4, [0.06] * 4]), 0) == [6]
    assert windows_of(detector, occupancies([*base, [0.08] * 4, [0.08] * 4]), 0) == []


def test_the_tracking_signal_stays_over_its_limit_until_traffic_returns() -> None:
    rows = [FREE] * 20 + [[0.2] * 4] * 3 + [FREE] * 20
    alarmed = windows_of(DoubleExponentialSmoothing(at(10.0)), occupancies(rows), 0)
    assert alarmed[:3] == [20, 21, 22]
    assert alarmed[-1] < 42


def test_california_7_confirms_in_the_second_window_and_ends(road: Neighbours) -> None:
    detector = California7(road, at(0.1), at(0.4), at(0.12))
    assert windows_of(detector, occupancies([FREE, QUEUE, QUEUE, QUEUE, FREE]), 1) == [2, 3]
    assert windows_of(detector, occupancies([FREE, QUEUE, FREE, FREE]), 1) == []
    # A queue beyond is no incident here.
    assert windows_of(detector, occupancies([FREE] + [[0.06, 0.40, 0.20, 0.20]] * 3), 1) == []


def test_california_8_keeps_silent_after_a_compression_wave(road: Neighbours) -> None:
    seven = California7(road, at(0.05), at(0.4), at(0.12))
    eight = California8(road, at(0.05), -0.4, at(0.4), at(0.12), 0.2)
    wave = [0.06, 0.10, 0.30, 0.06]
    rows = [FREE, FREE, wave, QUEUE, QUEUE, FREE]
    assert windows_of(seven, occupancies(rows), 1) == [4]
    assert windows_of(eight, occupancies(rows), 1) == []
    assert windows_of(eight, occupancies([FREE, FREE, QUEUE, QUEUE, FREE]), 1) == [3]


def test_mcmaster_tells_an_incident_from_a_bottleneck(road: Neighbours) -> None:
    rng = np.random.default_rng(1)
    occupancy = rng.uniform(0.02, 0.12, (400, SENSORS))
    volume = 5000 * occupancy + rng.normal(0, 5, occupancy.shape)
    template = fit_template(np.full(occupancy.shape, 62.0), occupancy, volume)
    assert template.linear == pytest.approx(np.full(SENSORS, 5000.0), rel=0.1)
    detector = McMaster(road, template, at(5.0))
    free, queue = [0.08] * 4, [0.08, 0.35, 0.05, 0.05]
    speeds = np.full((4, SENSORS), 60.0)
    incident = [[400] * 4, *[[400, 250, 250, 250]] * 2, [400] * 4]
    assert windows_of(detector, days(speeds, [free, queue, queue, free], incident), 1) == [2]
    bottleneck = [0.08, 0.35, 0.12, 0.12]
    at_capacity = [[400] * 4, *[[400, 590, 595, 595]] * 2, [400] * 4]
    assert windows_of(detector, days(speeds, [free, bottleneck, bottleneck, free], at_capacity), 1) == []


def weeks() -> Floats:
    """Ten days of free traffic, but for a queue every afternoon at the second sensor."""
    speed = np.full((10 * PER_DAY, SENSORS), 65.0)
    for day in range(10):
        speed[day * PER_DAY + 180 : day * PER_DAY + 220, 1] = 25.0
    return speed


def alarms_on_the_last_day(speed: Floats) -> Flags:
    detector = ForecastResidual(neighbours(roadway(line()), 2.5), at(6.0), PER_DAY)
    return watch(detector, days(speed))[-PER_DAY:, 0]


def test_what_is_usual_is_no_incident() -> None:
    assert not alarms_on_the_last_day(weeks())[:, 1].any()


def test_what_is_not_usual_is_one_at_once() -> None:
    speed = weeks()
    last = len(speed) - PER_DAY
    speed[last + 100 : last + 106, 2] = 10.0
    alarmed = alarms_on_the_last_day(speed)
    assert np.flatnonzero(alarmed[:, 2]).tolist()[:6] == [100, 101, 102, 103, 104, 105]
    assert not alarmed[:, 0].any()
    assert not alarmed[115:, 2].any()
