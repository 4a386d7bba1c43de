"""The tables of the SQL store and how their columns travel.

traffic_aggregates    one row per sensor and window
traffic_predictions   one row per sensor, model and forecast origin; `horizons` is a JSON array of one array a horizon:
                      [horizon_minutes, target_timestamp, predicted, lower, upper speed in mph, confidence_score,
                      congestion_probability], which rows of before migration 0005 end without
traffic_alerts        one row per alert, its latest state; `evidence` and `actions` are JSON arrays of one object
                      an entry, by the names of the fields, instants as ISO 8601
traffic_prediction_horizons   a view that unfolds `horizons`: one row per sensor, model, origin and horizon
traffic_model_scores  one row per version of a model and window: how its forecasts for that window did; `horizons` is a
                      JSON array of one array a horizon, the fields of `HorizonScore` in their order
traffic_model_score_horizons  a view that unfolds these: one row per version, window and horizon
traffic_served_models one row per version of a model: its role and its card

Instants are milliseconds since 1970-01-01T00:00:00Z in integer columns on SQLite, which has no type for them, and
`timestamptz` on PostgreSQL. One JSON column keeps a forecast one row to write and one to read (a network step of 207
sensors is 207 rows, not 2,484); the view gives analysts the rows.

Each table is found by sensor through its primary key and by time through one index that serves a network, all networks
and a time range alike: a store holds few networks. On PostgreSQL aggregates and predictions are partitioned by the
month of that time. The tables are made by the migrations in `migrations/versions`, which a test compares with what is
said here.
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    TypeDecorator,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, TEXT, TIMESTAMP
from sqlalchemy.types import TypeEngine

from shared.store.encoding import from_millis, to_millis

COMPACT = json.JSONEncoder(separators=(",", ":"))


class InstantColumn(TypeDecorator[datetime]):
    """A UTC datetime, to the millisecond."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """An integer, or PostgreSQL's own type."""
        return dialect.type_descriptor(TIMESTAMP(timezone=True) if dialect.name == "postgresql" else BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ANN401 - as overridden
        """Towards the database."""
        if value is None:
            return None
        millis = to_millis(value)
        return from_millis(millis) if dialect.name == "postgresql" else millis

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - as overridden
        """From the database."""
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else from_millis(value)


class JsonColumn(TypeDecorator[Any]):
    """A JSON array or object: text on SQLite, `jsonb` on PostgreSQL."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text, or PostgreSQL's own type."""
        return dialect.type_descriptor(JSONB() if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - as overridden
        """Towards the database; PostgreSQL's own type writes JSON itself."""
        return value if dialect.name == "postgresql" else COMPACT.encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ANN401 - as overridden
        """From the database."""
        return value if dialect.name == "postgresql" else json.loads(value)


# Ordered by its bytes everywhere, whatever the locale of a PostgreSQL database.
TextColumn = String().with_variant(TEXT(collation="C"), "postgresql")
metadata = MetaData()
# Names, in the `info` of a table, the column by whose month PostgreSQL partitions it.
PARTITIONED_BY = "partitioned_by"
# Names the column by which, of two rows of one key, the later truth is told.
ORDERED_BY = "ordered_by"


def _required(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


AGGREGATES = Table(
    "traffic_aggregates",
    metadata,
    _required("network_id", TextColumn),
    _required("sensor_id", TextColumn),
    _required("window_start", InstantColumn()),
    _required("window_end", InstantColumn()),
    _required("revision", BigInteger()),
    _required("speed_count", Integer()),
    Column("mean_speed_mph", Double()),
    Column("min_speed_mph", Double()),
    Column("max_speed_mph", Double()),
    Column("std_speed_mph", Double()),
    Column("volume_vehicles", Double()),
    Column("occupancy", Double()),
    _required("share_observed", Double()),
    _required("last_event_id", TextColumn),
    PrimaryKeyConstraint("sensor_id", "window_start", "network_id"),
    # SQLite then keeps the rows themselves in key order: a sensor's history is read from one place.
    sqlite_with_rowid=False,
    postgresql_partition_by="RANGE (window_start)",
    info={PARTITIONED_BY: "window_start", ORDERED_BY: "revision"},
)
Index(
    "traffic_aggregates_by_time",
    AGGREGATES.c.window_start.desc(),
    AGGREGATES.c.sensor_id,
    AGGREGATES.c.network_id,
)

PREDICTIONS = Table(
    "traffic_predictions",
    metadata,
    _required("network_id", TextColumn),
    _required("sensor_id", TextColumn),
    _required("timestamp", InstantColumn()),
    _required("model_name", TextColumn),
    _required("model_version", TextColumn),
    _required("revision", BigInteger()),
    Column("current_speed_mph", Double()),
    _required("horizons", JsonColumn()),
    Column("serving", Boolean(), nullable=False, server_default=true()),
    Column("basis", TextColumn, nullable=False, server_default="trained"),
    PrimaryKeyConstraint("sensor_id", "timestamp", "model_name", "network_id"),
    postgresql_partition_by="RANGE (timestamp)",
    info={PARTITIONED_BY: "timestamp", ORDERED_BY: "revision"},
)
Index(
    "traffic_predictions_by_time",
    PREDICTIONS.c.timestamp.desc(),
    PREDICTIONS.c.sensor_id,
    PREDICTIONS.c.model_name,
    PREDICTIONS.c.network_id,
)

ALERTS = Table(
    "traffic_alerts",
    metadata,
    Column("alert_id", TextColumn, primary_key=True),
    _required("network_id", TextColumn),
    _required("alert_type", TextColumn),
    _required("severity", TextColumn),
    _required("status", TextColumn),
    _required("revision", BigInteger()),
    _required("message", TextColumn),
    _required("location", TextColumn),
    _required("raised_at", InstantColumn()),
    _required("updated_at", InstantColumn()),
    Column("cleared_at", InstantColumn()),
    _required("latitude", Double()),
    _required("longitude", Double()),
    _required("affected_sensors", JsonColumn()),
    Column("estimated_duration_minutes", Double()),
    _required("confidence_score", Double()),
    Column("estimated_duration_lower_minutes", Double()),
    Column("estimated_duration_upper_minutes", Double()),
    Column("delay_vehicle_hours", Double()),
    Column("recurrent", Boolean()),
    Column("expected_at", InstantColumn()),
    Column("evidence", JsonColumn(), nullable=False, server_default="[]"),
    Column("actions", JsonColumn(), nullable=False, server_default="[]"),
    Column("worst_severity", TextColumn),
    info={ORDERED_BY: "revision"},
)
Index("traffic_alerts_by_time", ALERTS.c.raised_at.desc(), ALERTS.c.alert_id)

MODEL_SCORES = Table(
    "traffic_model_scores",
    metadata,
    _required("network_id", TextColumn),
    _required("model_name", TextColumn),
    _required("model_version", TextColumn),
    _required("timestamp", InstantColumn()),
    _required("revision", BigInteger()),
    _required("speed_counts", JsonColumn()),
    _required("missing", Integer()),
    _required("horizons", JsonColumn()),
    PrimaryKeyConstraint("model_name", "timestamp", "network_id", "model_version"),
    postgresql_partition_by="RANGE (timestamp)",
    info={PARTITIONED_BY: "timestamp", ORDERED_BY: "revision"},
)
Index(
    "traffic_model_scores_by_time",
    MODEL_SCORES.c.timestamp.desc(),
    MODEL_SCORES.c.model_name,
    MODEL_SCORES.c.model_version,
    MODEL_SCORES.c.network_id,
)

SERVED_MODELS = Table(
    "traffic_served_models",
    metadata,
    _required("network_id", TextColumn),
    _required("model_name", TextColumn),
    _required("model_version", TextColumn),
    _required("role", TextColumn),
    _required("since", InstantColumn()),
    _required("card", JsonColumn()),
    Column("reason", TextColumn),
    PrimaryKeyConstraint("network_id", "model_name", "model_version"),
    info={ORDERED_BY: "since"},
)

TABLES = (AGGREGATES, PREDICTIONS, ALERTS, MODEL_SCORES, SERVED_MODELS)
