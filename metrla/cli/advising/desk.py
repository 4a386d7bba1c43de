"""One document at a time: read it, compare it with the log, publish what changed."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from aiokafka import AIOKafkaProducer

from shared.alerts.advisories.documents.draft import DocumentFormat
from shared.alerts.advisories.documents.importing import ImportResult, prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.reading import read_advisories
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.kafka.advisories import publish
from shared.runtime.clock import Clock
from shared.traffic.network import Network


@dataclass
class Desk:
    """Takes documents in for some networks. `standing` is what the log has; with `producer=None` nothing is written."""

    networks: Sequence[Network]
    standing: dict[AdvisoryId, TrafficAdvisory]
    producer: AIOKafkaProducer | None
    clock: Clock
    form: DocumentFormat | None = None
    _matchers: list[Matcher] = field(init=False)

    def __post_init__(self) -> None:
        """Lay the roads out."""
        self._matchers = [Matcher(network) for network in self.networks]

    async def take(self, data: bytes, feed: str, *, complete: bool) -> ImportResult:
        """Publish what a document changes; raises `UnreadableAdvisoriesError` where it is none."""
        parsed = read_advisories(data, self.networks[0].time_zone, self.clock(), self.form)
        outcome = prepare(parsed, self._matchers, self.standing, feed, complete=complete)
        if self.producer is not None:
            await publish(self.producer, outcome.changes)
        self.standing.update({change.advisory_id: change for change in outcome.changes})
        return outcome
