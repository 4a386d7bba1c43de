"""Deliver what was worked out until it is acknowledged: in order, in chunks, with growing pauses between attempts."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Generic, TypeVar

import structlog
from aiokafka.errors import KafkaError

from shared.events.errors import MetrlaError

log = structlog.stdlib.get_logger(__name__)

Out = TypeVar("Out")
Deliver = Callable[[Sequence[Out]], Awaitable[None]]

TRANSIENT = (MetrlaError, KafkaError, OSError, TimeoutError)
"""What a store, an archive or a broker raises while it is away; anything else is a fault of ours and not retried."""

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 10.0
CHUNK = 32


class StoppingError(Exception):
    """The service stops before the work was acknowledged: it stays unacknowledged and comes again after the restart."""


async def until_done(what: str, attempt: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    """Make `attempt` until it succeeds; raises `StoppingError` where it fails while `stop` is set."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await attempt()
        except TRANSIENT as failed:
            if stop.is_set():
                raise StoppingError(what) from failed
            log.warning("will try again", what=what, pause_seconds=pause, error=f"{type(failed).__name__}: {failed}")
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


class Outbox(Generic[Out]):
    """What is worked out and not delivered yet. It survives a cancelled delivery: nothing leaves unacknowledged."""

    def __init__(self, deliver: Deliver[Out], stop: asyncio.Event) -> None:
        self._deliver = deliver
        self._stop = stop
        self._waiting: list[Out] = []
        self._one_at_a_time = asyncio.Lock()
        self.trouble: str | None = None
        """What keeps the outputs from being delivered at present, or `None`."""

    def put(self, outputs: Iterable[Out]) -> None:
        """Add outputs behind those that wait."""
        self._waiting.extend(outputs)

    async def drain(self) -> None:
        """Return when everything put in before the call is acknowledged; raises `StoppingError`."""
        async with self._one_at_a_time:
            while chunk := self._waiting[:CHUNK]:
                await until_done("delivery of outputs", partial(self._attempt, chunk), self._stop)
                del self._waiting[: len(chunk)]

    async def _attempt(self, chunk: Sequence[Out]) -> None:
        try:
            await self._deliver(chunk)
        except TRANSIENT as failed:
            self.trouble = f"delivery of outputs: {str(failed) or type(failed).__name__}"
            raise
        self.trouble = None
