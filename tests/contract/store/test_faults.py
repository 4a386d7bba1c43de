"""What a store that is a server promises while it is away: errors soon, and work again as soon as it is back."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import make_url

from shared.events.errors import StoreError
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId
from shared.store.port import Store
from shared.store.url import open_store

pytestmark = pytest.mark.real

START = datetime(2012, 5, 2, tzinfo=UTC)
TIMEOUT_S = 1.5
SOON_S = 3.0


class Wire:
    """A port of our own through which a server is reached, until it is cut."""

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._sockets: list[socket.socket] = []
        self._listener: socket.socket | None = None
        self._silent = threading.Event()
        self.port = 0
        self.join()

    def join(self) -> None:
        """Let new connections through."""
        self._silent.clear()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Refuse new connections and end those that are there, as a server that was killed."""
        if self._listener is not None:
            # What waits in accept() is woken by this, and not by close().
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.drop()

    def drop(self) -> None:
        """End the connections that are there, as a server does with idle ones."""
        while self._sockets:
            end = self._sockets.pop()
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def hang(self) -> None:
        """Swallow what is sent, as a server that was stopped."""
        self._silent.set()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self._silent.is_set():
                    target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()


@pytest.fixture(params=["postgresql", "hbase"])
def server_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def wire(server_url: str) -> Iterator[Wire]:
    url = make_url(server_url)
    wire = Wire(url.host or "127.0.0.1", url.port or 9090)
    yield wire
    wire.cut()


@pytest.fixture
def store(server_url: str, wire: Wire) -> Iterator[Store]:
    url = make_url(server_url).set(host="127.0.0.1", port=wire.port)
    if url.drivername == "hbase":
        url = url.update_query_dict({"timeout_s": f"{TIMEOUT_S}"})
    with closing(open_store(url.render_as_string(hide_password=False))) as opened:
        yield opened


def aggregates(network: NetworkId, revision: int) -> list[ProcessedTrafficAggregate]:
    return [
        ProcessedTrafficAggregate(
            *(network, SensorId(f"{sensor}"), START, START + timedelta(minutes=5), revision, 1, 60.0, 60.0, 60.0, 0.0),
            *(None, None, 1.0, "e"),
        )
        for sensor in range(5)
    ]


def test_connections_that_the_server_ended_are_replaced_unnoticed(store: Store, wire: Wire, network: NetworkId) -> None:
    for revision in (1, 2, 3):
        store.put_aggregates(aggregates(network, revision))
        wire.drop()
    assert list(store.aggregates(network)) == aggregates(network, 3)


def test_a_server_that_is_away_is_said_soon_and_used_again_when_it_is_back(
    store: Store, wire: Wire, network: NetworkId
) -> None:
    store.put_aggregates(aggregates(network, 1))
    wire.cut()
    for _ in range(6):
        begun = time.monotonic()
        with pytest.raises(StoreError, match="cannot write traffic_aggregates"):
            store.put_aggregates(aggregates(network, 2))
        with pytest.raises(StoreError, match="cannot read traffic_aggregates"):
            list(store.aggregates(network))
        with pytest.raises(StoreError, match="cannot answer"):
            store.ping()
        assert time.monotonic() - begun < SOON_S
    wire.join()
    store.ping()
    store.put_aggregates(aggregates(network, 2))
    assert list(store.aggregates(network)) == aggregates(network, 2)


def test_a_reader_goes_on_after_the_server_was_away(store: Store, wire: Wire, network: NetworkId) -> None:
    store.put_aggregates(aggregates(network, 1))
    reading = store.aggregates(network)
    first = next(reading)
    wire.drop()
    with suppress(StoreError):
        list(reading)
    assert next(store.aggregates(network)) == first


@pytest.mark.parametrize("server_url", ["hbase"], indirect=True)
def test_a_server_that_hangs_is_given_up(store: Store, wire: Wire, network: NetworkId) -> None:
    store.put_aggregates(aggregates(network, 1))
    wire.hang()
    begun = time.monotonic()
    with pytest.raises(StoreError, match=f"no answer within {TIMEOUT_S} s"):
        store.put_aggregates(aggregates(network, 2))
    assert time.monotonic() - begun < TIMEOUT_S + SOON_S
    wire.cut()
    wire.join()
    store.put_aggregates(aggregates(network, 2))
    assert list(store.aggregates(network)) == aggregates(network, 2)


@pytest.mark.parametrize("server_url", ["hbase"], indirect=True)
def test_more_threads_than_connections_wait_for_one(store: Store, network: NetworkId) -> None:
    threads = [threading.Thread(target=store.put_aggregates, args=(aggregates(network, 1),)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert list(store.aggregates(network)) == aggregates(network, 1)
