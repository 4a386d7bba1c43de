"""The worst severity of an alert's life, beside the present one."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLE, _COLUMN = "traffic_alerts", "worst_severity"


def upgrade() -> None:
    """Add it where it is not there; of an alert of before it is not known."""
    connection = op.get_bind()
    text = 'TEXT COLLATE "C"' if connection.dialect.name == "postgresql" else "VARCHAR"
    there = {column["name"] for column in sa.inspect(connection).get_columns(_TABLE)}
    if _COLUMN not in there:
        op.execute(f"ALTER TABLE {_TABLE} ADD COLUMN {_COLUMN} {text}")
