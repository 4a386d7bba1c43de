"""Whether a record is about a sensor that the gateway knows, and within what its API promises. Pure.

Checked once when a record comes in, so that one odd record costs itself and never an answer that it would be part of.
"""

from collections.abc import Mapping

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.quantities import MAX_SPEED_MPH, MIN_SPEED_MPH
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficAlert, TrafficPrediction
from shared.traffic.network import Network, Sensor, on_globe

_NOT_NEGATIVE = (
    "estimated_duration_minutes",
    "estimated_duration_lower_minutes",
    "estimated_duration_upper_minutes",
    "delay_vehicle_hours",
)


def known_sensor(networks: Mapping[NetworkId, Network], network_id: NetworkId, sensor_id: SensorId) -> Sensor:
    """The sensor; raises `RejectedEventError` where network or sensor is unknown."""
    network = networks.get(network_id)
    if network is None:
        raise RejectedEventError(RejectionReason.UNKNOWN_NETWORK, f"network {network_id!r} is not configured")
    if sensor_id not in network.index:
        raise RejectedEventError(RejectionReason.UNKNOWN_SENSOR, f"network {network_id} has no sensor {sensor_id!r}")
    return network[sensor_id]


def require_window(window: ProcessedTrafficAggregate) -> None:
    """Check one window; raises `RejectedEventError` naming the first value outside the API's bounds."""
    what = f"sensor {window.sensor_id}, window {window.window_start}"
    _require_speed(window.mean_speed_mph, what)
    if window.occupancy is not None:
        _require_share("occupancy", window.occupancy, what)
    _require_share("share_observed", window.share_observed, what)
    if window.volume_vehicles is not None and not window.volume_vehicles >= 0:
        raise RejectedEventError(RejectionReason.VOLUME_OUT_OF_RANGE, f"{what}: {window.volume_vehicles} vehicles")


def require_prediction(prediction: TrafficPrediction) -> None:
    """Check one prediction; raises `RejectedEventError` naming the first value outside the API's bounds."""
    what = f"sensor {prediction.sensor_id}, prediction of {prediction.timestamp}"
    _require_speed(prediction.current_speed_mph, what)
    for horizon in prediction.horizons:
        _require_speed(horizon.predicted_speed_mph, what)
        _require_speed(horizon.lower_speed_mph, what)
        _require_speed(horizon.upper_speed_mph, what)
        _require_share("confidence_score", horizon.confidence_score, what)
        if horizon.congestion_probability is not None:
            _require_share("congestion_probability", horizon.congestion_probability, what)
        if horizon.horizon_minutes < 1:
            raise RejectedEventError(RejectionReason.INVALID_FIELD, f"{what}: horizon {horizon.horizon_minutes} min")


def require_alert(alert: TrafficAlert) -> None:
    """Check one alert; raises `RejectedEventError` naming the first value outside the API's bounds."""
    what = f"alert {alert.alert_id}"
    _require_share("confidence_score", alert.confidence_score, what)
    if not on_globe(alert.latitude, alert.longitude):
        raise RejectedEventError(
            RejectionReason.COORDINATES_OUT_OF_RANGE, f"{what}: {alert.latitude}, {alert.longitude}"
        )
    for name in _NOT_NEGATIVE:
        value = getattr(alert, name)
        if value is not None and not value >= 0:
            raise RejectedEventError(RejectionReason.INVALID_FIELD, f"{what}: {name} {value}")


def _require_speed(speed_mph: float | None, what: str) -> None:
    if speed_mph is not None and not MIN_SPEED_MPH <= speed_mph <= MAX_SPEED_MPH:
        raise RejectedEventError(RejectionReason.SPEED_OUT_OF_RANGE, f"{what}: {speed_mph} mph")


def _require_share(name: str, share: float, what: str) -> None:
    if not 0.0 <= share <= 1.0:
        raise RejectedEventError(RejectionReason.INVALID_FIELD, f"{what}: {name} {share}")
