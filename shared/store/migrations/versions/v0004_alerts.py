"""What an alert says beyond its place and severity: interval, delay, evidence, what operators did."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = "traffic_alerts"
_SQLITE = {"double": "DOUBLE", "instant": "BIGINT", "json": "VARCHAR"}
_POSTGRESQL = {"double": "DOUBLE PRECISION", "instant": "TIMESTAMP WITH TIME ZONE", "json": "JSONB"}
_COLUMNS = {
    "estimated_duration_lower_minutes": "{double}",
    "estimated_duration_upper_minutes": "{double}",
    "delay_vehicle_hours": "{double}",
    "recurrent": "BOOLEAN",
    "expected_at": "{instant}",
    "evidence": "{json} DEFAULT '[]' NOT NULL",
    "actions": "{json} DEFAULT '[]' NOT NULL",
}


def upgrade() -> None:
    """Add what is not there; of an alert of before nothing of this is known, and nobody did anything about it."""
    connection = op.get_bind()
    types = _POSTGRESQL if connection.dialect.name == "postgresql" else _SQLITE
    there = {column["name"] for column in sa.inspect(connection).get_columns(_TABLE)}
    for name, definition in _COLUMNS.items():
        if name not in there:
            op.execute(f"ALTER TABLE {_TABLE} ADD COLUMN {name} {definition.format_map(types)}")
