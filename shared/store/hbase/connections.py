"""Connections to an HBase Thrift1 server: one thread each, bounded waits, replaced when they break."""

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, LifoQueue
from typing import TypeVar

from happybase import Connection
from thriftpy2.thrift import TException
from thriftpy2.transport import TTransportException

from shared.events.errors import StoreError
from shared.store.hbase.address import ThriftAddress

Result = TypeVar("Result")


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
            raise StoreError(f"store: cannot {action}: {self._address}: {_first_line(failed)}") from failed


def _closed_by_server(failed: Exception) -> bool:
    return isinstance(failed, ConnectionError) or (
        isinstance(failed, TTransportException) and failed.type == TTransportException.END_OF_FILE
    )


def _first_line(failed: Exception) -> str:
    # The server sends whole Java stack traces.
    message = getattr(failed, "message", None) or str(failed) or type(failed).__name__
    text = message.decode(errors="replace") if isinstance(message, bytes) else str(message)
    return text.strip().partition("\n")[0]
