"""The cells of an HBase row that people read. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.events.records import AlertAction, AlertEvidence, HorizonForecast
from shared.store.alert_rows import action_json, evidence_json, iso_instant
from shared.store.model_records import HorizonScore

_OBJECTS: dict[type, Callable[[Any], object]] = {
    AlertEvidence: evidence_json,
    AlertAction: action_json,
    HorizonScore: asdict,
}


def as_text(value: object) -> bytes:
    """A field as people read it: numbers exactly, instants as ISO 8601 in UTC, lists as JSON, nothing for `None`."""
    if value is None:
        return b""
    if isinstance(value, datetime):
        return iso_instant(value).encode()
    if isinstance(value, tuple):
        value = [_plain(part) for part in value]
    if isinstance(value, bool | list | Mapping):
        return json.dumps(value, separators=(",", ":")).encode()
    return (repr(value) if isinstance(value, float) else str(value)).encode()


def _plain(part: object) -> object:
    if isinstance(part, HorizonForecast):
        return {
            "horizon_minutes": part.horizon_minutes,
            "target_timestamp": iso_instant(part.target_timestamp),
            "predicted_speed_mph": part.predicted_speed_mph,
            "lower_speed_mph": part.lower_speed_mph,
            "upper_speed_mph": part.upper_speed_mph,
            "confidence_score": part.confidence_score,
        }
    return _OBJECTS[type(part)](part) if type(part) in _OBJECTS else part
