"""What holds on HBase alone: rows as documented, tables as chosen."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from metrla.cli.store import app
from metrla.local.stack.hbase_shell import shell_command
from shared.events.errors import StoreError
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId
from shared.store.hbase import rowkeys
from shared.store.hbase.connections import ThriftConnections, thrift_address
from shared.store.hbase.rows import KEPT_FOR_EVER, RECORD_COLUMN, TABLES, cell_timestamp_ms
from shared.store.hbase.tables import TableOptions, create_tables, missing_tables, table_states
from shared.store.url import open_store
from tests.kit.hbase import drop_tables

pytestmark = pytest.mark.real

STACK_VARIABLE = "METRLA_TEST_STACK_RUN"
START = datetime(2012, 5, 2, 7, 5, tzinfo=UTC)


def aggregate(network: NetworkId, revision: int = 1, speed_mph: float | None = 60.5) -> ProcessedTrafficAggregate:
    return ProcessedTrafficAggregate(
        *(network, SensorId("a"), START, START + timedelta(minutes=5), revision, 1, speed_mph, speed_mph),
        *(speed_mph, 0.0, None, None, 1.0, "e"),
    )


@pytest.fixture
def fresh_url(hbase_url: str) -> Iterator[str]:
    """Tables of the test's own, not there yet."""
    url = make_url(hbase_url).update_query_dict({"prefix": f"fresh-{uuid4().hex[:12]}"})
    yield url.render_as_string()
    with closing(ThriftConnections(thrift_address(url))) as connections:
        drop_tables(connections)


@pytest.fixture
def connections(fresh_url: str) -> Iterator[ThriftConnections]:
    with closing(ThriftConnections(thrift_address(make_url(fresh_url)))) as opened:
        yield opened


@pytest.fixture
def hbase_shell() -> list[str]:
    run = os.environ.get(STACK_VARIABLE)
    if not run:
        pytest.skip(f"{STACK_VARIABLE} names no folder of a native stack, whose HBase shell this needs")
    return shell_command(Path(run))


def test_a_row_is_never_of_two_revisions(hbase_url: str, network: NetworkId) -> None:
    with closing(open_store(hbase_url)) as store:
        for revision, speed_mph in ((2, 50.0), (3, None), (1, 70.0)):
            store.put_aggregates([aggregate(network, revision, speed_mph)])
    with closing(ThriftConnections(thrift_address(make_url(hbase_url)))) as connections:
        key = rowkeys.by_sensor(network, "a", START)
        table = "traffic_aggregates"
        cells = connections.run("read", lambda server: server.table(table).row(key, include_timestamp=True))
    assert {timestamp for _, timestamp in cells.values()} == {cell_timestamp_ms(START, 3)}
    assert cells[b"d:revision"][0] == b"3"
    assert cells[b"d:mean_speed_mph"][0] == b""
    assert RECORD_COLUMN in cells


def chosen(connections: ThriftConnections) -> set[str]:
    """The settings of all tables but those whose rows never leave."""
    states = {state.name.rpartition("_traffic_")[2]: state.settings for state in table_states(connections)}
    kept = {name.removeprefix("traffic_") for name in KEPT_FOR_EVER}
    assert all(states[name].endswith("rows kept for ever") for name in kept)
    return {settings for name, settings in states.items() if name not in kept}


def test_tables_have_the_options_they_were_made_with(connections: ThriftConnections) -> None:
    assert len(create_tables(connections, TableOptions(ttl_days=30, compression="NONE"))) == len(TABLES)
    assert chosen(connections) == {"compression NONE, rows kept 31 days"}
    # What is there stays as it is.
    assert create_tables(connections, TableOptions()) == []
    assert chosen(connections) == {"compression NONE, rows kept 31 days"}


def test_a_time_to_live_counts_from_the_event(connections: ThriftConnections, fresh_url: str) -> None:
    create_tables(connections, TableOptions(ttl_days=30))
    now = datetime.now(UTC).replace(microsecond=0)
    recent = [replace(aggregate(NetworkId("n")), window_start=now - timedelta(days=days)) for days in (0, 1, 30)]
    with closing(open_store(fresh_url)) as store:
        store.put_aggregates([aggregate(NetworkId("n")), *recent])
        assert [one.window_start for one in store.aggregates()] == [one.window_start for one in recent]


def test_looking_makes_no_tables(connections: ThriftConnections, fresh_url: str) -> None:
    with pytest.raises(StoreError, match=r"has no traffic_aggregates, .*: `metrla store init` makes them"):
        open_store(fresh_url, create=False)
    assert missing_tables(connections) == list(TABLES)


def test_an_id_that_no_key_can_hold_stores_nothing(hbase_url: str, network: NetworkId) -> None:
    bad = replace(aggregate(network), sensor_id=SensorId("a\0b"))
    with closing(open_store(hbase_url)) as store:
        with pytest.raises(StoreError, match="holds a NUL"):
            store.put_aggregates([aggregate(network), bad])
        assert list(store.aggregates(network)) == []


def test_the_command_makes_tables_and_shows_them(fresh_url: str) -> None:
    made = CliRunner().invoke(app, ["init", "--store-url", fresh_url, "--ttl-days", "7"], catch_exceptions=False)
    shown = CliRunner().invoke(app, ["status", "--store-url", fresh_url], catch_exceptions=False)
    assert made.output == shown.output
    assert shown.output.count("compression GZ, rows kept 8 days") == len(TABLES) - 1


@pytest.mark.slow
def test_the_shell_makes_split_tables(fresh_url: str, hbase_shell: list[str], network: NetworkId) -> None:
    options = ["init", "--store-url", fresh_url, "--regions", "4", "--ttl-days", "9000"]
    for _ in range(2):
        made = CliRunner().invoke(app, [*options, "--hbase-shell", shlex.join(hbase_shell)], catch_exceptions=False)
        assert made.exit_code == 0, made.output
    with closing(open_store(fresh_url, create=False)) as store:
        assert {table.parts for table in store.tables()} == {4}
        store.put_aggregates([aggregate(network)])
        assert list(store.aggregates(network)) == [aggregate(network)]


@pytest.mark.slow
def test_a_shell_script_that_fails_says_so(hbase_shell: list[str], tmp_path: Path) -> None:
    script = tmp_path / "script.rb"
    script.write_text("scan 'no-such-table'\nexit\n", encoding="utf-8")
    done = subprocess.run([*hbase_shell, "-n", str(script)], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode != 0
    assert "no-such-table" in done.stdout + done.stderr
