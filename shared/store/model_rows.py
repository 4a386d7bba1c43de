"""Records about models in the forms that stores keep: JSON values, and JSON of a whole record. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from shared.events.records import NetworkId
from shared.store.instants import from_millis, to_millis
from shared.store.model_records import HorizonScore, ModelRole, ModelScore, ServedModel

_HORIZON_FIELDS = tuple(field.name for field in fields(HorizonScore))
_HORIZON_VALUES = attrgetter(*_HORIZON_FIELDS)


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
