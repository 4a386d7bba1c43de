"""The answers of `/api/models`: every field with its unit and its bounds."""

from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from services.gateway.models.versions import ModelVersions, Version
from services.gateway.responses import Answer, Share
from shared.forecasting.models.card import ModelCard, TrainingData
from shared.store.model_records import ModelRole
from shared.store.rolling_scores import RollingScore

SHOWN_MINUTES = (15, 30, 60)
"""The horizons that the literature reports: what a list of models shows."""

_ROUND = AfterValidator(lambda value: round(value, 4))
Mph = Annotated[float, _ROUND]
Minutes = Annotated[int, Field(ge=1, description="How far ahead, minutes.")]


class OfflineScore(Answer):
    """Errors on a held-out part of the recording: one average over all sensors, labels of 0 and missing left out."""

    part: str = Field(description="test, or validation, which chose between variants of the model.")
    horizon_minutes: Minutes
    mae_mph: Mph | None = Field(description="Mean absolute error, mph.")
    rmse_mph: Mph | None = Field(description="Root mean squared error, mph.")
    mape_percent: Mph | None = Field(description="Mean absolute percentage error, %.")


class LiveScore(Answer):
    """Accuracy of the forecasts of one version and horizon, over all sensors. Errors are forecast minus actual."""

    horizon_minutes: Minutes
    start: datetime = Field(description="End of the first window that was compared (event time, UTC).")
    end: datetime = Field(description="End of the last window that was compared (event time, UTC).")
    pairs: int = Field(ge=1, description="Forecasts that were compared with what happened.")
    mae_mph: Mph = Field(ge=0, description="Mean absolute error, mph.")
    rmse_mph: Mph = Field(ge=0, description="Root mean squared error, mph.")
    bias_mph: Mph = Field(description="Mean error, mph; above 0: forecasts were too high.")
    coverage_90: Share = Field(description="Share of actual speeds within the 90 % intervals; 0.9 is ideal.")
    within_5_mph: Share = Field(description="Share of actual speeds within 5 mph of the forecast.")
    mean_confidence: Share = Field(description="Mean confidence_score: the predicted value of within_5_mph.")
    expected_calibration_error: Share | None = Field(
        description="Mean gap of predicted and observed probability, by tenths of confidence_score; null if unknown."
    )

    @classmethod
    def of(cls, score: RollingScore) -> "LiveScore":
        """The answer for one rolling score."""
        return cls(
            horizon_minutes=score.horizon_minutes,
            start=score.start,
            end=score.end,
            pairs=score.pairs,
            mae_mph=score.mae_mph,
            rmse_mph=score.rmse_mph,
            bias_mph=score.bias_mph,
            coverage_90=score.coverage_90,
            within_5_mph=score.share_close,
            mean_confidence=score.mean_confidence,
            expected_calibration_error=score.expected_calibration_error,
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

    @classmethod
    def of(cls, model: ModelVersions) -> "ModelReport":
        """The answer for one model of a network."""
        return cls(**_common(model, _shown(model)))


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
    width_mph: Mph | None = Field(description="Mean width of the intervals, mph.")
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
    importance: Mph = Field(description="Share of the total; all shares add up to 1.")


class ModelDetail(ModelReport):
    """A model of a network with everything known about its most active version, at every horizon."""

    reliability: tuple[Reliability, ...] = Field(description="Live: predicted against observed probability.")
    calibration: Calibration | None = Field(description="Offline, from its card.")
    feature_importance: tuple[FeatureImportance, ...] = Field(description="From its card, most important first.")
    training_data: TrainingData | None = Field(description="What it was trained on, from its card.")
    members: dict[str, str] = Field(description="For an ensemble: version by model.")
    card: dict[str, Any] = Field(description="Its whole card, without the list of sensors.")

    @classmethod
    def of(cls, model: ModelVersions) -> "ModelDetail":
        """The answer for one model of a network."""
        current = model.current
        return cls(
            **_common(model, None),
            reliability=tuple(map(_reliability, current.live)),
            calibration=_calibration(current.card),
            feature_importance=tuple(
                FeatureImportance(feature=feature, importance=share)
                for feature, share in current.card.importance.items()
            ),
            training_data=current.card.training_data,
            members=current.card.members,
            card=dict(current.card.content),
        )


def _shown(model: ModelVersions) -> Collection[int]:
    """Those of `SHOWN_MINUTES` that a model has; where it has none of them, its third, sixth and last horizon."""
    told = {score.horizon_minutes for score in model.current.live}
    for errors in model.current.card.results.values():
        told |= {ahead for ahead in errors if isinstance(ahead, int)}
    every = sorted(told)
    return [ahead for ahead in SHOWN_MINUTES if ahead in told] or [*every[2:6:3], *every[-1:]]


def _common(model: ModelVersions, minutes: Collection[int] | None) -> dict[str, Any]:
    current = model.current
    return {
        "network_id": model.network_id,
        "model_name": model.model_name,
        "model_version": current.model_version,
        "role": current.role,
        "since": current.since,
        "sensors": current.running.sensors,
        "serving_sensors": current.running.serving_sensors,
        "what": current.card.what,
        "created_at": current.card.created_at,
        "offline": tuple(
            OfflineScore(
                part=part, horizon_minutes=ahead, mae_mph=found.mae, rmse_mph=found.rmse, mape_percent=found.mape
            )
            for part, errors in current.card.results.items()
            for ahead, found in sorted(errors.items())
            if isinstance(ahead, int) and (minutes is None or ahead in minutes)
        ),
        "live": tuple(
            LiveScore.of(score) for score in current.live if minutes is None or score.horizon_minutes in minutes
        ),
        "versions": tuple(map(_version, model.versions)),
    }


def _version(version: Version) -> ModelVersion:
    return ModelVersion(
        model_version=version.model_version, role=version.role, since=version.since, reason=version.reason
    )


def _reliability(score: RollingScore) -> Reliability:
    return Reliability(
        horizon_minutes=score.horizon_minutes,
        bins=tuple(
            ReliabilityBin(
                lower=each.lower,
                upper=each.upper,
                pairs=each.pairs,
                confidence=each.mean_confidence,
                observed=each.share_close,
            )
            for each in score.reliability
        ),
    )


def _calibration(card: ModelCard) -> Calibration | None:
    found = card.calibration
    if found is None:
        return None
    return Calibration(
        part=found.part,
        expected_calibration_error=found.ece,
        horizons=tuple(
            CalibrationScore(
                horizon_minutes=ahead,
                coverage_90=coverage,
                width_mph=found.width_mph.get(ahead),
                mean_confidence=found.confidence.get(ahead),
                expected_calibration_error=found.ece_by_horizon.get(ahead),
            )
            for ahead, coverage in sorted(found.coverage_90.items())
            if isinstance(ahead, int)
        ),
    )
