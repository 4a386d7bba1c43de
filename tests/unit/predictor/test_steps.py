from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from services.predictor.steps import StepProcessing
from shared.events.records import ProcessedTrafficAggregate
from shared.traffic.network import Network
from tests.kit.networks import UTC_ZONE, network_of
from tests.kit.windows import processed_window

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)


def window(sensor: str, number: int, network: str = "test", length: timedelta = FIVE) -> ProcessedTrafficAggregate:
    return processed_window(network, sensor, START + number * FIVE, length=length)


def step(number: int, network: str = "test") -> list[ProcessedTrafficAggregate]:
    return [window(f"S{place}", number, network) for place in range(4)]


@pytest.fixture
def processor(network: Network) -> StepProcessing:
    other = network_of(*network.sensors, network_id="other", time_zone=UTC_ZONE)
    return StepProcessing({network.network_id: network, other.network_id: other}, settle_seconds=2.0, correctable=3)


def test_two_networks_of_one_partition_do_not_mix(processor: StepProcessing) -> None:
    records = [one for pair in zip(step(0), step(0, "other"), strict=True) for one in pair]
    assert processor.handle(records, 0.0) == []
    due = processor.tick(2.0)
    assert sorted((one.network.network_id, one.delivered) for one in due) == [("other", 4), ("test", 4)]


def test_windows_that_fit_no_network_are_passed_over(processor: StepProcessing) -> None:
    strangers = [window("S9", 0), window("S0", 0, "elsewhere"), window("S0", 0, length=timedelta(minutes=1))]
    assert processor.handle(strangers, 0.0) == []
    processor.rebuild(strangers, 0.0)
    assert processor.tick(100.0) == []


def test_a_rebuild_makes_the_last_steps_due_again(processor: StepProcessing) -> None:
    processor.rebuild([one for number in range(30) for one in step(number)], 0.0)
    assert processor.tick(0.0) == []
    assert [one.window_start for one in processor.tick(2.0)] == [START + number * FIVE for number in range(26, 30)]


def test_enough_is_as_far_as_the_steps_of_every_network_look_back(processor: StepProcessing) -> None:
    reach = 12 + 12 + 3 + 1  # so many windows apart lie the first and the last of enough
    assert processor.enough([])
    assert not processor.enough(step(0) + step(reach - 1))
    assert processor.enough(step(0) + step(reach))
    assert not processor.enough(step(0) + step(reach) + step(0, "other"))
    assert processor.enough(step(0) + step(reach) + step(0, "elsewhere"))


@dataclass
class Wall:
    """A clock on the wall."""

    time: datetime

    def __call__(self) -> datetime:
        return self.time


def live(network: Network, wall: Wall) -> StepProcessing:
    return StepProcessing({network.network_id: network}, settle_seconds=2.0, correctable=3, clock=wall)


def test_the_silence_of_a_live_feed_is_told_by_the_wall_clock(network: Network) -> None:
    wall = Wall(START)
    processor, late = live(network, wall), timedelta(minutes=7)
    for number in range(3):
        wall.time = START + (number + 1) * FIVE + late
        processor.handle(step(number), 0.0)
    processor.tick(100.0)
    # Window 3 would have come five minutes later; it is given as many more.
    wall.time += 2 * FIVE - timedelta(seconds=1)
    assert processor.tick(200.0) == []
    wall.time += timedelta(seconds=1)
    (silent,) = processor.tick(201.0)
    assert (silent.window_start, silent.silent, silent.again) == (START + 3 * FIVE, True, False)
    assert processor.tick(202.0) == []
    wall.time += 2 * FIVE
    assert [one.window_start for one in processor.tick(300.0)] == [START + number * FIVE for number in (4, 5)]
    # After all that, the windows come, and so does what follows.
    due = processor.handle([one for number in range(3, 7) for one in step(number)], 301.0)
    due = [*due, *processor.tick(400.0)]
    assert [(one.window_start, one.delivered, one.again) for one in due] == [
        (START + number * FIVE, 4, False) for number in range(3, 7)
    ]


def test_forecasts_that_are_over_are_not_made_and_none_of_a_network_out_of_operation(network: Network) -> None:
    wall = Wall(START + FIVE)
    processor = live(network, wall)
    processor.handle(step(0), 0.0)
    processor.tick(100.0)
    wall.time += timedelta(hours=10)
    assert [one.window_start for one in processor.tick(101.0)] == [
        START + timedelta(hours=10) - number * FIVE for number in range(12, 0, -1)
    ]
    wall.time += timedelta(days=3)
    assert processor.tick(102.0) == []


def test_old_data_have_a_time_of_their_own(network: Network) -> None:
    """A replay that stops is no silence of the road, one that goes on after a gap tells of it."""
    wall = Wall(START + timedelta(days=1000))
    processor = live(network, wall)
    processor.handle([*step(0), *step(1)], 0.0)
    processor.tick(100.0)
    wall.time += timedelta(hours=1)
    assert processor.tick(200.0) == []
    due = [*processor.handle(step(4), 201.0), *processor.tick(300.0)]
    assert [(one.window_start, one.silent) for one in due] == [
        (START + number * FIVE, number < 4) for number in (2, 3, 4)
    ]


def test_a_live_feed_that_comes_back_is_not_forecast_in_hindsight(network: Network) -> None:
    wall = Wall(START + FIVE)
    processor = live(network, wall)
    processor.handle([*step(0), *step(1)], 0.0)
    processor.tick(100.0)
    wall.time += timedelta(hours=9)
    due = [*processor.handle(step(100), 201.0), *processor.tick(300.0)]
    assert [one.silent for one in due] == [False]


def test_right_after_a_restart_nobody_knows_whose_time_it_is(network: Network) -> None:
    wall = Wall(START + 31 * FIVE)
    processor = live(network, wall)
    processor.rebuild([one for number in range(30) for one in step(number)], 0.0)
    processor.tick(100.0)
    wall.time += timedelta(hours=1)
    assert processor.tick(200.0) == []
