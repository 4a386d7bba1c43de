"""Takes advisories in over the API and puts them on the log."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from functools import cached_property

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from services.gateway.views.traffic import TrafficView
from shared.advisories.importing import Outcome, prepare, take_back
from shared.advisories.log import publish
from shared.advisories.matching import Matcher
from shared.advisories.reading import read_advisories
from shared.events.errors import MetrlaError
from shared.events.records import NetworkId, TrafficAdvisory
from shared.kafka.producer import open_producer
from shared.runtime.clock import Clock

log: BoundLogger = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-gateway-advisories"
PUBLISH_S = 10.0
SEEN_S = 2.0
SEEN_POLL_S = 0.01


class UnpublishedError(MetrlaError):
    """The log does not take what was to be published; the same may be asked again."""


class AdvisoryReception:
    """Reads documents, compares them with the view, publishes what changed. The producer is opened by the first one."""

    def __init__(self, bootstrap_servers: str, view: TrafficView, clock: Clock) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._view = view
        self._clock = clock
        self._turn = asyncio.Lock()
        self._held = AsyncExitStack()
        self._producer: AIOKafkaProducer | None = None

    @cached_property
    def matchers(self) -> Mapping[NetworkId, Matcher]:
        """Of every network."""
        return {network_id: Matcher(network) for network_id, network in self._view.networks.items()}

    async def take(self, data: bytes, feed: str, *, complete: bool) -> Outcome:
        """Publish what a document changes.

        Raises:
            UnreadableAdvisoriesError: it is no document of any format.
            UnpublishedError: the log does not take it.
        """
        async with self._turn:
            outcome = await asyncio.to_thread(self._prepared, data, feed, complete)
            await self._publish(outcome.changes)
        return outcome

    async def put(self, advisory: TrafficAdvisory) -> None:
        """Publish one advisory; raises `UnpublishedError`."""
        async with self._turn:
            await self._publish([advisory])

    async def withdraw(self, advisory: TrafficAdvisory) -> TrafficAdvisory:
        """Take one advisory back; returns its new state. Raises `UnpublishedError`."""
        withdrawn = take_back(advisory)
        await self.put(withdrawn)
        return withdrawn

    async def close(self) -> None:
        """Flush what was sent."""
        await self._held.aclose()

    def _prepared(self, data: bytes, feed: str, complete: bool) -> Outcome:  # noqa: FBT001 - called through a thread
        matchers = tuple(self.matchers.values())
        parsed = read_advisories(data, matchers[0].network.time_zone, self._clock())
        return prepare(parsed, matchers, dict(self._view.advisories.standing), feed, complete=complete)

    async def _publish(self, advisories: Iterable[TrafficAdvisory]) -> None:
        changed = list(advisories)
        if not changed:
            return
        try:
            async with asyncio.timeout(PUBLISH_S):
                if self._producer is None:
                    opened = open_producer(self._bootstrap_servers, CLIENT_ID)
                    self._producer = await self._held.enter_async_context(opened)
                await publish(self._producer, changed)
        except (KafkaError, OSError, TimeoutError) as failed:
            log.warning("advisories not published", error=str(failed) or type(failed).__name__)
            raise UnpublishedError("The log does not take advisories at present.") from failed
        await self._seen(changed[-1])

    async def _seen(self, last: TrafficAdvisory) -> None:
        """Wait until the view has it, so that who asks next is told; not for long."""
        deadline = asyncio.get_running_loop().time() + SEEN_S
        while asyncio.get_running_loop().time() < deadline:
            if self._view.advisories.standing.get(last.advisory_id) == last:
                return
            await asyncio.sleep(SEEN_POLL_S)
