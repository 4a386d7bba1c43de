"""Every store that metrla can use. A new one is one entry in `STORES`; the suite must pass on it unchanged.

Tests share a store and use a network of their own each, so that they need no cleaning. A real server that a variable
names gets tables of the run's own, dropped afterwards; PostgreSQL, where it is installed, is started for the run.
"""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine, make_url

from metrla.local.launcher.plan import free_port
from shared.events.records import NetworkId
from shared.store.hbase.connections import ThriftConnections, thrift_address
from shared.store.port import Store
from shared.store.url import open_store
from tests.kit.hbase import drop_tables
from tests.kit.until import until_blocking

HBASE_VARIABLE = "METRLA_TEST_HBASE_URL"
POSTGRESQL_VARIABLE = "METRLA_TEST_POSTGRESQL_URL"
REAL = ("postgresql", "hbase")
STORES = ("sqlite", *(pytest.param(name, marks=pytest.mark.real) for name in REAL))


@pytest.fixture(scope="session")
def sqlite_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('store') / 'store.sqlite'}"


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database of the run's own, on the server that a variable names or on one started here."""
    with ExitStack() as running:
        server = os.environ.get(POSTGRESQL_VARIABLE) or running.enter_context(started_postgresql())
        administrator = create_engine(
            make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )
        database = f"contract_{uuid4().hex[:12]}"
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {database}")
        yield make_url(server).set(database=database).render_as_string(hide_password=False)
        with administrator.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {database} WITH (FORCE)")


@contextmanager
def started_postgresql() -> Iterator[str]:
    """A PostgreSQL server of our own on loopback, where its programs are installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip(f"no PostgreSQL: {POSTGRESQL_VARIABLE} names none and initdb is not installed")
    # The server refuses to run as root; its packages bring a user, who could not enter pytest's folders.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory(prefix="metrla-postgresql-") as folder, Path(folder, "log").open("wb") as log:
        if as_user:
            shutil.chown(folder, "postgres")
        data = Path(folder) / "data"
        initdb = [str(programs / "initdb"), "-D", str(data), "-U", "metrla", "-A", "trust", "--no-sync"]
        subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd=folder)
        port = free_port()
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", f"port={port}"]
        postgres = [str(programs / "postgres"), "-D", str(data), *options]
        server = subprocess.Popen([*as_user, *postgres], stdout=log, stderr=subprocess.STDOUT, cwd=folder)
        try:

            def accepts() -> bool:
                assert server.poll() is None, "the server ended at once"
                return is_open(port)

            until_blocking(accepts, "the server accepts connections", every=0.05)
            yield f"postgresql://metrla@127.0.0.1:{port}/postgres"
        finally:
            if server.poll() is None:
                # Its own id: runuser, where there is one, is the parent and would not hand the signal on.
                os.kill(int((data / "postmaster.pid").read_text().split()[0]), signal.SIGINT)
            server.wait(30)


def find_programs() -> Path | None:
    """The folder of PostgreSQL's server programs: of the path, or of Debian's newest version."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


def is_open(port: int) -> bool:
    try:
        psycopg.connect(host="127.0.0.1", port=port, user="metrla", dbname="postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.fixture(scope="session")
def hbase_url() -> Iterator[str]:
    server = os.environ.get(HBASE_VARIABLE)
    if not server:
        pytest.skip(f"{HBASE_VARIABLE} names no HBase Thrift server (hbase://host:port)")
    url = make_url(server).update_query_dict({"prefix": f"contract-{uuid4().hex[:12]}"})
    yield url.render_as_string(hide_password=False)
    with closing(ThriftConnections(thrift_address(url))) as connections:
        drop_tables(connections)


@pytest.fixture(scope="module", params=STORES)
def store_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="module")
def store(store_url: str) -> Iterator[Store]:
    with closing(open_store(store_url)) as opened:
        yield opened


@pytest.fixture
def new_network() -> Callable[[], NetworkId]:
    """Name a network that no other test uses."""
    return lambda: NetworkId(f"contract-{uuid4().hex}")


@pytest.fixture
def network(new_network: Callable[[], NetworkId]) -> NetworkId:
    return new_network()
