"""How Alembic runs the migrations: on the connection that `shared.store.sql.schema` hands over, in its transaction."""

from alembic import context

from shared.store.sql.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
