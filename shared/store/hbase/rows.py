"""The rows of the HBase store: what each record becomes in which table, and when it wins over what is there. Pure.

Every row holds the whole record in `d:avro` (Avro single-object encoding as on the log, which every published schema
can read; what is not on the log is JSON in `d:json`) and, in the tables that people query, each measure in a column of
its own as text; an empty text is 'not observed'. Every put writes every column of its row at one timestamp, and HBase
changes a row atomically, so a row never mixes two revisions.

That timestamp is the UTC midnight before the record's event time plus `revision` milliseconds. HBase never lets an
older timestamp overwrite a newer one, hence the highest revision wins in whatever order puts arrive, and at equal
revisions the last. Midnight, not the instant, because a batch to Thrift carries one timestamp: a day's windows travel
together. The day is there so that a time-to-live counts in event time.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

from shared.events.avro import codec, encode
from shared.events.records import (
    AlertAction,
    AlertEvidence,
    HorizonForecast,
    ProcessedTrafficAggregate,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.encoding import (
    action_json,
    evidence_json,
    iso_instant,
    score_of_json,
    served_of_json,
    to_json,
    to_millis,
)
from shared.store.hbase import rowkeys
from shared.store.model_records import HorizonScore, ModelScore, ServedModel

FAMILY = "d"
RECORD_COLUMN = b"d:avro"
JSON_COLUMN = b"d:json"
DAY_MS = 24 * 60 * 60 * 1000

_OBJECTS: dict[type, Callable[[Any], object]] = {
    AlertEvidence: evidence_json,
    AlertAction: action_json,
    HorizonScore: asdict,
}

Stored = TypeVar("Stored", ProcessedTrafficAggregate, TrafficPrediction, TrafficAlert, ModelScore, ServedModel)


@dataclass(frozen=True, slots=True)
class Form(Generic[Stored]):
    """The column that holds whole records of one kind, and how they become bytes and come back."""

    column: bytes
    encode: Callable[[Stored], bytes]
    decode: Callable[[bytes], Stored]


AGGREGATE_FORM: Form[ProcessedTrafficAggregate] = Form(
    RECORD_COLUMN, encode, lambda data: codec(ProcessedTrafficAggregate).decode_stored(data)
)
PREDICTION_FORM: Form[TrafficPrediction] = Form(
    RECORD_COLUMN, encode, lambda data: codec(TrafficPrediction).decode_stored(data)
)
ALERT_FORM: Form[TrafficAlert] = Form(RECORD_COLUMN, encode, lambda data: codec(TrafficAlert).decode_stored(data))
SCORE_FORM: Form[ModelScore] = Form(JSON_COLUMN, to_json, score_of_json)
SERVED_FORM: Form[ServedModel] = Form(JSON_COLUMN, to_json, served_of_json)


@dataclass(frozen=True, slots=True)
class Put:
    """What HBase is asked to put: the cells of one row, all at one timestamp."""

    key: bytes
    timestamp_ms: int
    cells: Mapping[bytes, bytes]


class Keyspace(Generic[Stored]):
    """One table that a kind of record is written to.

    Args:
        table: its name.
        form: of a record as a whole.
        key: the row key of a record.
        stamp: the timestamp of a record's cells, in milliseconds since 1970.
        columns: fields with a column of their own, beside the whole record.
    """

    def __init__(
        self,
        table: str,
        form: Form[Stored],
        key: Callable[[Stored], bytes],
        stamp: Callable[[Stored], int],
        columns: tuple[str, ...] = (),
    ) -> None:
        self.table = table
        self.form: Form[Stored] = form
        self._key: Callable[[Stored], bytes] = key
        self._stamp: Callable[[Stored], int] = stamp
        self._columns = tuple(f"{FAMILY}:{name}".encode() for name in columns)
        # attrgetter gives a tuple for two names or more.
        self._values: Callable[[Stored], tuple[Any, ...]] = attrgetter(*columns) if columns else lambda _: ()

    def row(self, record: Stored, encoded: bytes) -> Put:
        """The row of a record whose form as a whole is `encoded`."""
        cells = dict(zip(self._columns, map(as_text, self._values(record)), strict=True))
        cells[self.form.column] = encoded
        return Put(self._key(record), self._stamp(record), cells)


def by_timestamp(rows: Iterable[Put]) -> Mapping[int, Sequence[Put]]:
    """The rows to put at each timestamp: each key once there, with the last of its rows."""
    found: dict[int, dict[bytes, Put]] = defaultdict(dict)
    for row in rows:
        found[row.timestamp_ms][row.key] = row
    return {timestamp_ms: list(by_key.values()) for timestamp_ms, by_key in found.items()}


def cell_timestamp_ms(time: datetime, revision: int) -> int:
    """The cell timestamp of a revision of a record of that event time; HBase knows none before 1970."""
    millis = max(to_millis(time), 0)
    return millis - millis % DAY_MS + revision


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
            "congestion_probability": part.congestion_probability,
        }
    return _OBJECTS[type(part)](part) if type(part) in _OBJECTS else part


AGGREGATES: Keyspace[ProcessedTrafficAggregate] = Keyspace(
    "traffic_aggregates",
    AGGREGATE_FORM,
    lambda one: rowkeys.by_sensor(one.network_id, one.sensor_id, one.window_start),
    lambda one: cell_timestamp_ms(one.window_start, one.revision),
    (
        "window_end",
        "revision",
        "speed_count",
        "mean_speed_mph",
        "min_speed_mph",
        "max_speed_mph",
        "std_speed_mph",
        "volume_vehicles",
        "occupancy",
        "share_observed",
        "last_event_id",
    ),
)
AGGREGATES_BY_TIME: Keyspace[ProcessedTrafficAggregate] = Keyspace(
    "traffic_aggregates_by_time",
    AGGREGATE_FORM,
    lambda one: rowkeys.by_time(one.network_id, one.window_start, one.sensor_id),
    lambda one: cell_timestamp_ms(one.window_start, one.revision),
)
PREDICTIONS: Keyspace[TrafficPrediction] = Keyspace(
    "traffic_predictions",
    PREDICTION_FORM,
    lambda one: rowkeys.by_sensor(one.network_id, one.sensor_id, one.timestamp, one.model_name),
    lambda one: cell_timestamp_ms(one.timestamp, one.revision),
    ("model_version", "revision", "current_speed_mph", "horizons", "serving", "basis"),
)
PREDICTIONS_BY_TIME: Keyspace[TrafficPrediction] = Keyspace(
    "traffic_predictions_by_time",
    PREDICTION_FORM,
    lambda one: rowkeys.by_time(one.network_id, one.timestamp, one.sensor_id, one.model_name),
    lambda one: cell_timestamp_ms(one.timestamp, one.revision),
)
ALERTS: Keyspace[TrafficAlert] = Keyspace(
    "traffic_alerts",
    ALERT_FORM,
    # An alert keeps the time at which it was raised, so its rows of all revisions have one key.
    lambda one: rowkeys.by_time(one.network_id, one.raised_at, one.alert_id),
    lambda one: cell_timestamp_ms(one.raised_at, one.revision),
    (
        "alert_type",
        "severity",
        "status",
        "revision",
        "message",
        "location",
        "updated_at",
        "cleared_at",
        "latitude",
        "longitude",
        "affected_sensors",
        "estimated_duration_minutes",
        "confidence_score",
        "estimated_duration_lower_minutes",
        "estimated_duration_upper_minutes",
        "delay_vehicle_hours",
        "recurrent",
        "expected_at",
        "evidence",
        "actions",
        "worst_severity",
    ),
)
# Of a score the model takes the place that a sensor has elsewhere: 'this model, newest first' is one scan.
MODEL_SCORES: Keyspace[ModelScore] = Keyspace(
    "traffic_model_scores",
    SCORE_FORM,
    lambda one: rowkeys.by_sensor(one.network_id, one.model_name, one.timestamp, one.model_version),
    lambda one: cell_timestamp_ms(one.timestamp, one.revision),
    ("revision", "speed_counts", "missing", "horizons"),
)
MODEL_SCORES_BY_TIME: Keyspace[ModelScore] = Keyspace(
    "traffic_model_scores_by_time",
    SCORE_FORM,
    lambda one: rowkeys.by_time(one.network_id, one.timestamp, one.model_name, one.model_version),
    lambda one: cell_timestamp_ms(one.timestamp, one.revision),
)
SERVED_MODELS: Keyspace[ServedModel] = Keyspace(
    "traffic_served_models",
    SERVED_FORM,
    lambda one: rowkeys.of_network(one.network_id, one.model_name, one.model_version),
    # The latest `since` wins, as the highest revision does elsewhere.
    lambda one: to_millis(one.since),
    ("role", "since", "card", "reason"),
)
TABLES = (
    AGGREGATES.table,
    AGGREGATES_BY_TIME.table,
    PREDICTIONS.table,
    PREDICTIONS_BY_TIME.table,
    ALERTS.table,
    MODEL_SCORES.table,
    MODEL_SCORES_BY_TIME.table,
    SERVED_MODELS.table,
)
# A model may serve for longer than windows are kept.
KEPT_FOR_EVER = frozenset({SERVED_MODELS.table})
