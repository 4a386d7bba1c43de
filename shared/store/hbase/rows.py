"""The rows of the HBase store: what each record becomes in which table, and when it wins over what is there. Pure.

Every row holds the whole record in `d:avro` (Avro single-object encoding as on the log, which every published schema
can read) and, in the tables that people query, each measure in a column of its own as text; an empty text is 'not
observed'. Every put writes every column of its row at one timestamp, and HBase changes a row atomically, so a row never
mixes two revisions.

That timestamp is the UTC midnight before the record's event time plus `revision` milliseconds. HBase never lets an
older timestamp overwrite a newer one, hence the highest revision wins in whatever order puts arrive, and at equal
revisions the last. Midnight, not the instant, because a batch to Thrift carries one timestamp: a day's windows travel
together. The day is there so that a time-to-live counts in event time.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

from shared.events.records import HorizonForecast, ProcessedTrafficAggregate, TrafficAlert, TrafficPrediction
from shared.store import rowkeys
from shared.store.instants import to_millis

FAMILY = "d"
RECORD_COLUMN = b"d:avro"
DAY_MS = 24 * 60 * 60 * 1000

Stored = TypeVar("Stored", ProcessedTrafficAggregate, TrafficPrediction, TrafficAlert)


@dataclass(frozen=True, slots=True)
class Row:
    """One put: the cells of one row, all at one timestamp."""

    key: bytes
    timestamp_ms: int
    cells: Mapping[bytes, bytes]


class Keyspace(Generic[Stored]):
    """One table that a kind of record is written to.

    Args:
        table: its name.
        key: the row key of a record.
        time: the event time of a record.
        columns: fields with a column of their own, beside the whole record.
    """

    def __init__(
        self,
        table: str,
        key: Callable[[Stored], bytes],
        time: Callable[[Stored], datetime],
        columns: tuple[str, ...] = (),
    ) -> None:
        self.table = table
        self._key: Callable[[Stored], bytes] = key
        self._time: Callable[[Stored], datetime] = time
        self._columns = tuple(f"{FAMILY}:{name}".encode() for name in columns)
        # attrgetter gives a tuple for two names or more.
        self._values: Callable[[Stored], tuple[Any, ...]] = attrgetter(*columns) if columns else lambda _: ()

    def row(self, record: Stored, encoded: bytes) -> Row:
        """The row of a record whose Avro form is `encoded`."""
        cells = dict(zip(self._columns, map(as_text, self._values(record)), strict=True))
        cells[RECORD_COLUMN] = encoded
        return Row(self._key(record), cell_timestamp_ms(self._time(record), record.revision), cells)


def by_timestamp(rows: Iterable[Row]) -> Mapping[int, Sequence[Row]]:
    """The rows to put at each timestamp: each key once there, with the last of its rows."""
    found: dict[int, dict[bytes, Row]] = defaultdict(dict)
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
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, float):
        return repr(value).encode()
    if isinstance(value, datetime):
        return _instant(value).encode()
    if isinstance(value, tuple):
        return json.dumps([_plain(part) for part in value], separators=(",", ":")).encode()
    return str(value).encode()


AGGREGATES: Keyspace[ProcessedTrafficAggregate] = Keyspace(
    "traffic_aggregates",
    lambda one: rowkeys.by_sensor(one.network_id, one.sensor_id, one.window_start),
    attrgetter("window_start"),
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
    lambda one: rowkeys.by_time(one.network_id, one.window_start, one.sensor_id),
    attrgetter("window_start"),
)
PREDICTIONS: Keyspace[TrafficPrediction] = Keyspace(
    "traffic_predictions",
    lambda one: rowkeys.by_sensor(one.network_id, one.sensor_id, one.timestamp, one.model_name),
    attrgetter("timestamp"),
    ("model_version", "revision", "current_speed_mph", "horizons", "serving", "basis"),
)
PREDICTIONS_BY_TIME: Keyspace[TrafficPrediction] = Keyspace(
    "traffic_predictions_by_time",
    lambda one: rowkeys.by_time(one.network_id, one.timestamp, one.sensor_id, one.model_name),
    attrgetter("timestamp"),
)
ALERTS: Keyspace[TrafficAlert] = Keyspace(
    "traffic_alerts",
    # An alert keeps the time at which it was raised, so its rows of all revisions have one key.
    lambda one: rowkeys.by_time(one.network_id, one.raised_at, one.alert_id),
    attrgetter("raised_at"),
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
    ),
)
TABLES = tuple(
    keyspace.table for keyspace in (AGGREGATES, AGGREGATES_BY_TIME, PREDICTIONS, PREDICTIONS_BY_TIME, ALERTS)
)


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(part: object) -> object:
    if isinstance(part, HorizonForecast):
        return {
            "horizon_minutes": part.horizon_minutes,
            "target_timestamp": _instant(part.target_timestamp),
            "predicted_speed_mph": part.predicted_speed_mph,
            "lower_speed_mph": part.lower_speed_mph,
            "upper_speed_mph": part.upper_speed_mph,
            "confidence_score": part.confidence_score,
        }
    return part
