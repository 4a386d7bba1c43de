"""The gateway's producer, opened by the first write."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from shared.events.errors import MetrlaError
from shared.kafka.producer import open_producer

log: BoundLogger = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-gateway-publisher"
PUBLISH_S = 10.0
SEEN_S = 2.0
SEEN_POLL_S = 0.01


class UnpublishedError(MetrlaError):
    """The log does not take what was to be published; the same may be asked again."""


class LogWriter:
    """One producer for everything that clients write through the API."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._opening = asyncio.Lock()
        self._held = AsyncExitStack()
        self._producer: AIOKafkaProducer | None = None

    async def send(self, what: str, send: Callable[[AIOKafkaProducer], Awaitable[None]]) -> None:
        """Return when the log has acknowledged what `send` sends; raises `UnpublishedError`, which says `what`."""
        try:
            async with asyncio.timeout(PUBLISH_S):
                async with self._opening:
                    if self._producer is None:
                        opened = open_producer(self._bootstrap_servers, CLIENT_ID)
                        self._producer = await self._held.enter_async_context(opened)
                await send(self._producer)
        except (KafkaError, OSError, TimeoutError) as failed:
            log.warning("not published", what=what, error=str(failed) or type(failed).__name__)
            raise UnpublishedError(f"The log does not take {what} at present.") from failed

    async def close(self) -> None:
        """Flush what was sent."""
        await self._held.aclose()


async def until_seen(seen: Callable[[], bool]) -> bool:
    """Wait briefly until the view shows what was published, so that the next request sees it."""
    deadline = asyncio.get_running_loop().time() + SEEN_S
    while not seen():
        if asyncio.get_running_loop().time() >= deadline:
            return False
        await asyncio.sleep(SEEN_POLL_S)
    return True
