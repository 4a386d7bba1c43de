"""What the API says of alerts: every field with its unit and its bounds."""

from datetime import datetime

from pydantic import Field

from services.gateway.responses import Answer, Latitude, Longitude, Share
from services.gateway.views.alerts import is_acknowledged
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertEvidence,
    AlertSeverity,
    AlertStatus,
    AlertType,
    MeasuredWindow,
    TrafficAlert,
)


class Window(Answer):
    """One window that supports an alert."""

    sensor_id: str = Field(description="Sensor.")
    window_end: datetime = Field(description="End of the window (event time, UTC).")
    speed: float | None = Field(description="Mean speed, mph; null if not observed.")
    usual_speed: float | None = Field(description="Usual speed at this place and time, mph; null if not known.")
    forecast_speed: float | None = Field(
        description="Speed that was forecast for this window, mph; null if there was no forecast."
    )

    @classmethod
    def of(cls, window: MeasuredWindow) -> "Window":
        """The answer for one window."""
        return cls(
            sensor_id=window.sensor_id,
            window_end=window.window_end,
            speed=_rounded(window.speed_mph),
            usual_speed=_rounded(window.usual_mph),
            forecast_speed=_rounded(window.forecast_mph),
        )


class Evidence(Answer):
    """Why an alert was raised: one rule that applies or applied, and what it measured."""

    rule: str = Field(description="The rule, such as bottleneck, forecast_residual, forecast or advisory.")
    measure: str = Field(description="What it measured, with the unit in the name, such as speed_drop_mph.")
    value: float = Field(description="What was measured.")
    threshold: float = Field(description="Value from which the rule applies.")
    model_name: str | None = Field(description="Model whose forecasts the rule used; null: none.")
    model_version: str | None = Field(description="Version of that model; null: none.")
    windows: tuple[Window, ...] = Field(description="The windows that were judged, newest last.")

    @classmethod
    def of(cls, evidence: AlertEvidence) -> "Evidence":
        """The answer for one rule."""
        return cls(
            rule=evidence.rule,
            measure=evidence.measure,
            value=evidence.value,
            threshold=evidence.threshold,
            model_name=evidence.model_name,
            model_version=evidence.model_version,
            windows=tuple(map(Window.of, evidence.windows)),
        )


class Action(Answer):
    """An operator's action on an alert."""

    action_id: str = Field(description="Id of the action; an action counts once.")
    alert_id: str = Field(description="The alert.")
    kind: AlertActionKind = Field(description="acknowledge (it was seen), comment or close (it is over).")
    at: datetime = Field(description="When the gateway accepted it (wall clock, UTC).")
    operator: str = Field(description="Who did it, in their own words.")
    text: str = Field(description="Their comment or reason; may be empty.")

    @classmethod
    def of(cls, action: AlertAction) -> "Action":
        """The answer for one action."""
        return cls(**{name: getattr(action, name) for name in cls.model_fields})


class Alert(Answer):
    """The complete current state of one alert."""

    alert_id: str = Field(description="Id of the alert; it never changes.")
    network_id: str = Field(description="Sensor network.")
    alert_type: AlertType
    severity: AlertSeverity = Field(
        description="How bad it is for those who drive there now; of a cleared alert, the worst that it reached."
    )
    worst_severity: AlertSeverity = Field(description="The worst severity that it has reached so far.")
    status: AlertStatus = Field(description="raised, updated (it changed while active) or cleared.")
    revision: int = Field(description="Number of this state; grows with every change.")
    message: str = Field(description="What is happening, in one sentence.")
    location: str = Field(description="Where it is, as drivers would say.")
    timestamp: datetime = Field(description="When it was raised (event time, UTC).")
    updated_at: datetime = Field(description="When traffic last changed it, or it was closed (event time, UTC).")
    cleared_at: datetime | None = Field(description="When it was cleared (event time, UTC); null while it is active.")
    latitude: Latitude
    longitude: Longitude
    affected_sensors: tuple[str, ...] = Field(description="Sensors in road order, upstream first.")
    estimated_duration: float | None = Field(
        ge=0, description="Estimated minutes from timestamp to its end; null while unknown."
    )
    estimated_duration_lower: float | None = Field(
        ge=0, description="Lower end of the 90 % interval of the duration, minutes; null while unknown."
    )
    estimated_duration_upper: float | None = Field(
        ge=0, description="Upper end of the 90 % interval of the duration, minutes; null while unknown."
    )
    confidence_score: Share = Field(description="How sure the detector is (0-1).")
    delay_vehicle_hours: float | None = Field(
        ge=0, description="Total delay of all vehicles so far, vehicle-hours; null where flow is not known."
    )
    recurrent: bool | None = Field(
        description="For congestion: whether it is usual at this place and time; null where that is not known."
    )
    expected_at: datetime | None = Field(
        description="For expected congestion: when it is expected (event time, UTC); null: it has been observed."
    )
    acknowledged: bool = Field(description="Whether an operator acknowledged it.")
    evidence: tuple[Evidence, ...] = Field(
        description="Why it was raised: one entry for each rule that applies or applied."
    )
    actions: tuple[Action, ...] = Field(description="What operators did, oldest first.")

    @classmethod
    def of(cls, alert: TrafficAlert) -> "Alert":
        """The answer for one alert."""
        return cls(
            alert_id=alert.alert_id,
            network_id=alert.network_id,
            alert_type=alert.alert_type,
            severity=alert.severity,
            worst_severity=alert.worst_severity or alert.severity,
            status=alert.status,
            revision=alert.revision,
            message=alert.message,
            location=alert.location,
            timestamp=alert.raised_at,
            updated_at=alert.updated_at,
            cleared_at=alert.cleared_at,
            latitude=alert.latitude,
            longitude=alert.longitude,
            affected_sensors=alert.affected_sensors,
            estimated_duration=alert.estimated_duration_minutes,
            estimated_duration_lower=alert.estimated_duration_lower_minutes,
            estimated_duration_upper=alert.estimated_duration_upper_minutes,
            confidence_score=alert.confidence_score,
            delay_vehicle_hours=alert.delay_vehicle_hours,
            recurrent=alert.recurrent,
            expected_at=alert.expected_at,
            acknowledged=is_acknowledged(alert),
            evidence=tuple(map(Evidence.of, alert.evidence)),
            actions=tuple(map(Action.of, alert.actions)),
        )


def _rounded(speed_mph: float | None) -> float | None:
    return None if speed_mph is None else round(speed_mph, 2)
