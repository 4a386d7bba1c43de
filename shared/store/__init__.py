"""The queryable history: windows, predictions, alerts, scores and versions of models. One port, three databases.

    port                      `Store`: what is written and asked, in records; the highest revision wins
    sql, migrations           SQLite and PostgreSQL, through SQLAlchemy; Alembic migrates
    hbase                     HBase through Thrift1
    url, deferred             from `METRLA_STORE_URL` to one of them; one that is away at start is opened when it comes
    encoding                  values in the forms that all of them share: instants, lists and whole records as JSON
    model_records             scores of models, and what each version serves as
    rolling_scores, outcomes  figures over a stretch of time; predictions beside what then happened

Every write is idempotent by key and revision, so it may be repeated after a crash. Calls block: services run them in
threads. One contract suite runs against all (tests/contract/store). The store knows no topic and no service.
"""
