"""Whether a broker answers. Kafka's clients wait for one without a word, so a probe has to ask by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

log = structlog.stdlib.get_logger(__name__)

WATCH_EVERY_S = 2.0
ANSWER_S = 5.0


class BrokerWatch:
    """What is known of the broker; `trouble` is `None` while it answers."""

    def __init__(self, bootstrap_servers: str, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = f"{client_id}-watch"
        self.trouble: str | None = None

    async def run(self) -> None:
        """Ask again and again, until cancelled."""
        while True:
            answers = await self._answers()
            if answers != (self.trouble is None):
                log.warning("broker is back" if answers else "broker does not answer")
            self.trouble = None if answers else f"a broker: none answers at {self._bootstrap_servers}"
            await asyncio.sleep(WATCH_EVERY_S)

    async def _answers(self) -> bool:
        client = AIOKafkaClient(bootstrap_servers=self._bootstrap_servers, client_id=self._client_id)
        try:
            async with asyncio.timeout(ANSWER_S):
                await client.bootstrap()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            await client.close()
        return True


@asynccontextmanager
async def watch_broker(bootstrap_servers: str, client_id: str) -> AsyncIterator[BrokerWatch]:
    """A watch that runs while the block does."""
    watch = BrokerWatch(bootstrap_servers, client_id)
    running = asyncio.create_task(watch.run(), name="broker watch")
    try:
        yield watch
    finally:
        running.cancel()
        await asyncio.wait({running})
