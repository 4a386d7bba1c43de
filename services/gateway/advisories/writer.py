"""Takes advisories in over the API and puts them on the log."""

import asyncio
from collections.abc import Iterable, Mapping
from functools import cached_property
from time import monotonic

from services.gateway.log.writer import LogWriter, until_seen
from services.gateway.views.traffic import TrafficView
from shared.alerts.advisories.documents.draft import Draft, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable
from shared.alerts.advisories.documents.importing import ImportResult, prepare, take_back
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.reading import Reader
from shared.events.records import NetworkId, SensorId, TrafficAdvisory
from shared.kafka.advisories import publish
from shared.runtime.clock import Clock
from shared.traffic.network import Network

# Bodies that are read at the same time: each may be large, and all are in memory until they are parsed.
BODIES = 4
# For reading one document, and matching what it has with the roads.
DOCUMENT_S = 30.0


class _PatientMatcher(Matcher):
    """Matches until its time is up; what is left of a document is then nobody's."""

    def __init__(self, network: Network, until: float) -> None:
        super().__init__(network)
        self._until = until

    def match(self, draft: Draft) -> tuple[SensorId, ...]:
        """As `Matcher` does; raises `UnreadableAdvisoriesError` when the time is up."""
        if monotonic() > self._until:
            raise UnreadableAdvisoriesError(
                f"its places take longer than {DOCUMENT_S:g} s to find on the roads; send it in parts"
            )
        return super().match(draft)


class AdvisoryWriter:
    """Reads documents, compares them with the view, publishes what changed."""

    def __init__(self, log_writer: LogWriter, view: TrafficView, clock: Clock, zones: ZoneTable = NO_ZONES) -> None:
        self._log = log_writer
        self._view = view
        self._clock = clock
        self._zones = zones
        self._turn = asyncio.Lock()
        self.reading = asyncio.Semaphore(BODIES)

    @cached_property
    def matchers(self) -> Mapping[NetworkId, Matcher]:
        """Of every network."""
        return {network_id: Matcher(network) for network_id, network in self._view.networks.items()}

    async def take(self, data: bytes, feed: str, *, complete: bool) -> ImportResult:
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

    def _prepared(self, data: bytes, feed: str, complete: bool) -> ImportResult:  # noqa: FBT001 - called through a thread
        until = monotonic() + DOCUMENT_S
        matchers = tuple(_PatientMatcher(network, until) for network in self._view.networks.values())

        def patience() -> None:
            if monotonic() > until:
                raise UnreadableAdvisoriesError(f"reading it takes longer than {DOCUMENT_S:g} s; send it in parts")

        parsed = Reader(matchers[0].network.time_zone, self._clock(), zones=self._zones, patience=patience).read(data)
        return prepare(
            parsed, matchers, dict(self._view.advisories.records), feed, complete=complete, now=self._clock()
        )

    async def _publish(self, advisories: Iterable[TrafficAdvisory]) -> None:
        changed = list(advisories)
        if not changed:
            return
        await self._log.send("advisories", lambda producer: publish(producer, changed))
        last = changed[-1]
        await until_seen(lambda: self._view.advisories.records.get(last.advisory_id) == last)
