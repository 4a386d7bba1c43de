"""The queryable history: windows, predictions, alerts, scores and versions of models. One port, three databases.

    port                     `Store`: what is written and asked, in records; the highest revision wins
    sql/, migrations/        SQLite and PostgreSQL, through SQLAlchemy; Alembic migrates
    hbase/, rowkeys          HBase through Thrift1
    opening, deferred        from `METRLA_STORE_URL` to one of them; one that is away at start is opened when it comes
    alert_rows, model_rows, instants   forms that all three share
    model_records, rolling_scores, outcomes   scores and versions; figures over a stretch; predictions beside the truth

Every write is idempotent by key and revision, so it may be repeated after a crash. Calls block: services run them in
threads. One contract suite runs against all (tests/contract/store). The store knows no topic and no service.
"""
