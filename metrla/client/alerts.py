"""Alerts, their evidence, and what operators do about them."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from metrla.client.values import (
    AlertActionKind,
    AlertSeverity,
    AlertStatus,
    AlertType,
    Answer,
    Id,
    Latitude,
    Longitude,
    Share,
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


class Evidence(Answer):
    """Why an alert was raised: one rule that applies or applied, and what it measured."""

    rule: str = Field(description="The rule, such as bottleneck, forecast_residual, forecast or advisory.")
    measure: str = Field(description="What it measured, with the unit in the name, such as speed_drop_mph.")
    value: float = Field(description="What was measured.")
    threshold: float = Field(description="Value from which the rule applies.")
    model_name: str | None = Field(description="Model whose forecasts the rule used; null: none.")
    model_version: str | None = Field(description="Version of that model; null: none.")
    windows: tuple[Window, ...] = Field(description="The windows that were judged, newest last.")


class Action(Answer):
    """An operator's action on an alert."""

    action_id: str = Field(description="Id of the action; an action counts once.")
    alert_id: str = Field(description="The alert.")
    kind: AlertActionKind = Field(description="acknowledge (it was seen), comment or close (it is over).")
    at: datetime = Field(description="When the gateway accepted it (wall clock, UTC).")
    operator: str = Field(description="Who did it, in their own words.")
    text: str = Field(description="Their comment or reason; may be empty.")


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


class NewAction(BaseModel):
    """An operator's action on an alert."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: AlertActionKind = Field(description="acknowledge (it was seen), comment or close (it is over).")
    operator: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="Who does it.")
    text: Annotated[str, Field(max_length=1000)] = Field(
        default="", description="Comment or reason; required for a comment."
    )
    action_id: Id | None = Field(
        default=None,
        description="Your own id for the action; sent again, it is the same action. Same as Idempotency-Key.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.kind is AlertActionKind.COMMENT and not self.text:
            raise ValueError("text: a comment needs one")
        return self
