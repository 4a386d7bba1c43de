"""The `Store` on a SQL database: SQLite or PostgreSQL, through SQLAlchemy Core."""
