"""The models that forecast: their versions, errors, calibration and training data."""

from datetime import datetime
from typing import Any

from pydantic import Field

from metrla.client.values import Answer, Minutes, ModelRole, Share


class TrainingData(Answer):
    """What a model was trained on."""

    source: str = Field(description="What the speeds are.")
    start: datetime = Field(alias="from", description="Start of the first window.")
    end: datetime = Field(alias="to", description="End of the last window.")
    windows: int = Field(description="Windows in between.")
    sha256: str = Field(description="Fingerprint of the speeds and their times.")
    network_sha256: str = Field(description="Fingerprint of the sensors and the road graph.")


class OfflineScore(Answer):
    """Errors on a held-out part of the recording: one average over all sensors, labels of 0 and missing left out."""

    part: str = Field(description="test, or validation, which chose between variants of the model.")
    horizon_minutes: Minutes
    mae_mph: float | None = Field(description="Mean absolute error, mph.")
    rmse_mph: float | None = Field(description="Root mean squared error, mph.")
    mape_percent: float | None = Field(description="Mean absolute percentage error, %.")


class LiveScore(Answer):
    """Accuracy of the forecasts of one version and horizon, over all sensors. Errors are forecast minus actual."""

    horizon_minutes: Minutes
    start: datetime = Field(description="End of the first window that was compared (event time, UTC).")
    end: datetime = Field(description="End of the last window that was compared (event time, UTC).")
    pairs: int = Field(ge=1, description="Forecasts that were compared with what happened.")
    mae_mph: float = Field(ge=0, description="Mean absolute error, mph.")
    rmse_mph: float = Field(ge=0, description="Root mean squared error, mph.")
    bias_mph: float = Field(description="Mean error, mph; above 0: forecasts were too high.")
    coverage_90: Share = Field(description="Share of actual speeds within the 90 % intervals; 0.9 is ideal.")
    within_5_mph: Share = Field(description="Share of actual speeds within 5 mph of the forecast.")
    mean_confidence: Share = Field(description="Mean confidence_score: the predicted value of within_5_mph.")
    expected_calibration_error: Share | None = Field(
        description="Mean gap of predicted and observed probability, by tenths of confidence_score; null if unknown."
    )


class ModelVersion(Answer):
    """One version of a model."""

    model_version: str
    role: ModelRole = Field(
        description=(
            "champion (its forecasts are served), challenger (runs for comparison), member (only of the ensemble), "
            "refused (damaged, or does not fit) or retired (served once)."
        )
    )
    since: datetime | None = Field(description="Since when (wall clock, UTC); null where that was not recorded.")
    reason: str | None = Field(description="Why it was refused.")


class ModelReport(Answer):
    """A model of a network, shown by its most active version, at 15, 30 and 60 minutes."""

    network_id: str = Field(description="Sensor network.")
    model_name: str
    model_version: str = Field(description="The version that the fields below are about.")
    role: ModelRole = Field(description="Role of that version; see versions.")
    since: datetime | None = Field(description="Since when (wall clock, UTC); null where that was not recorded.")
    sensors: int = Field(ge=0, description="Sensors that it currently forecasts.")
    serving_sensors: int = Field(ge=0, description="Sensors that it currently serves.")
    what: str | None = Field(description="The model in a sentence; null where it has no card.")
    created_at: datetime | None = Field(description="When it was trained (wall clock, UTC); null where unknown.")
    offline: tuple[OfflineScore, ...] = Field(description="Errors on the held-out parts, from its card.")
    live: tuple[LiveScore, ...] = Field(description="Live accuracy of its forecasts; empty before the first outcome.")
    versions: tuple[ModelVersion, ...] = Field(description="All versions, the most active first, then the newest.")


class ReliabilityBin(Answer):
    """The forecasts whose `confidence_score` lay in [lower, upper): predicted and observed share within 5 mph."""

    lower: Share
    upper: Share
    pairs: int = Field(ge=0, description="Forecasts in it.")
    confidence: Share | None = Field(description="Their mean confidence_score; null without any.")
    observed: Share | None = Field(description="Share that was within 5 mph; null without any.")


class Reliability(Answer):
    """How well the confidence of one horizon is calibrated: a reliability diagram in ten bins."""

    horizon_minutes: Minutes
    bins: tuple[ReliabilityBin, ...]


class CalibrationScore(Answer):
    """Calibration of one horizon on the held-out part."""

    horizon_minutes: Minutes
    coverage_90: Share | None = Field(description="Share of actual speeds within the 90 % intervals.")
    width_mph: float | None = Field(description="Mean width of the intervals, mph.")
    mean_confidence: Share | None = Field(description="Mean confidence_score.")
    expected_calibration_error: Share | None = Field(description="Mean gap between predicted and observed probability.")


class Calibration(Answer):
    """Calibration of a model, offline."""

    part: str = Field(description="Part of the recording that was not used to calibrate it.")
    expected_calibration_error: Share | None = Field(description="Over all horizons.")
    horizons: tuple[CalibrationScore, ...]


class FeatureImportance(Answer):
    """How important a feature, or a group of features, is to a model."""

    feature: str
    importance: float = Field(description="Share of the total; all shares add up to 1.")


class ModelDetail(ModelReport):
    """A model of a network with everything known about its most active version, at every horizon."""

    reliability: tuple[Reliability, ...] = Field(description="Live: predicted against observed probability.")
    calibration: Calibration | None = Field(description="Offline, from its card.")
    feature_importance: tuple[FeatureImportance, ...] = Field(description="From its card, most important first.")
    training_data: TrainingData | None = Field(description="What it was trained on, from its card.")
    members: dict[str, str] = Field(description="For an ensemble: version by model.")
    card: dict[str, Any] = Field(description="Its whole card, without the list of sensors.")
