"""What can be set about the alert detector, from variables `METRLA_ALERT_DETECTOR_…`."""

from typing import Self

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.observed.tuning import DetectorTuning

SHIPPED = DetectorTuning()
RULE, MATERIAL = SHIPPED.rule, SHIPPED.material


class AlertDetectorSettings(BaseSettings):
    """Thresholds and patience of the alert detector; the defaults are explained in docs/alerts.md."""

    model_config = SettingsConfigDict(env_prefix="METRLA_ALERT_DETECTOR_", frozen=True, env_ignore_empty=True)

    group: str = Field(default="metrla-alert-detector", min_length=1, description="Kafka consumer group.")
    settle_seconds: float = Field(
        default=SHIPPED.settle_seconds,
        gt=0,
        description="Wall time without a further window after which an incomplete step is judged.",
    )
    silence_seconds: float = Field(
        default=SHIPPED.silence_seconds,
        gt=0,
        description="Wall time without any window of a network after which its alerts are cleared: data is missing.",
    )
    slow_mph: float = Field(default=RULE.slow_mph, gt=0, le=120, description="Traffic below this speed is slow.")
    drop_mph: float = Field(
        default=RULE.drop_mph, gt=0, le=120, description="Traffic beyond a queue's end is faster by this, at least."
    )
    within_miles: float = Field(
        default=RULE.within_miles, gt=0, le=25, description="How far from a sensor its neighbours are looked for."
    )
    points: int = Field(default=RULE.points, ge=1, le=48, description="How many windows the rule looks at.")
    required_points: int = Field(
        default=RULE.required_points, ge=1, le=48, description="In how many of them it must hold."
    )
    leave_mph: float = Field(
        default=RULE.leave_mph, gt=0, le=120, description="A queue's sensor has left it at this speed or above."
    )
    leave_points: int = Field(
        default=RULE.leave_points, ge=1, le=48, description="In how many windows in a row it must have that speed."
    )
    gap_miles: float = Field(
        default=RULE.gap_miles, ge=0, le=25, description="Slow stretches no further apart are one queue."
    )
    update_extent_miles: float = Field(
        default=MATERIAL.extent_miles, ge=0, le=100, description="A queue longer or shorter by this is worth an update."
    )

    incidents: bool = Field(default=True, description="Whether incident alerts are raised.")
    false_alarms_per_100_sensor_days: float = Field(
        default=SHIPPED.false_alarms_per_100_sensor_days,
        gt=0,
        le=100,
        description="How many incident alerts per 100 sensor-days a network may raise, each taken as false; it finds "
        "its thresholds by itself. A fifth of them may be 'probable', the others are 'suspected'.",
    )
    start_from_models: bool = Field(
        default=True,
        description="Whether the usual speeds of a network begin with those of its newest `historical_average` model.",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not max(self.required_points, self.leave_points, RULE.recent_points) <= self.points:
            raise ValueError(f"required_points and leave_points, and {RULE.recent_points}, must not exceed points")
        if self.leave_mph < self.slow_mph:
            raise ValueError("leave_mph must not be below slow_mph")
        return self

    @property
    def rule(self) -> CongestionRule:
        """The thresholds of the congestion rule."""
        return CongestionRule(
            slow_mph=self.slow_mph,
            drop_mph=self.drop_mph,
            within_miles=self.within_miles,
            points=self.points,
            required_points=self.required_points,
            leave_mph=self.leave_mph,
            leave_points=self.leave_points,
            gap_miles=self.gap_miles,
        )

    @property
    def materiality(self) -> Materiality:
        """What is worth an update."""
        return Materiality(extent_miles=self.update_extent_miles)

    @property
    def tuning(self) -> DetectorTuning:
        """What of all this makes detection."""
        return DetectorTuning(
            rule=self.rule,
            material=self.materiality,
            false_alarms_per_100_sensor_days=self.false_alarms_per_100_sensor_days if self.incidents else 0.0,
            settle_seconds=self.settle_seconds,
            silence_seconds=self.silence_seconds,
        )
