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
    """One window that speaks for an alert."""

    sensor_id: str = Field(description="Detector station.")
    window_end: datetime = Field(description="End of the window (event time, UTC).")
    speed: float | None = Field(description="Mean speed, mph; null if not observed.")
    usual_speed: float | None = Field(description="What is normal at this place and time, mph; null if not known.")
    forecast_speed: float | None = Field(description="What was forecast for this window, mph; null if nothing was.")


class Evidence(Answer):
    """Why an alert stands: one rule that holds or held, and what it measured."""

    rule: str = Field(description="The rule, such as bottleneck, forecast_residual, forecast or advisory.")
    measure: str = Field(description="What it measured, with the unit in the name, such as speed_drop_mph.")
    value: float = Field(description="What was measured.")
    threshold: float = Field(description="From where on the rule holds.")
    model_name: str | None = Field(description="Model whose forecasts the rule used; null: none.")
    model_version: str | None = Field(description="Version of that model; null: none.")
    windows: tuple[Window, ...] = Field(description="The windows that were judged, newest last.")


class Action(Answer):
    """What an operator did about an alert."""

    action_id: str = Field(description="Its id: it counts once.")
    alert_id: str = Field(description="The alert.")
    kind: AlertActionKind = Field(description="acknowledge (it is seen), comment or close (it is ended).")
    at: datetime = Field(description="When the gateway took it (wall time, UTC).")
    operator: str = Field(description="Who did it, in their own words.")
    text: str = Field(description="What they said; may be empty.")


class Alert(Answer):
    """The whole current state of one alert."""

    alert_id: str = Field(description="The same as long as the alert lives.")
    network_id: str = Field(description="Sensor network.")
    alert_type: AlertType
    severity: AlertSeverity
    status: AlertStatus = Field(description="raised, updated (it changed while it stands) or cleared.")
    revision: int = Field(description="Number of this state; grows with every change.")
    message: str = Field(description="What happens, in one sentence.")
    location: str = Field(description="Where, as drivers say it.")
    timestamp: datetime = Field(description="When it was raised (event time, UTC).")
    updated_at: datetime = Field(description="When traffic last changed it, or it was closed (event time, UTC).")
    cleared_at: datetime | None = Field(description="When it was cleared (event time, UTC); null while it stands.")
    latitude: Latitude
    longitude: Longitude
    affected_sensors: tuple[str, ...] = Field(description="Sensors in road order, upstream first.")
    estimated_duration: float | None = Field(
        ge=0, description="Estimated minutes from timestamp to its end; null while unknown."
    )
    estimated_duration_lower: float | None = Field(
        ge=0, description="With 90 % probability it lasts at least so many minutes; null while unknown."
    )
    estimated_duration_upper: float | None = Field(
        ge=0, description="With 90 % probability it lasts at most so many minutes; null while unknown."
    )
    confidence_score: Share = Field(description="How sure the detector is (0-1).")
    delay_vehicle_hours: float | None = Field(
        ge=0, description="Delay of all vehicles together so far, vehicle-hours; null where flow is not known."
    )
    recurrent: bool | None = Field(
        description="Of congestion: whether it is usual at this place and hour; null where that is not known."
    )
    expected_at: datetime | None = Field(
        description="Of a predicted alert: when it is expected (event time, UTC); null: it is there."
    )
    acknowledged: bool = Field(description="Whether an operator acknowledged it.")
    evidence: tuple[Evidence, ...] = Field(description="Why it stands: an entry for each rule that holds or held.")
    actions: tuple[Action, ...] = Field(description="What operators did about it, oldest first.")


class NewAction(BaseModel):
    """What an operator does about an alert."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: AlertActionKind = Field(description="acknowledge (it is seen), comment or close (it is ended).")
    operator: Annotated[str, Field(min_length=1, max_length=100)] = Field(description="Who does it.")
    text: Annotated[str, Field(max_length=1000)] = Field(default="", description="A comment needs one.")
    action_id: Id | None = Field(
        default=None, description="An id of your own: the same one again is the same action. So is Idempotency-Key."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.kind is AlertActionKind.COMMENT and not self.text:
            raise ValueError("text: a comment needs one")
        return self
