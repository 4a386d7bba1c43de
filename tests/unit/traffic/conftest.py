from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shared.events.records import ProcessedTrafficAggregate
from shared.traffic.network import Network
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

MakeWindow = Callable[..., ProcessedTrafficAggregate]


@pytest.fixture(scope="session")
def network() -> Network:
    return network_of(*along("I-405 N", "ABC", degrees_per_mile=0.01))


@pytest.fixture(scope="session")
def window() -> MakeWindow:
    def make(
        sensor: str, step: int, revision: int = 1, speed_mph: float | None = 60.0, volume: float | None = None
    ) -> ProcessedTrafficAggregate:
        start = START + step * timedelta(minutes=5)
        return processed_window("test", sensor, start, speed_mph, revision, volume_vehicles=volume)

    return make
