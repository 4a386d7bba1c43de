"""Whether a prediction is the one that the network serves, and what it rests on; in the view of horizons too."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLE = "traffic_predictions"
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
)


def upgrade() -> None:
    """Add what is not there; both defaults hold for the rows of before, whose models spoke for a sensor one at a time.

    PostgreSQL keeps a constant default beside the table, so that no row is written.
    """
    connection = op.get_bind()
    on_postgresql = connection.dialect.name == "postgresql"
    there = {column["name"] for column in sa.inspect(connection).get_columns(_TABLE)}
    if "serving" not in there:
        op.execute(f"ALTER TABLE {_TABLE} ADD COLUMN serving BOOLEAN DEFAULT {'true' if on_postgresql else 1} NOT NULL")
    if "basis" not in there:
        text = 'TEXT COLLATE "C"' if on_postgresql else "VARCHAR"
        op.execute(f"ALTER TABLE {_TABLE} ADD COLUMN basis {text} DEFAULT 'trained' NOT NULL")
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
