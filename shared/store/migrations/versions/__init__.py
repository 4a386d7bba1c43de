"""One module a version of the SQL tables, in the order of their names.

Each knows the one before it (`down_revision`) and is never changed once it was released: a store of any earlier
version is brought up to date by running those that it lacks. They spell out columns in SQL and do not import
`shared.store.sql.tables`, which only knows the newest.
"""
