"""The embedded broker as one object."""

import asyncio
import contextlib
import time
from itertools import count
from types import TracebackType
from typing import Self

from metrla.local.devbroker.groups.coordinator import GroupCoordinator
from metrla.local.devbroker.handlers.context import BrokerState
from metrla.local.devbroker.housekeeping import keep_house
from metrla.local.devbroker.log.topics import TopicStore
from metrla.local.devbroker.server import ConnectionServer
from metrla.local.devbroker.settings import BrokerSettings, require_loopback


class DevBroker:
    """A Kafka-protocol broker on loopback, in this process and event loop; everything it holds ends with it.

    Args:
        host: a loopback address.
        port: TCP port, 0 for a free one.
        settings: limits and defaults.

    Raises:
        ConfigurationError: `host` is not a loopback address.

    Example::

        async with DevBroker() as broker:
            producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers)
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, *, settings: BrokerSettings | None = None) -> None:
        # `localhost` may stand for two addresses, and port 0 would then be two ports.
        self._host = "127.0.0.1" if require_loopback(host) == "localhost" else host
        self._port = port
        self._settings = settings or BrokerSettings()
        self._state: BrokerState | None = None
        self._server: ConnectionServer | None = None
        self._housekeeping: asyncio.Task[None] | None = None

    @property
    def state(self) -> BrokerState:
        """Topics and groups of the running broker.

        Raises:
            RuntimeError: the broker is not running.
        """
        if self._state is None:
            raise RuntimeError("the broker is not running")
        return self._state

    @property
    def port(self) -> int:
        """The TCP port of the running broker."""
        return self.state.port

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` for `bootstrap_servers` of a client."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self.state.port}"

    @property
    def connection_count(self) -> int:
        """Client connections that are open now."""
        return self._server.connection_count if self._server else 0

    async def start(self) -> None:
        """Listen; on return clients can connect.

        Raises:
            OSError: the port is taken.
            RuntimeError: the broker is running already.
        """
        if self._state is not None:
            raise RuntimeError("the broker is running already")
        state = BrokerState(
            settings=self._settings,
            topics=TopicStore(self._settings),
            groups=GroupCoordinator(self._settings),
            host=self._host,
            port=self._port,
            # Ids of an earlier broker on this port must not come back: its producers may still be running.
            producer_ids=count(time.time_ns() // 1_000_000 * 1000),
        )
        server = ConnectionServer(state)
        state.port = await server.start()
        self._state, self._server = state, server
        self._housekeeping = asyncio.create_task(keep_house(state))

    async def stop(self) -> None:
        """Close all connections and forget everything."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._housekeeping
        if self._server is not None:
            await self._server.stop()
        if self._state is not None:
            self._state.groups.close()
        self._state = self._server = self._housekeeping = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()
