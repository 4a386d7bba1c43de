"""The migrations of the SQL store's tables, run by Alembic; `shared.store.sql.schema` says when."""
