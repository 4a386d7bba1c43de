"""Live scores of models with a view of a row per horizon, and what each version of a model serves as."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_SQLITE = {"text": "VARCHAR", "instant": "BIGINT", "json": "VARCHAR", "by_timestamp": ""}
_POSTGRESQL = {
    "text": 'TEXT COLLATE "C"',
    "instant": "TIMESTAMP WITH TIME ZONE",
    "json": "JSONB",
    "by_timestamp": "PARTITION BY RANGE (timestamp)",
}
_TABLES = """
CREATE TABLE IF NOT EXISTS traffic_model_scores (
    network_id {text} NOT NULL,
    model_name {text} NOT NULL,
    model_version {text} NOT NULL,
    timestamp {instant} NOT NULL,
    revision BIGINT NOT NULL,
    speed_counts {json} NOT NULL,
    missing INTEGER NOT NULL,
    horizons {json} NOT NULL,
    PRIMARY KEY (model_name, timestamp, network_id, model_version)
) {by_timestamp};
CREATE INDEX IF NOT EXISTS traffic_model_scores_by_time
    ON traffic_model_scores (timestamp DESC, model_name, model_version, network_id);
CREATE TABLE IF NOT EXISTS traffic_served_models (
    network_id {text} NOT NULL,
    model_name {text} NOT NULL,
    model_version {text} NOT NULL,
    role {text} NOT NULL,
    since {instant} NOT NULL,
    card {json} NOT NULL,
    reason {text},
    PRIMARY KEY (network_id, model_name, model_version)
)
"""
_VIEW = """
CREATE VIEW traffic_model_score_horizons AS
SELECT s.network_id, s.model_name, s.model_version, s.timestamp, s.revision,
       {columns}
FROM traffic_model_scores AS s, {unfolded}
"""
# The arrays per bin, which come behind these, stay in the table.
_HORIZON = (
    ("horizon_minutes", "integer"),
    ("pairs", "integer"),
    ("absolute_error_sum_mph", "double precision"),
    ("squared_error_sum_mph2", "double precision"),
    ("error_sum_mph", "double precision"),
    ("covered", "integer"),
    ("close", "integer"),
    ("confidence_sum", "double precision"),
)


def upgrade() -> None:
    """Make what is not there."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _TABLES.format_map(_POSTGRESQL if on_postgresql else _SQLITE).split(";"):
        op.execute(statement)
    op.execute("DROP VIEW IF EXISTS traffic_model_score_horizons")
    if on_postgresql:
        columns = [f"(h ->> {place})::{kind} AS {name}" for place, (name, kind) in enumerate(_HORIZON)]
        unfolded = "jsonb_array_elements(s.horizons) AS h"
    else:
        columns = [f"json_extract(h.value, '$[{place}]') AS {name}" for place, (name, _) in enumerate(_HORIZON)]
        unfolded = "json_each(s.horizons) AS h"
    op.execute(_VIEW.format(columns=",\n       ".join(columns), unfolded=unfolded))
