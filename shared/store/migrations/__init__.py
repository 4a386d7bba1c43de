"""The migrations of the SQL store's tables, run by Alembic; `shared.store.schema` says when."""
