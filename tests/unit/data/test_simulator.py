from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrla.data.simulation.demand import recent_workday
from metrla.data.simulation.faults import FaultKind, SensorFault
from metrla.data.simulation.roads import WAVE_MPH
from metrla.data.simulation.scenario import Incident, Rain
from metrla.data.simulation.simulator import Simulator
from shared.events.errors import ConfigurationError
from shared.events.records import SensorId
from shared.traffic.calendar import is_day_off
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import Network
from tests.kit.networks import LOS_ANGELES, along, network_of

TUESDAY = datetime(2024, 5, 14, 10, 0, tzinfo=UTC)  # 03:00 in Los Angeles
WINDOW = timedelta(minutes=5)


def road(count: int, spacing: float = 1.0, reading_interval: timedelta = timedelta(seconds=30)) -> Network:
    """One carriageway to the north, its sensors `spacing` miles apart."""
    sensors = along("I-1 N", [f"s{number}" for number in range(count)], spacing, 1 / 69, lane_count=4)
    return network_of(*sensors, network_id="road", reading_interval=reading_interval)


@pytest.fixture(scope="module")
def example() -> Network:
    return load_network(EXAMPLE_NETWORK)


@pytest.fixture(scope="module")
def week(example: Network) -> np.ndarray:
    return Simulator(example, 7, random_scenario=False).speeds(TUESDAY - timedelta(days=1), 7 * 288)


def test_same_seed_same_traffic_and_another_seed_another() -> None:
    first = Simulator(road(4), 1).speeds(TUESDAY, 60)
    assert np.array_equal(first, Simulator(road(4), 1).speeds(TUESDAY, 60))
    assert not np.array_equal(first, Simulator(road(4), 2).speeds(TUESDAY, 60))


@settings(max_examples=12, deadline=None)
@given(
    start=st.integers(-200, 200),
    lengths=st.lists(st.integers(0, 90), min_size=1, max_size=4),
    seed=st.integers(0, 3),
)
def test_deliveries_do_not_depend_on_how_they_are_asked_for(start: int, lengths: list[int], seed: int) -> None:
    """Around 03:00 local, where simulated days meet, with every kind of fault."""
    network = road(3)
    interval = network.reading_interval
    begin = TUESDAY + start * interval

    def simulator() -> Simulator:
        return Simulator(network, seed, faults=list(FaultKind), faulty_share=0.5)

    pieces, at = [], begin
    for length in lengths:
        pieces += list(simulator().deliveries(at, at + length * interval))
        at += length * interval
    assert pieces == list(simulator().deliveries(begin, at))


def test_days_made_together_and_alone_are_the_same() -> None:
    network = road(3)
    together = Simulator(network, 5).speeds(TUESDAY - timedelta(days=4), 288 * 5)
    assert np.array_equal(together[-288:], Simulator(network, 5).speeds(TUESDAY, 288))


def test_speeds_are_the_means_of_what_is_delivered() -> None:
    network = road(4)
    simulator = Simulator(network, 3, faults=list(FaultKind), faulty_share=0.6)
    speeds = simulator.speeds(TUESDAY, 24)
    heard: dict[tuple[datetime, str], dict[datetime, float]] = {}
    for delivery in simulator.deliveries(TUESDAY, TUESDAY + 26 * WINDOW):
        for event in delivery.events:
            assert event.speed_mph is not None
            window = heard.setdefault((network.window_start(event.timestamp), event.sensor_id), {})
            window[event.timestamp] = event.speed_mph
    for row in range(24):
        for column, sensor in enumerate(network.sensors):
            readings = heard.get((TUESDAY + row * WINDOW, sensor.sensor_id))
            if readings is None:
                assert np.isnan(speeds[row, column])
            else:
                assert speeds[row, column] == pytest.approx(np.mean(list(readings.values())), abs=1e-6)


@pytest.mark.parametrize("seconds", [20, 30, 300])
def test_any_reading_interval(seconds: int) -> None:
    network = road(3, reading_interval=timedelta(seconds=seconds))
    speeds = Simulator(network, 1).speeds(TUESDAY, 12)
    assert np.all((speeds > 50) & (speeds < 80))
    deliveries = list(Simulator(network, 1).deliveries(TUESDAY, TUESDAY + WINDOW))
    assert len(deliveries) == 300 // seconds


@pytest.mark.parametrize(
    "spring_or_autumn", [datetime(2024, 3, 10, 8, tzinfo=UTC), datetime(2024, 11, 3, 7, tzinfo=UTC)]
)
def test_days_of_23_and_25_hours_leave_no_gap(spring_or_autumn: datetime) -> None:
    network = road(2)
    deliveries = list(Simulator(network, 1).deliveries(spring_or_autumn, spring_or_autumn + timedelta(hours=5)))
    assert {later.at - earlier.at for earlier, later in pairwise(deliveries)} == {network.reading_interval}
    assert all(event.timestamp == delivery.at for delivery in deliveries for event in delivery.events)
    assert sum(len(delivery.events) for delivery in deliveries) == 2 * 5 * 120


def test_peaks_follow_the_commute(example: Network, week: np.ndarray) -> None:
    """I-405 and US-101 southbound lead to the middle of the network: slow in the morning, fast in the evening."""
    morning, evening = slice(4 * 12, 7 * 12), slice(13 * 12, 16 * 12)  # 07:00-10:00 and 16:00-19:00
    for inbound, outbound in (("I-405 S", "I-405 N"), ("US-101 S", "US-101 N")):
        rows = {name: [example.index[s.sensor_id] for s in example.carriageways[name]] for name in (inbound, outbound)}
        for day in range(5):
            hours = week[day * 288 : (day + 1) * 288]
            assert (
                hours[morning][:, rows[inbound]].min(axis=0).mean()
                < hours[evening][:, rows[inbound]].min(axis=0).mean()
            )
            assert (
                hours[evening][:, rows[outbound]].min(axis=0).mean()
                < hours[morning][:, rows[outbound]].min(axis=0).mean()
            )


def test_weekends_are_freer_than_workdays(week: np.ndarray) -> None:
    assert (week[: 5 * 288] < 40).mean() > 0.02
    assert (week[5 * 288 :] < 40).mean() < 0.01


def test_every_workday_morning_shows_a_pems_bottleneck(example: Network, week: np.ndarray) -> None:
    """Below 40 mph and 20 mph below a neighbour within 3 miles, in 5 of 7 five-minute points (PeMS)."""
    for day in range(5):
        morning = week[day * 288 + 4 * 12 : day * 288 + 7 * 12]
        places = 0
        for sensor in example.sensors:
            here = morning[:, example.index[sensor.sensor_id]]
            along = example.carriageways[sensor.road_name]
            near = [one for one in along if 0 < abs(one.travel_miles - sensor.travel_miles) <= 3.0]
            others = morning[:, [example.index[one.sensor_id] for one in near]]
            drop = (here < 40) & (others.max(axis=1) - here >= 20)
            places += bool((np.convolve(drop, np.ones(7), "valid") >= 5).any())
        assert places >= 3


def test_nobody_drives_faster_than_ingest_believes(week: np.ndarray) -> None:
    assert np.nanmax(week) < 90
    assert np.nanmin(week) >= 3


def test_an_incident_makes_a_queue_that_grows_upstream_and_dissolves() -> None:
    network = road(6)
    noon = TUESDAY + timedelta(hours=9)
    incident = Incident(SensorId("s4"), noon, noon + timedelta(minutes=60), lanes_blocked=2)
    simulator = Simulator(network, 1, incidents=[incident], random_scenario=False)
    calm = Simulator(network, 1, random_scenario=False).speeds(noon, 36)
    speeds = simulator.speeds(noon, 36)
    assert simulator.scenario(noon, noon + timedelta(hours=1)).incidents == (incident,)
    assert simulator.scenario(noon + timedelta(hours=1), noon + timedelta(hours=2)).incidents == ()
    arrivals = [int(np.argmax(speeds[:, column] < 40)) for column in (4, 3, 2)]
    assert arrivals == sorted(arrivals)
    assert len(set(arrivals)) == 3, "the queue arrives at one sensor after the other"
    assert calm.min() > 50
    assert speeds[:12, 5].min() > 50, "downstream of the incident traffic is free"
    assert speeds[-6:].min() > 50, "everything has dissolved"


def test_a_shock_wave_travels_upstream_at_the_speed_of_the_model() -> None:
    """The end of a blockage runs back through the queue as the wave of the fundamental diagram."""
    network = road(6)
    noon = TUESDAY + timedelta(hours=9)
    end = noon + timedelta(minutes=90)
    simulator = Simulator(
        network, 1, incidents=[Incident(SensorId("s4"), noon, end, lanes_blocked=3)], random_scenario=False
    )
    readings: dict[SensorId, list[float]] = {sensor.sensor_id: [] for sensor in network.sensors}
    for delivery in simulator.deliveries(end, end + timedelta(minutes=60)):
        for event in delivery.events:
            readings[event.sensor_id].append(event.speed_mph or 0.0)
    released = {}
    for name in ("s3", "s2"):
        smooth = np.convolve(readings[SensorId(name)], np.ones(4) / 4, "valid")
        released[name] = int(np.argmax(smooth > 18)) * 30 / 3600
    mph = 1.0 / (released["s2"] - released["s3"])
    assert mph == pytest.approx(WAVE_MPH, rel=0.3)


def test_rain_slows_everybody() -> None:
    network = road(4)
    rain = Rain(TUESDAY, TUESDAY + timedelta(hours=3), intensity=1.0)
    dry = Simulator(network, 1, random_scenario=False).speeds(TUESDAY, 24)
    wet = Simulator(network, 1, rain=[rain], random_scenario=False).speeds(TUESDAY, 24)
    assert np.all(wet[6:] < dry[6:] - 4)


def test_flow_occupancy_and_speed_agree() -> None:
    """Volume per hour is speed times density, and density is occupancy over the length of a vehicle."""
    network = road(3, reading_interval=timedelta(minutes=5))
    simulator = Simulator(network, 1, random_scenario=False)
    for delivery in simulator.deliveries(TUESDAY, TUESDAY + timedelta(hours=12)):
        for event in delivery.events:
            assert event.speed_mph
            assert event.volume_vehicles is not None
            assert event.occupancy is not None
            density = event.occupancy / (22 / 5280)
            per_hour = event.volume_vehicles * 12 / 4
            assert per_hour == pytest.approx(density * event.speed_mph, rel=0.05, abs=15)


def readings_of(kind: FaultKind) -> list[list[tuple[datetime, float]]]:
    """What s1 delivers, delivery by delivery, while it fails for half an hour from 04:00."""
    at = TUESDAY + timedelta(hours=1)
    fault = SensorFault(SensorId("s1"), kind, at, at + timedelta(minutes=30))
    simulator = Simulator(road(3), 1, injected_faults=[fault])
    assert simulator.sensor_faults(at, at + WINDOW) == (fault,)
    return [
        [(event.timestamp, event.speed_mph or 0.0) for event in delivery.events if event.sensor_id == "s1"]
        for delivery in simulator.deliveries(at, at + timedelta(minutes=40))
    ]


def test_a_dead_sensor_sends_nothing_and_comes_back() -> None:
    deliveries = readings_of(FaultKind.DEAD)
    assert not any(deliveries[:60])
    assert all(deliveries[60:])


def test_a_stuck_sensor_repeats_itself() -> None:
    deliveries = readings_of(FaultKind.STUCK)
    assert len({speed for readings in deliveries[:60] for _, speed in readings}) == 1
    assert len({speed for readings in deliveries[60:] for _, speed in readings}) > 1


def test_a_noisy_sensor_scatters() -> None:
    deliveries = readings_of(FaultKind.NOISY)
    assert np.std([speed for readings in deliveries[:60] for _, speed in readings]) > 8
    assert np.std([speed for readings in deliveries[60:] for _, speed in readings]) < 4


def test_an_out_of_order_sensor_delivers_everything_once_but_late() -> None:
    deliveries = readings_of(FaultKind.OUT_OF_ORDER)
    times = [timestamp for readings in deliveries for timestamp, _ in readings]
    assert times != sorted(times)
    assert len(times) == len(set(times)) == 80


def test_a_duplicating_sensor_sends_the_same_again() -> None:
    sent = [reading for readings in readings_of(FaultKind.DUPLICATED) for reading in readings]
    assert len(set(sent)) == 80
    assert len(sent) > 85


def test_event_ids_say_sensor_and_time() -> None:
    (delivery,) = Simulator(road(1), 1).deliveries(TUESDAY, TUESDAY + timedelta(seconds=30))
    assert delivery.events[0].event_id == "s0@2024-05-14T10:00:00Z"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no sensor nowhere"):
        Simulator(road(2), 1, incidents=[Incident(SensorId("nowhere"), TUESDAY, TUESDAY + WINDOW)])
    with pytest.raises(ConfigurationError, match="does not start a window"):
        Simulator(road(2), 1).speeds(TUESDAY + timedelta(seconds=30), 1)


@given(st.integers(0, 2000 * 24 * 60))
def test_the_demo_starts_on_a_past_tuesday_morning(minutes: int) -> None:
    now = TUESDAY + timedelta(minutes=minutes)
    local = recent_workday(now, road(2)).astimezone(LOS_ANGELES)
    assert (local.weekday(), local.hour, local.minute) == (1, 7, 15)
    assert timedelta(days=120) < now - local < timedelta(days=135)
    assert isinstance(local.date(), date)


@given(st.integers(0, 2000))
def test_the_demo_starts_on_no_holiday(example: Network, days: int) -> None:
    now = TUESDAY + timedelta(days=days)
    local = recent_workday(now, example).astimezone(LOS_ANGELES)
    assert not is_day_off(example, local.date())
    assert (local.weekday(), local.hour, local.minute) == (1, 7, 15)
    assert timedelta(days=120) < now - local < timedelta(days=150)


def test_nobody_commutes_on_an_observed_holiday(example: Network) -> None:
    """Independence Day of 2026 is a Saturday, observed on the Friday before."""
    begins = datetime(2026, 7, 3, 3, tzinfo=LOS_ANGELES).astimezone(UTC)
    shares = []
    for network in (example, replace(example, holidays=None)):
        speeds = Simulator(network, 7, random_scenario=False).speeds(begins, 288)
        shares.append(float((speeds < 40).mean()))
    assert shares[0] < 0.01 < shares[1]
