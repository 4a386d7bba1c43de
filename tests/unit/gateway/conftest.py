"""Small worlds for the gateway's pure parts: one network, records with a value at every place that matters."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.views.traffic import TrafficView
from shared.events.records import (
    AlertId,
    AlertSeverity,
    HorizonForecast,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.traffic.network import Network
from tests.kit.announcements import alert_of
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

NETWORK = NetworkId("toy")
START = datetime(2012, 5, 2, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


@pytest.fixture
def networks() -> dict[NetworkId, Network]:
    first, second, third = along("I-10 E", ["s0", "s1", "s2"], 1.0, 0.01, names="Site {number}", lane_count=4)
    return {NETWORK: network_of(first, second, replace(third, road_type="ramp"), network_id=NETWORK)}


@pytest.fixture
def view(networks: dict[NetworkId, Network]) -> TrafficView:
    return TrafficView(networks, timedelta(minutes=60), max_alerts=5)


@pytest.fixture
def window() -> Callable[..., ProcessedTrafficAggregate]:
    def build(
        step: int,
        sensor_id: str = "s0",
        speed: float | None = 60.0,
        **changes: Any,  # noqa: ANN401 - stands for any field
    ) -> ProcessedTrafficAggregate:
        """The window that ends `step` windows after START."""
        end = START + step * WINDOW
        made = processed_window(NETWORK, sensor_id, end - WINDOW, speed, volume_vehicles=100.0, occupancy=0.1)
        return replace(made, std_speed_mph=None, **changes)

    return build


@pytest.fixture
def prediction() -> Callable[..., TrafficPrediction]:
    def build(step: int, sensor_id: str = "s0", model: str = "linear_regression", **changes: Any) -> TrafficPrediction:  # noqa: ANN401 - stands for any field
        """The prediction whose origin lies `step` windows after START, with three horizons."""
        origin = START + step * WINDOW
        confidences = changes.pop("confidences", (0.9, 0.7, 0.5))
        values: dict[str, Any] = {
            "network_id": NETWORK,
            "sensor_id": SensorId(sensor_id),
            "timestamp": origin,
            "model_name": model,
            "model_version": "1",
            "revision": 1,
            "current_speed_mph": 60.0,
            "horizons": tuple(
                HorizonForecast(5 * ahead, origin + ahead * WINDOW, 50.0 + ahead, 40.0, 70.0, confidence)
                for ahead, confidence in zip((1, 2, 3), confidences, strict=True)
            ),
        }
        return TrafficPrediction(**{**values, **changes})

    return build


@pytest.fixture
def alert() -> Callable[..., TrafficAlert]:
    def build(step: int, alert_id: str | None = None, **changes: Any) -> TrafficAlert:  # noqa: ANN401 - stands for any field
        time = START + step * WINDOW
        values: dict[str, Any] = {
            "alert_id": AlertId(alert_id or f"a{step}"),
            "network_id": NETWORK,
            "severity": AlertSeverity.HIGH,
            "affected_sensors": (SensorId("s0"), SensorId("s1")),
            "estimated_duration_minutes": 20.0,
            "confidence_score": 0.8,
        }
        return alert_of(time, **{**values, **changes})

    return build
