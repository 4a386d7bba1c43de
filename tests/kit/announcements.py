"""Alerts and advisories for tests: plain ones, of which a test says only what it is about."""

from datetime import datetime
from typing import Any

from shared.events.records import (
    AdvisoryId,
    AdvisoryType,
    AlertId,
    AlertSeverity,
    AlertStatus,
    AlertType,
    NetworkId,
    SensorId,
    TrafficAdvisory,
    TrafficAlert,
)


def alert_of(raised_at: datetime, **fields: Any) -> TrafficAlert:  # noqa: ANN401 - whatever the record has
    """A queue that was just raised; `fields` win."""
    values: dict[str, Any] = {
        "alert_id": AlertId("a"),
        "network_id": NetworkId("test"),
        "alert_type": AlertType.CONGESTION,
        "severity": AlertSeverity.LOW,
        "status": AlertStatus.RAISED,
        "revision": 1,
        "message": "Queue.",
        "location": "I-10 E",
        "raised_at": raised_at,
        "updated_at": raised_at,
        "cleared_at": None,
        "latitude": 34.0,
        "longitude": -118.0,
        "affected_sensors": (SensorId("s0"),),
        "estimated_duration_minutes": None,
        "confidence_score": 0.9,
    }
    return TrafficAlert(**values | fields)


def advisory_of(starts_at: datetime, **fields: Any) -> TrafficAdvisory:  # noqa: ANN401 - likewise
    """Works without an end; `fields` win."""
    values: dict[str, Any] = {
        "advisory_id": AdvisoryId("a"),
        "network_id": NetworkId("test"),
        "advisory_type": AdvisoryType.CONSTRUCTION,
        "title": "Paving",
        "description": "",
        "severity": AlertSeverity.LOW,
        "starts_at": starts_at,
        "ends_at": None,
        "affected_sensors": (SensorId("s0"),),
        "latitude": None,
        "longitude": None,
        "source": "Caltrans",
        "withdrawn": False,
    }
    return TrafficAdvisory(**values | fields)
