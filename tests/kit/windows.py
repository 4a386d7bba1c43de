"""Processed windows for tests."""

from datetime import datetime, timedelta
from typing import Any

from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId

WINDOW = timedelta(minutes=5)


def processed_window(
    network_id: str,
    sensor_id: str,
    start: datetime,
    speed_mph: float | None = 60.0,
    revision: int = 1,
    length: timedelta = WINDOW,
    **fields: Any,  # noqa: ANN401 - whatever the record has
) -> ProcessedTrafficAggregate:
    """The window [start, start + length) whose readings were all of one speed, or of none; `fields` win."""
    values: dict[str, Any] = {
        "network_id": NetworkId(network_id),
        "sensor_id": SensorId(sensor_id),
        "window_start": start,
        "window_end": start + length,
        "revision": revision,
        "speed_count": 0 if speed_mph is None else revision,
        "mean_speed_mph": speed_mph,
        "min_speed_mph": speed_mph,
        "max_speed_mph": speed_mph,
        "std_speed_mph": None if speed_mph is None else 0.0,
        "volume_vehicles": None,
        "occupancy": None,
        "share_observed": 1.0,
        "last_event_id": f"{sensor_id}-{start:%dT%H:%M}-{revision}",
    }
    return ProcessedTrafficAggregate(**values | fields)
