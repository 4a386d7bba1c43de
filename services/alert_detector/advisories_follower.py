"""Keeps the book of advisories in step with their topic: all of it on start, then what comes."""

import asyncio

import structlog
from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from shared.alerts.advisories.book import AdvisoryBook
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.events.topics import ADVISORIES
from shared.kafka.admin import TopicError, partitions_of
from shared.kafka.advisories import apply
from shared.kafka.replay import open_reader, read_range

log: BoundLogger = structlog.stdlib.get_logger(__name__)

POLL_MS = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0


class AdvisoryFollower:
    """Reads the advisories without a group: every instance knows all of them."""

    def __init__(self, bootstrap_servers: str, book: AdvisoryBook, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._book = book
        self._client_id = f"{client_id}-advisories"
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled; a broker that is not there is asked again."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._follow()
            except (KafkaError, TopicError, OSError) as lost:
                log.warning("lost the advisories, trying again", error=str(lost) or type(lost).__name__)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)

    async def _follow(self) -> None:
        async with open_reader(self._bootstrap_servers, self._client_id) as reader:
            partitions = await partitions_of(self._bootstrap_servers, [ADVISORIES])
            ends = await reader.end_offsets(partitions)
            standing: dict[AdvisoryId, TrafficAdvisory] = {}
            for partition in partitions:
                for record in await read_range(reader, partition, 0, ends[partition]):
                    apply(standing, record)
            self._book.replace(standing)
            self.caught_up.set()
            log.info("advisories read", advisories=len(standing))
            reader.assign(partitions)
            for partition in partitions:
                reader.seek(partition, ends[partition])
            while True:
                for records in (await reader.getmany(timeout_ms=POLL_MS)).values():
                    for record in records:
                        taken = apply(standing, record)
                        if isinstance(taken, TrafficAdvisory):
                            self._book.take(taken)
                        elif taken is not None:
                            self._book.drop(taken)
