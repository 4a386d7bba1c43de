"""Several threads and several processes use one store at once."""

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.events.errors import MetrlaError
from shared.events.records import NetworkId, ProcessedTrafficAggregate
from shared.store.port import Store
from shared.store.url import open_store
from tests.kit.places import ROOT
from tests.kit.windows import processed_window

START = datetime(2012, 5, 2, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
WRITERS, BATCHES, SENSORS = 4, 15, 100

# Opens the store, writes every batch with its own number as the revision, and leaves.
WRITER = """
import sys
from dataclasses import replace
from shared.events.records import NetworkId
from shared.store.url import open_store
sys.path.insert(0, sys.argv[1])
from test_sharing import BATCHES, batch
store = open_store(sys.argv[2])
for number in range(BATCHES):
    store.put_aggregates(batch(NetworkId(sys.argv[3]), number, revision=int(sys.argv[4])))
store.close()
"""


def batch(network: NetworkId, number: int, revision: int) -> list[ProcessedTrafficAggregate]:
    start = START + number * WINDOW
    return [processed_window(network, f"{sensor:03}", start, float(revision), revision) for sensor in range(SENSORS)]


def expected(network: NetworkId, revision: int) -> list[ProcessedTrafficAggregate]:
    return [one for number in reversed(range(BATCHES)) for one in batch(network, number, revision)]


def test_a_store_that_works_answers(store: Store) -> None:
    store.ping()


def test_opening_again_keeps_what_is_there(store_url: str, network: NetworkId) -> None:
    for revision in (2, 1):
        with closing(open_store(store_url)) as store:
            store.put_aggregates(batch(network, 0, revision))
    with closing(open_store(store_url, create=False)) as store:
        assert list(store.aggregates(network)) == batch(network, 0, 2)


def test_threads_share_a_store(store: Store, network: NetworkId) -> None:
    def write(task: int) -> None:
        store.put_aggregates(batch(network, task % BATCHES, revision=1 + task // BATCHES))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(3 * BATCHES)))
        readers = [threads.submit(lambda: list(store.aggregates(network))) for _ in range(8)]
    for reader in readers:
        assert reader.result() == expected(network, 3)


@pytest.mark.slow
def test_processes_open_and_write_one_store_together(
    tmp_path: Path, store_url: str, new_network: Callable[[], NetworkId]
) -> None:
    # A store that nobody has opened yet where that costs nothing: making the tables is a race as well.
    url = f"sqlite:///{tmp_path / 'new' / 'store.sqlite'}" if store_url.startswith("sqlite") else store_url
    network = new_network()
    here = str(Path(__file__).parent)
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, here, url, network, str(1 + number)],
            cwd=ROOT,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=90)
        assert writer.returncode == 0, errors
    with closing(open_store(url)) as store:
        assert list(store.aggregates(network)) == expected(network, WRITERS)


@pytest.mark.parametrize("url", ["", "nothing", "ftp://host/x", "sqlite://", "sqlite:///:memory:", "sqlite://host/x"])
def test_a_url_of_no_store_is_refused(url: str) -> None:
    with pytest.raises(MetrlaError):
        open_store(url)
