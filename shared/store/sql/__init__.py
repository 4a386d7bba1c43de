"""The `Store` on a SQL database: SQLite or PostgreSQL, through SQLAlchemy Core.

    tables, rows          the tables, how columns travel, and records as rows
    access                upserts that keep the highest revision, and ordered reads
    schema                the version of the tables, brought up to date when a service starts
    sqlite, postgresql    what is particular to each: locks and write-ahead log; bounded waits and monthly partitions
    partitions            PostgreSQL's months, made as rows need them
    store                 all of it behind the port

Statements are written once for both dialects; where they differ, the difference stands in the module of its dialect.
"""
