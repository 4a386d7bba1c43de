"""Small worlds for the gateway's pure parts: one network, records with a value at every place that matters."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.gateway.views.traffic import TrafficView
from shared.events.records import (
    AlertId,
    AlertSeverity,
    AlertStatus,
    AlertType,
    HorizonForecast,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.traffic.network import Network, Sensor

NETWORK = NetworkId("toy")
START = datetime(2012, 5, 2, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)


def sensor(number: int, road_type: str = "freeway") -> Sensor:
    return Sensor(
        SensorId(f"s{number}"), f"Site {number}", "I-10", "E", float(number), 34.0, -118.0 + number / 100, road_type, 4
    )


@pytest.fixture
def networks() -> dict[NetworkId, Network]:
    sensors = (sensor(0), sensor(1), sensor(2, "ramp"))
    return {NETWORK: Network(NETWORK, "Toy", ZoneInfo("America/Los_Angeles"), sensors)}


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
        values: dict[str, Any] = {
            "network_id": NETWORK,
            "sensor_id": SensorId(sensor_id),
            "window_start": end - WINDOW,
            "window_end": end,
            "revision": 1,
            "speed_count": 1,
            "mean_speed_mph": speed,
            "min_speed_mph": speed,
            "max_speed_mph": speed,
            "std_speed_mph": None,
            "volume_vehicles": 100.0,
            "occupancy": 0.1,
            "share_observed": 1.0,
            "last_event_id": "e",
        }
        return ProcessedTrafficAggregate(**{**values, **changes})

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
            "alert_type": AlertType.CONGESTION,
            "severity": AlertSeverity.HIGH,
            "status": AlertStatus.RAISED,
            "revision": 1,
            "message": "Queue.",
            "location": "I-10 E",
            "raised_at": time,
            "updated_at": time,
            "cleared_at": None,
            "latitude": 34.0,
            "longitude": -118.0,
            "affected_sensors": (SensorId("s0"), SensorId("s1")),
            "estimated_duration_minutes": 20.0,
            "confidence_score": 0.8,
        }
        return TrafficAlert(**{**values, **changes})

    return build
