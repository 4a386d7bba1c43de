"""Where something on the road is, and how long it lasts, in words that a driver understands. Pure."""

from datetime import timedelta

from shared.events.records import TrafficAlert
from shared.networks.network import Sensor

MINUTES_PER_HOUR = 60


def landmark(sensor: Sensor) -> str:
    """'near Getty Center Dr'; 'at mile 12.3' where the sensor's name is only its id or tells nothing but the road."""
    if sensor.name in {"", sensor.sensor_id, sensor.road_name, sensor.freeway}:
        return f"at mile {sensor.postmile:.1f}"
    return f"near {sensor.name}"


def place_of(alert: TrafficAlert) -> str:
    """The place in an alert's location, without the length of its queue."""
    return alert.location.rpartition(", ")[0] or alert.location


def duration_text(lasted: timedelta) -> str:
    """'35 min', '2 h 05 min'."""
    hours, minutes = divmod(round(lasted.total_seconds() / 60), MINUTES_PER_HOUR)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
