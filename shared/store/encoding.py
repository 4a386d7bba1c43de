"""The forms in which every store keeps what has no column type of its own: instants, parts of records, JSON. Pure."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from typing import Any

from shared.events.quantities import EPOCH
from shared.events.records import AlertAction, AlertActionKind, AlertEvidence, MeasuredWindow, NetworkId
from shared.store.model_records import HorizonScore, ModelRole, ModelScore, ServedModel

Json = dict[str, Any]

MILLISECOND = timedelta(milliseconds=1)

_HORIZON_FIELDS = tuple(field.name for field in fields(HorizonScore))
_HORIZON_VALUES = attrgetter(*_HORIZON_FIELDS)


@lru_cache(maxsize=1024)  # All records of a network step have the same few.
def to_millis(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z; `TypeError` for a datetime without a zone."""
    return (instant - EPOCH) // MILLISECOND


def from_millis(millis: int) -> datetime:
    """The UTC instant of milliseconds since 1970-01-01T00:00:00Z."""
    return EPOCH + timedelta(milliseconds=millis)


def iso_instant(value: datetime) -> str:
    """An instant in UTC to the millisecond, as 2012-05-02T07:00:00.000Z; raises `TypeError` where it has no zone."""
    if value.tzinfo is None:
        raise TypeError(f"{value} has no zone")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def evidence_json(evidence: AlertEvidence) -> Json:
    """The object of one entry."""
    windows = [asdict(window) | {"window_end": iso_instant(window.window_end)} for window in evidence.windows]
    return asdict(evidence) | {"windows": windows}


def evidence_of(entries: Sequence[Mapping[str, Any]]) -> tuple[AlertEvidence, ...]:
    """The entries of their objects."""
    return tuple(AlertEvidence(**{**entry, "windows": tuple(map(_window, entry["windows"]))}) for entry in entries)


def action_json(action: AlertAction) -> Json:
    """The object of one action."""
    return asdict(action) | {"at": iso_instant(action.at)}


def actions_of(entries: Sequence[Mapping[str, Any]]) -> tuple[AlertAction, ...]:
    """The actions of their objects."""
    return tuple(
        AlertAction(**{**entry, "kind": AlertActionKind(entry["kind"]), "at": datetime.fromisoformat(entry["at"])})
        for entry in entries
    )


def horizon_arrays(score: ModelScore) -> list[list[Any]]:
    """The horizons of a score, an array of the fields of `HorizonScore` in their order for each."""
    return [list(_HORIZON_VALUES(horizon)) for horizon in score.horizons]


def horizons_of(arrays: Sequence[Sequence[Any]]) -> tuple[HorizonScore, ...]:
    """The horizons of a score from their arrays."""
    return tuple(HorizonScore(*_with_tuples(array)) for array in arrays)


def score_of(*values: Any) -> ModelScore:  # noqa: ANN401 - a row's values
    """The score of a row: the fields of `ModelScore` in their order, tuples as lists."""
    network_id, model_name, model_version, timestamp, revision, speed_counts, missing, horizons = values
    where = (NetworkId(network_id), model_name, model_version, timestamp, revision)
    return ModelScore(*where, tuple(speed_counts), missing, horizons_of(horizons))


def served_of(*values: Any) -> ServedModel:  # noqa: ANN401 - a row's values
    """The served model of a row: the fields of `ServedModel` in their order."""
    network_id, model_name, model_version, role, since, card, reason = values
    return ServedModel(NetworkId(network_id), model_name, model_version, ModelRole(role), since, card, reason)


def to_json(record: ModelScore | ServedModel) -> bytes:
    """A whole record as a JSON object, instants in milliseconds since 1970."""
    values = {field.name: getattr(record, field.name) for field in fields(record)}
    if isinstance(record, ModelScore):
        values |= {"timestamp": to_millis(record.timestamp), "horizons": horizon_arrays(record)}
    else:
        values |= {"since": to_millis(record.since)}
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()


def score_of_json(data: bytes) -> ModelScore:
    """The score of such an object; raises `ValueError` or `TypeError` where it is none."""
    values = _object(data, ModelScore)
    return score_of(*(values | {"timestamp": from_millis(values["timestamp"])}).values())


def served_of_json(data: bytes) -> ServedModel:
    """The served model of such an object; raises `ValueError` or `TypeError` where it is none."""
    values = _object(data, ServedModel)
    return served_of(*(values | {"since": from_millis(values["since"])}).values())


def _object(data: bytes, kind: type[ModelScore] | type[ServedModel]) -> dict[str, Any]:
    values = json.loads(data)
    try:
        return {field.name: values[field.name] for field in fields(kind)}
    except KeyError as missing:
        raise ValueError(f"{missing} is missing") from missing


def _with_tuples(values: Sequence[Any]) -> Iterator[Any]:
    return (tuple(value) if isinstance(value, list) else value for value in values)


def _window(entry: Mapping[str, Any]) -> MeasuredWindow:
    return MeasuredWindow(**{**entry, "window_end": datetime.fromisoformat(entry["window_end"])})
