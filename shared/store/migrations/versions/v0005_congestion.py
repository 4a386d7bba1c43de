"""The chance of congestion, in the view of horizons; rows of before have none, which is null there."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_VIEW = """
CREATE VIEW traffic_prediction_horizons AS
SELECT p.network_id, p.sensor_id, p.timestamp, p.model_name, p.model_version, p.revision, p.current_speed_mph,
       {columns}, p.serving, p.basis
FROM traffic_predictions AS p, {unfolded}
"""
_HORIZON = (
    ("horizon_minutes", "integer"),
    ("target_timestamp", "instant"),
    ("predicted_speed_mph", "double precision"),
    ("lower_speed_mph", "double precision"),
    ("upper_speed_mph", "double precision"),
    ("confidence_score", "double precision"),
    ("congestion_probability", "double precision"),
)


def upgrade() -> None:
    """Make the view anew."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
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
