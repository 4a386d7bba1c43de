"""The examples of docs/data.md for the stores that are servers, run as they stand on tables of the test's own."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import closing, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from metrla.local.stack.hbase_shell import shell_command
from shared.events.records import HorizonForecast, NetworkId, ProcessedTrafficAggregate, SensorId, TrafficPrediction
from shared.store.hbase.connections import ThriftConnections, thrift_address
from shared.store.port import Store
from shared.store.url import open_store
from tests.kit.hbase import drop_tables
from tests.kit.places import ROOT

pytestmark = pytest.mark.real

PAGE = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
STACK_VARIABLE = "METRLA_TEST_STACK_RUN"
NETWORK = NetworkId("metr-la")
SENSORS = (SensorId("767541"), SensorId("767542"))
START = datetime(2012, 5, 2, 8, 0, tzinfo=UTC)
STEP = timedelta(minutes=5)


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def fill(store: Store) -> None:
    store.put_aggregates([window(sensor, step) for sensor in SENSORS for step in range(12)])
    origin = START + STEP
    forecasts = tuple(HorizonForecast(5 * n, origin + n * STEP, 60.0 - n, 0.0, 120.0, 0.5) for n in range(1, 13))
    store.put_predictions(
        [TrafficPrediction(NETWORK, SENSORS[0], origin, "linear_regression", "1", 1, 60.0, forecasts)]
    )


def window(sensor: SensorId, step: int) -> ProcessedTrafficAggregate:
    start, speed = START + step * STEP, 60.0 if sensor == SENSORS[0] else 30.0 + step
    return ProcessedTrafficAggregate(
        *(NETWORK, sensor, start, start + STEP, 1, 1, speed, speed, speed, 0.0, None, None, 1.0, f"{sensor}-{step}")
    )


@pytest.fixture(scope="module")
def filled_hbase(hbase_url: str) -> Iterator[str]:
    url = make_url(hbase_url).update_query_dict({"prefix": f"documented-{uuid4().hex[:12]}"})
    with closing(open_store(url.render_as_string())) as store:
        fill(store)
    yield url.render_as_string()
    with closing(ThriftConnections(thrift_address(url))) as connections:
        drop_tables(connections)


@pytest.mark.parametrize("place", range(len(examples("python hbase"))))
def test_python_hbase(place: int, filled_hbase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    address = thrift_address(make_url(filled_hbase))
    example = examples("python hbase")[place].replace('"127.0.0.1", 9090', f'"{address.host}", {address.port}')
    example = example.replace('table("', f'table("{address.prefix}_')
    monkeypatch.chdir(ROOT)
    with redirect_stdout(StringIO()) as shown:
        names: dict[str, object] = {}
        exec(compile(example, "docs/data.md", "exec"), names)  # noqa: S102 - our own page
        names["connection"].close()  # type: ignore[attr-defined]  # the example's own
    # The newest window is there, and in each the steady sensor's speed.
    assert "2012-05-02 08:55:00+00:00" in shown.getvalue()
    assert shown.getvalue().count("60.0") == 12
    if "windows" in names:
        assert "41.0" in shown.getvalue()


@pytest.mark.slow
def test_hbase_shell(filled_hbase: str, tmp_path: Path) -> None:
    run = os.environ.get(STACK_VARIABLE)
    if not run:
        pytest.skip(f"{STACK_VARIABLE} names no folder of a native stack, whose HBase shell this needs")
    (example,) = examples("ruby hbase")
    prefix = thrift_address(make_url(filled_hbase)).prefix
    script = tmp_path / "example.rb"
    script.write_text(example.replace("scan '", f"scan '{prefix}_") + "exit\n", encoding="utf-8")
    command = shell_command(Path(run), ["-n", str(script)])
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "12 row(s)" in shown
    assert shown.count("column=d:mean_speed_mph") == 12
    assert "value=60.0" in shown


def test_sql_postgresql(postgresql_url: str) -> None:
    drop_month, slowest, errors = examples("sql postgresql")
    with closing(open_store(postgresql_url)) as store:
        fill(store)
        april = window(SENSORS[0], -12 * 24 * 10)
        store.put_aggregates([april])
    engine = create_engine(make_url(postgresql_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        found = connection.exec_driver_sql(slowest).all()
        assert len(found) == 10
        assert tuple(found[0]) == (SENSORS[1], START, 30)
        assert [tuple(row) for row in connection.exec_driver_sql(errors)] == [
            ("linear_regression", 5 * number, 1, number) for number in range(1, 12)
        ]
        # Other tests of this server have rows in that month as well.
        kept = connection.exec_driver_sql("SELECT network_id, sensor_id, window_start FROM traffic_aggregates_y2012m04")
        assert [NETWORK, SENSORS[0], april.window_start] in [list(row) for row in kept]
        for statement in drop_month.strip().split(";\n"):
            connection.exec_driver_sql(statement)
        assert connection.exec_driver_sql("SELECT to_regclass('traffic_aggregates_y2012m04')").scalar_one() is None
