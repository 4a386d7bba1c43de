"""The TCP side: frames in, frames out, one pair of tasks per connection."""

import asyncio
import struct

import structlog

from metrla.local.devbroker.handlers.context import BrokerState, RequestContext
from metrla.local.devbroker.handlers.dispatch import answer
from metrla.local.devbroker.handlers.produce import UnacknowledgedProduceError
from metrla.local.devbroker.wire.codec import MalformedRequestError, read_header

_LENGTH = struct.Struct(">i")
_READ_BUFFER_BYTES = 1024 * 1024
_MAX_PIPELINED_REQUESTS = 16
_TURNS_TO_SERVE = 5
"""A connection that the event loop has accepted has a task of ours after so many turns of it: three in Python 3.11."""

# Requests, then the end: None, or why the connection must be closed.
_Frames = asyncio.Queue[bytes | MalformedRequestError | None]

log = structlog.get_logger(__name__)


class ConnectionServer:
    """Serves every accepted connection until its client, or the broker, ends it."""

    def __init__(self, state: BrokerState) -> None:
        self._state = state
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def connection_count(self) -> int:
        """Connections that are open now."""
        return len(self._tasks)

    async def start(self) -> int:
        """Listen on the state's host and port; return the port."""
        self._server = await asyncio.start_server(
            self._serve, self._state.host, self._state.port, limit=_READ_BUFFER_BYTES
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def stop(self) -> None:
        """Stop listening and close every connection."""
        if self._server is not None:
            await self._accept_no_more(self._server)
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    async def _accept_no_more(self, server: asyncio.Server) -> None:
        """Let connections that were accepted just now reach `_serve`: asyncio leaks them where the server is closed."""
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for _ in range(_TURNS_TO_SERVE):
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("asyncio serves every connection in a task of its own")
        self._tasks.add(task)
        peer = writer.get_extra_info("peername")
        host, port = (str(peer[0]), peer[1]) if peer else ("", 0)
        disconnected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        context = RequestContext(api_version=0, client_id="", client_host=host, disconnected=disconnected)
        # Requests are read ahead so that the end of a connection is seen while a fetch or a join still waits.
        frames: _Frames = asyncio.Queue(_MAX_PIPELINED_REQUESTS)
        receiver = asyncio.create_task(self._receive(reader, frames, disconnected))
        try:
            while isinstance(frame := await frames.get(), bytes):
                response = await answer(self._state, frame, read_header(frame), context)
                if response is not None:
                    writer.write(response)
                    await writer.drain()
            if frame is not None:
                log.warning("connection closed", client=f"{host}:{port}", reason=str(frame))
        except (MalformedRequestError, UnacknowledgedProduceError) as error:
            log.warning("connection closed", client=f"{host}:{port}", reason=str(error))
        except ConnectionError:
            log.debug("connection lost", client=f"{host}:{port}")
        except asyncio.CancelledError:
            log.debug("connection closed by the broker", client=f"{host}:{port}")
        except Exception:
            # The message boundary: a fault in one request costs one connection, never the broker.
            log.exception("request failed, connection closed", client=f"{host}:{port}")
        finally:
            receiver.cancel()
            if not disconnected.done():
                disconnected.set_result(None)
            writer.close()
            self._tasks.discard(task)

    async def _receive(self, reader: asyncio.StreamReader, frames: _Frames, disconnected: asyncio.Future[None]) -> None:
        end: MalformedRequestError | None = None
        try:
            while True:
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                if not 0 < length <= self._state.settings.max_request_bytes:
                    limit = self._state.settings.max_request_bytes
                    end = MalformedRequestError(f"a request of {length} bytes: the limit is {limit}")
                    break
                await frames.put(await reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            # The usual end: the client has closed its side. What it has sent before is still handled.
            pass
        if not disconnected.done():
            disconnected.set_result(None)
        await frames.put(end)
