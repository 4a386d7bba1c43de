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
