"""Records as rows of the SQL tables, and back. Pure."""

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from operator import attrgetter
from typing import Any

from shared.events.records import (
    AlertSeverity,
    AlertStatus,
    AlertType,
    HorizonForecast,
    PredictionBasis,
    ProcessedTrafficAggregate,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.encoding import (
    action_json,
    actions_of,
    evidence_json,
    evidence_of,
    from_millis,
    horizon_arrays,
    to_millis,
)
from shared.store.model_records import ModelScore, ServedModel


@cache
def _values_of(kind: type) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    names = tuple(field.name for field in fields(kind))
    return names, attrgetter(*names)


def as_row(
    record: ProcessedTrafficAggregate | TrafficPrediction | TrafficAlert | ModelScore | ServedModel,
) -> dict[str, Any]:
    """The columns of a record that needs no other form."""
    kind: type = type(record)
    names, values = _values_of(kind)
    return dict(zip(names, values(record), strict=True))


def prediction_row(prediction: TrafficPrediction) -> dict[str, Any]:
    """The columns of a prediction, its horizons in a list."""
    horizons = [
        (
            forecast.horizon_minutes,
            to_millis(forecast.target_timestamp),
            forecast.predicted_speed_mph,
            forecast.lower_speed_mph,
            forecast.upper_speed_mph,
            forecast.confidence_score,
            forecast.congestion_probability,
        )
        for forecast in prediction.horizons
    ]
    return as_row(prediction) | {"horizons": horizons}


def score_row(score: ModelScore) -> dict[str, Any]:
    """The columns of a score, its horizons in a list."""
    return as_row(score) | {"speed_counts": list(score.speed_counts), "horizons": horizon_arrays(score)}


def alert_row(alert: TrafficAlert) -> dict[str, Any]:
    """The columns of an alert, its nested parts as JSON."""
    return as_row(alert) | {
        "affected_sensors": list(alert.affected_sensors),
        "evidence": [evidence_json(entry) for entry in alert.evidence],
        "actions": [action_json(action) for action in alert.actions],
    }


def prediction_of(*values: Any) -> TrafficPrediction:  # noqa: ANN401 - a row's values
    """The prediction of a row."""
    *others, horizons, serving, basis = values
    forecasts = tuple(
        HorizonForecast(minutes, from_millis(target), *measures) for minutes, target, *measures in horizons
    )
    return TrafficPrediction(*(*others, forecasts, serving, PredictionBasis(basis)))


def alert_of(*values: Any) -> TrafficAlert:  # noqa: ANN401 - a row's values
    """The alert of a row."""
    alert = TrafficAlert(*values)
    return replace(
        alert,
        alert_type=AlertType(alert.alert_type),
        severity=AlertSeverity(alert.severity),
        worst_severity=None if alert.worst_severity is None else AlertSeverity(alert.worst_severity),
        status=AlertStatus(alert.status),
        affected_sensors=tuple(alert.affected_sensors),
        evidence=evidence_of(alert.evidence),  # type: ignore[arg-type]  # the JSON of the row
        actions=actions_of(alert.actions),  # type: ignore[arg-type]  # likewise
    )
