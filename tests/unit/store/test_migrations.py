import sqlite3
from contextlib import closing
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from shared.store.sql.schema import VERSION_TABLE, VERSIONS
from shared.store.sql.tables import metadata
from shared.store.url import open_store


def test_the_versions_are_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", "shared.store:migrations")
    script = ScriptDirectory.from_config(config)
    assert [step.revision for step in script.walk_revisions()][::-1] == list(VERSIONS)
    assert script.get_heads() == [VERSIONS[-1]]


def test_migrated_tables_are_those_of_the_code(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path / 'store'}").close()
    engine = create_engine(f"sqlite:///{tmp_path / 'store'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, "compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_predictions_of_the_first_version_are_what_was_served(tmp_path: Path) -> None:
    file = tmp_path / "store"
    url = f"sqlite:///{file}"
    open_store(url).close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP VIEW traffic_prediction_horizons")
        for column in ("serving", "basis"):
            connection.execute(f"ALTER TABLE traffic_predictions DROP COLUMN {column}")
        connection.execute(
            "INSERT INTO traffic_predictions VALUES ('n','s',0,'m','1',1,NULL,'[[5,300000,60,50,70,1]]')"
        )
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0001'")  # noqa: S608 - ours
    with closing(open_store(url)) as store:
        assert [(one.serving, one.basis) for one in store.predictions()] == [(True, "trained")]
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT horizon_minutes, serving, basis FROM traffic_prediction_horizons").fetchall()
    assert found == [(5, 1, "trained")]


def test_forecasts_of_before_they_told_the_chance_of_congestion_tell_none(tmp_path: Path) -> None:
    file = tmp_path / "store"
    url = f"sqlite:///{file}"
    open_store(url).close()
    values = "'n','s',0,'m','1',1,NULL,'[[5,300000,60,50,70,1]]',1,'trained'"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DROP VIEW traffic_prediction_horizons")
        connection.execute(f"INSERT INTO traffic_predictions VALUES ({values})")  # noqa: S608 - as above
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0004'")  # noqa: S608 - ours
    with closing(open_store(url)) as store:
        assert [each.congestion_probability for one in store.predictions() for each in one.horizons] == [None]
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute("SELECT congestion_probability FROM traffic_prediction_horizons").fetchall()
    assert found == [(None,)]


def test_alerts_of_before_they_had_evidence_have_none(tmp_path: Path) -> None:
    file = tmp_path / "store"
    url = f"sqlite:///{file}"
    open_store(url).close()
    added = ["estimated_duration_lower_minutes", "estimated_duration_upper_minutes", "delay_vehicle_hours"]
    with closing(sqlite3.connect(file)) as connection, connection:
        for column in (*added, "recurrent", "expected_at", "evidence", "actions", "worst_severity"):
            connection.execute(f"ALTER TABLE traffic_alerts DROP COLUMN {column}")
        row = "'a', 'n', 'weather', 'low', 'raised', 1, 'm', 'l', 0, 0, NULL, 34, -118, '[]', NULL, 0.5"
        connection.execute(f"INSERT INTO traffic_alerts VALUES ({row})")  # noqa: S608 - as above
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '0003'")  # noqa: S608 - ours
    with closing(open_store(url)) as store:
        (alert,) = store.alerts()
    assert (alert.evidence, alert.actions, alert.recurrent, alert.expected_at) == ((), (), None, None)
    assert alert.worst_severity is None
    assert [getattr(alert, name) for name in added] == [None] * 3


def test_a_file_from_before_there_were_migrations_keeps_its_rows(tmp_path: Path) -> None:
    file = tmp_path / "store"
    url = f"sqlite:///{file}"
    open_store(url).close()
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("INSERT INTO traffic_aggregates VALUES ('n','s',0,1,1,1,1,1,1,0,NULL,NULL,1,'e')")
        connection.execute("DROP TABLE metrla_schema_version")
    with closing(open_store(url)) as store:
        assert [one.sensor_id for one in store.aggregates()] == ["s"]
