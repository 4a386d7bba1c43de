"""An HBase Thrift1 server: its address, and connections to it: one thread each, bounded waits, replaced when broken.

The address is a URL: `hbase://host:9090?prefix=…&pool=4&timeout_s=15&transport=buffered&protocol=binary`.
"""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, LifoQueue
from typing import Annotated, Any, Literal, TypeVar

from happybase import Connection
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import URL
from thriftpy2.thrift import TException
from thriftpy2.transport import TTransportException

from shared.events.errors import ConfigurationError, RefusedByStoreError, StoreError

Result = TypeVar("Result")


class ThriftAddress(BaseModel):
    """Where a Thrift1 server is and how to speak with it.

    `timeout_s` bounds each wait for the server and each wait for a free one of the `pool` connections. Where `prefix`
    is not empty, it and `_` stand before the name of every table; it may name an HBase namespace too, as in
    `namespace:prefix`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 9090
    prefix: Annotated[str, Field(pattern=r"^(([A-Za-z0-9_]+:)?[A-Za-z0-9_][A-Za-z0-9_.-]*)?$")] = ""
    pool: Annotated[int, Field(ge=1, le=64)] = 4
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 15.0
    transport: Literal["buffered", "framed"] = "buffered"
    protocol: Literal["binary", "compact"] = "binary"

    def __str__(self) -> str:
        return f"HBase Thrift server {self.host}:{self.port}"


def thrift_address(url: URL) -> ThriftAddress:
    """The address that a store's URL names.

    Raises:
        ConfigurationError: it names no host, or something that has no place in it.
    """
    given: dict[str, Any] = {"host": url.host or "", **url.query} | ({"port": url.port} if url.port is not None else {})
    if url.database or url.username or url.password:
        raise ConfigurationError(f"store URL {url.render_as_string()!r}: write hbase://host:port, options after '?'")
    try:
        return ThriftAddress(**given)
    except ValidationError as invalid:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in invalid.errors())
        raise ConfigurationError(f"store URL {url.render_as_string()!r}: {faults}") from invalid


class ThriftConnections:
    """Lends connections to one piece of work at a time; a connection used by two threads would mix up their rows.

    In the place of happybase's pool, which leaves the sockets of broken connections open and cannot be closed.

    Args:
        address: of the server.

    Raises:
        StoreError: the server does not answer.
    """

    def __init__(self, address: ThriftAddress) -> None:
        self._address = address
        # The last one given back is lent first, so that the others stay unused; `None` is yet to be connected.
        self._free: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(address.pool):
            self._free.put(None)
        self.run("connect", Connection.open)

    def run(self, action: str, work: Callable[[Connection], Result]) -> Result:
        """The result of `work`, which may be done twice; `action` names it in the error.

        Raises:
            StoreError: it failed or took too long.
        """
        return self._failing_as(action, lambda: self._attempt(work))

    def close(self) -> None:
        """Close all connections, those at work when their work is done."""
        for _ in range(self._address.pool):
            with suppress(Empty):
                if (connection := self._free.get(timeout=self._address.timeout_s)) is not None:
                    connection.close()

    def _attempt(self, work: Callable[[Connection], Result]) -> Result:
        # The server closes connections that were idle for a minute, which shows only when they are used: all may fail
        # once before the server itself has been asked.
        for _ in range(self._address.pool):
            try:
                return self._borrow(work)
            except (TTransportException, ConnectionError) as failed:
                if not _closed_by_server(failed):
                    raise
        return self._borrow(work)

    def _borrow(self, work: Callable[[Connection], Result]) -> Result:
        connection = self._free.get(timeout=self._address.timeout_s)
        try:
            if connection is None:
                connection = self._connect()
            return work(connection)
        except BaseException:
            # Half an answer may still be on its way.
            if connection is not None:
                connection.close()
                connection = None
            raise
        finally:
            self._free.put(connection)

    def _connect(self) -> Connection:
        address = self._address
        return Connection(
            address.host,
            address.port,
            timeout=round(address.timeout_s * 1000),
            table_prefix=address.prefix or None,
            transport=address.transport,
            protocol=address.protocol,
        )

    def _failing_as(self, action: str, work: Callable[[], Result]) -> Result:
        try:
            return work()
        except TimeoutError as late:
            raise StoreError(
                f"store: cannot {action}: {self._address}: no answer within {self._address.timeout_s:g} s"
            ) from late
        except Empty as busy:
            raise StoreError(f"store: cannot {action}: all {self._address.pool} connections are in use") from busy
        except (TException, OSError) as failed:
            # What the Thrift server calls a row that HBase takes from nobody, such as one with too long a key.
            kind = RefusedByStoreError if type(failed).__name__ == "IllegalArgument" else StoreError
            raise kind(f"store: cannot {action}: {self._address}: {_first_line(failed)}") from failed


def _closed_by_server(failed: Exception) -> bool:
    return isinstance(failed, ConnectionError) or (
        isinstance(failed, TTransportException) and failed.type == TTransportException.END_OF_FILE
    )


def _first_line(failed: Exception) -> str:
    # The server sends whole Java stack traces.
    message = getattr(failed, "message", None) or str(failed) or type(failed).__name__
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return text.strip().partition("\n")[0]
