"""Every store that metrla can use. A new one is one entry in `STORES`; the suite must pass on it unchanged.

Tests share a store and use a network of their own each, so that real servers need no cleaning.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from shared.events.records import NetworkId
from shared.store.opening import open_store
from shared.store.port import Store


def sqlite_file(scratch: Path) -> str:
    return f"sqlite:///{scratch / 'store.sqlite'}"


# From a scratch folder to a store's URL; skips, with a reason, where the server it needs is not there.
STORES: dict[str, Callable[[Path], str]] = {"sqlite": sqlite_file}


@pytest.fixture(scope="module", params=STORES)
def store_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return STORES[request.param](tmp_path_factory.mktemp("store"))


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
