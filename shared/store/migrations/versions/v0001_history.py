"""Aggregates, predictions and alerts, and the view of a row per horizon."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# SQLite has no type for instants: milliseconds since 1970-01-01T00:00:00Z. "C" orders by bytes, as SQLite does.
_SQLITE = {
    "text": "VARCHAR",
    "instant": "BIGINT",
    "double": "DOUBLE",
    "json": "VARCHAR",
    "by_window_start": "WITHOUT ROWID",
    "by_timestamp": "",
}
_POSTGRESQL = {
    "text": 'TEXT COLLATE "C"',
    "instant": "TIMESTAMP WITH TIME ZONE",
    "double": "DOUBLE PRECISION",
    "json": "JSONB",
    "by_window_start": "PARTITION BY RANGE (window_start)",
    "by_timestamp": "PARTITION BY RANGE (timestamp)",
}

_TABLES = """
CREATE TABLE IF NOT EXISTS traffic_aggregates (
    network_id {text} NOT NULL,
    sensor_id {text} NOT NULL,
    window_start {instant} NOT NULL,
    window_end {instant} NOT NULL,
    revision BIGINT NOT NULL,
    speed_count INTEGER NOT NULL,
    mean_speed_mph {double},
    min_speed_mph {double},
    max_speed_mph {double},
    std_speed_mph {double},
    volume_vehicles {double},
    occupancy {double},
    share_observed {double} NOT NULL,
    last_event_id {text} NOT NULL,
    PRIMARY KEY (sensor_id, window_start, network_id)
) {by_window_start};
CREATE INDEX IF NOT EXISTS traffic_aggregates_by_time
    ON traffic_aggregates (window_start DESC, sensor_id, network_id);
CREATE TABLE IF NOT EXISTS traffic_predictions (
    network_id {text} NOT NULL,
    sensor_id {text} NOT NULL,
    timestamp {instant} NOT NULL,
    model_name {text} NOT NULL,
    model_version {text} NOT NULL,
    revision BIGINT NOT NULL,
    current_speed_mph {double},
    horizons {json} NOT NULL,
    PRIMARY KEY (sensor_id, timestamp, model_name, network_id)
) {by_timestamp};
CREATE INDEX IF NOT EXISTS traffic_predictions_by_time
    ON traffic_predictions (timestamp DESC, sensor_id, model_name, network_id);
CREATE TABLE IF NOT EXISTS traffic_alerts (
    alert_id {text} NOT NULL,
    network_id {text} NOT NULL,
    alert_type {text} NOT NULL,
    severity {text} NOT NULL,
    status {text} NOT NULL,
    revision BIGINT NOT NULL,
    message {text} NOT NULL,
    location {text} NOT NULL,
    raised_at {instant} NOT NULL,
    updated_at {instant} NOT NULL,
    cleared_at {instant},
    latitude {double} NOT NULL,
    longitude {double} NOT NULL,
    affected_sensors {json} NOT NULL,
    estimated_duration_minutes {double},
    confidence_score {double} NOT NULL,
    PRIMARY KEY (alert_id)
);
CREATE INDEX IF NOT EXISTS traffic_alerts_by_time ON traffic_alerts (raised_at DESC, alert_id)
"""
_VIEW = """
CREATE VIEW traffic_prediction_horizons AS
SELECT p.network_id, p.sensor_id, p.timestamp, p.model_name, p.model_version, p.revision, p.current_speed_mph,
       {columns}
FROM traffic_predictions AS p, {unfolded}
"""
_HORIZON = (
    ("horizon_minutes", "integer"),
    ("target_timestamp", "instant"),
    ("predicted_speed_mph", "double precision"),
    ("lower_speed_mph", "double precision"),
    ("upper_speed_mph", "double precision"),
    ("confidence_score", "double precision"),
)


def upgrade() -> None:
    """Make what is not there: files from before there were migrations have it all."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _TABLES.format_map(_POSTGRESQL if on_postgresql else _SQLITE).split(";"):
        op.execute(statement)
    op.execute("DROP VIEW IF EXISTS traffic_prediction_horizons")
    op.execute(_postgresql_view() if on_postgresql else _sqlite_view())


def _sqlite_view() -> str:
    columns = [f"json_extract(h.value, '$[{place}]') AS {name}" for place, (name, _) in enumerate(_HORIZON)]
    return _VIEW.format(columns=",\n       ".join(columns), unfolded="json_each(p.horizons) AS h")


def _postgresql_view() -> str:
    columns = [
        f"to_timestamp((h ->> {place})::numeric / 1000) AS {name}"
        if kind == "instant"
        else f"(h ->> {place})::{kind} AS {name}"
        for place, (name, kind) in enumerate(_HORIZON)
    ]
    return _VIEW.format(columns=",\n       ".join(columns), unfolded="jsonb_array_elements(p.horizons) AS h")
