from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId
from shared.traffic.network import Network, Sensor

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

MakeWindow = Callable[..., ProcessedTrafficAggregate]


@pytest.fixture(scope="session")
def network() -> Network:
    sensors = tuple(
        Sensor(SensorId(name), name, "I-405", "N", float(mile), 34.0 + mile / 100, -118.0)
        for mile, name in enumerate("ABC")
    )
    return Network(NetworkId("test"), "Test", ZoneInfo("America/Los_Angeles"), sensors)


@pytest.fixture(scope="session")
def window() -> MakeWindow:
    def make(
        sensor: str, step: int, revision: int = 1, speed_mph: float | None = 60.0, volume: float | None = None
    ) -> ProcessedTrafficAggregate:
        start = START + step * timedelta(minutes=5)
        return ProcessedTrafficAggregate(
            network_id=NetworkId("test"),
            sensor_id=SensorId(sensor),
            window_start=start,
            window_end=start + timedelta(minutes=5),
            revision=revision,
            speed_count=0 if speed_mph is None else revision,
            mean_speed_mph=speed_mph,
            min_speed_mph=speed_mph,
            max_speed_mph=speed_mph,
            std_speed_mph=None if speed_mph is None else 0.0,
            volume_vehicles=volume,
            occupancy=None,
            share_observed=1.0,
            last_event_id=f"{sensor}-{step}-{revision}",
        )

    return make
