"""The migrations of the SQL store's tables, run by Alembic.

    env        runs them on the connection that `shared.store.sql.schema` hands over, in its transaction
    versions/  one module a version; never changed once released

A new column: a module in `versions/`, the column in `shared.store.sql.tables`, its form in `rows`. A test compares the
tables that migrations make with those that the code declares.
"""
