"""Composition root of the alert detector: aggregates to alerts."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry
from structlog.stdlib import BoundLogger

from services.alert_detector.actions_follower import ActionFollower
from services.alert_detector.advisories_follower import AdvisoryFollower
from services.alert_detector.alert_log import AlertLog, partition_of
from services.alert_detector.expectations_worker import Surroundings, open_expectations
from services.alert_detector.lookup import look_up
from services.alert_detector.settings import AlertDetectorSettings
from services.alert_detector.side_by_side import beside, together
from services.alert_detector.state_log import StateLog
from shared.alerts.actions.desk import ActionDesk
from shared.alerts.actions.processor import ActionProcessor
from shared.alerts.advisories.board import TYPES
from shared.alerts.advisories.desk import AdvisoryDesk
from shared.alerts.advisories.judge import AdvisoryJudge
from shared.alerts.advisories.usual import UsualSpeeds
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.expectations.detector import is_expectation
from shared.alerts.learned.learner import Learner
from shared.alerts.learned.start import from_profile
from shared.alerts.learned.state import Learned
from shared.alerts.learned.wire import beginning_of
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.processor import AlertProcessor, RoadChanges
from shared.archive.opening import open_archive
from shared.archive.port import Archive
from shared.events.avro import codec
from shared.events.errors import RejectedEventError
from shared.events.records import AlertType, NetworkId, ProcessedTrafficAggregate
from shared.events.topics import AGGREGATES
from shared.forecasting.registry.profile import latest_profile
from shared.kafka.admin import ensure_topics
from shared.kafka.assignment import Input
from shared.kafka.deadletter import DeadLetter, DeadLetterWriter
from shared.kafka.delivery import StoppingError, until_done
from shared.kafka.producer import open_producer
from shared.kafka.replay import LogRecord
from shared.kafka.worker import Worker
from shared.runtime.lifecycle import run_service
from shared.runtime.metrics import AlertDetectorMetrics
from shared.runtime.probes import serve_probes
from shared.runtime.settings import PlatformSettings, read_settings
from shared.store.deferred import open_deferred
from shared.store.port import Store
from shared.traffic.folder import load_networks

log: BoundLogger = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-alert-detector"


@dataclass
class _Wiring:
    """What the worker calls, tied to clients and metrics."""

    processor: AlertProcessor
    acting: ActionProcessor
    metrics: AlertDetectorMetrics
    producer: AIOKafkaProducer
    alerts: AlertLog
    states: StateLog
    archive: Archive | None
    letters: DeadLetterWriter
    follower: AdvisoryFollower
    held: set[TopicPartition] = field(default_factory=set)

    async def restore(self, partition: int) -> None:
        """Recall the alerts of the networks whose windows come by this partition."""
        self.held.add(TopicPartition(AGGREGATES.name, partition))
        self.letters.expect(self.held)
        numbers = await self.producer.partitions_for(AGGREGATES.name)
        mine = {name: one for name, one in self.processor.detectors.items() if partition_of(name, numbers) == partition}
        known = self.acting.recall(partition, mine, await self.alerts.read()) if mine else []
        seen = [alert for alert in known if not is_expectation(alert)]
        boards, incidents = (
            {name: AlertBoard.rebuilt(one.network, alert_type, seen) for name, one in mine.items()}
            for alert_type in (AlertType.CONGESTION, AlertType.INCIDENT)
        )
        learners = {name: learner for name, learner in self.processor.learners.items() if name in mine}
        self.processor.recall(partition, boards, incidents, await self.begun(await self.states.read(learners)))
        # An advisory that is not read yet would look as if its publisher had taken it back.
        await self.follower.caught_up.wait()
        for network_id in mine:
            self.processor.advisories.recall(network_id, known)
        standing = sum(len(one.standing()) for one in (*boards.values(), *incidents.values()))
        log.info("alerts recalled", partition=partition, standing=standing)

    async def begun(self, learned: Mapping[NetworkId, Learned | None]) -> dict[NetworkId, Learned]:
        """What is known of each network: where nothing was learned yet, what its models hold for usual."""
        known = {}
        for network_id, state in learned.items():
            beginning = state or await self._beginning(self.processor.learners[network_id])
            if beginning is not None:
                known[network_id] = beginning
        return known

    async def _beginning(self, learner: Learner) -> Learned | None:
        if self.archive is None:
            return None
        profile = await asyncio.to_thread(latest_profile, self.archive, learner.network)
        beginning = None if profile is None else from_profile(learner, profile)
        if beginning is not None:
            await self.states.write(beginning_of(learner, beginning))
        return beginning

    async def deliver(self, changes: Sequence[RoadChanges]) -> None:
        """Write what changed."""
        await self.alerts.write([change for change in changes if change.alerts])
        # What a step taught stands for all its alerts being on the log.
        taught = [record for change in changes for record in change.learned]
        await self.states.write(taught)
        self.metrics.state_bytes.inc(sum(len(record.value) for record in taught))
        for change in changes:
            for alert in change.alerts:
                self.metrics.changes.labels(alert.alert_type, alert.status).inc()

    async def dead_letter(self, record: LogRecord, rejected: RejectedEventError) -> None:
        """Keep what cannot be read."""
        await self.letters.write([DeadLetter(record, rejected.reason, rejected.detail)])
        self.metrics.rejected.inc()

    def decode(self, value: bytes) -> ProcessedTrafficAggregate:
        """One window."""
        self.metrics.windows.inc()
        return codec(ProcessedTrafficAggregate).decode(value)


async def serve(settings: PlatformSettings, stop: asyncio.Event) -> None:
    """Detect until `stop` is set; what is in hand then is finished or comes again after the restart."""
    own = read_settings(AlertDetectorSettings)
    networks = load_networks(settings.networks)
    judges = {network_id: AdvisoryJudge(network, own.rule) for network_id, network in networks.items()}
    desk = AdvisoryDesk(judges, usual=UsualSpeeds())
    processor = AlertProcessor(
        {
            network_id: CongestionDetector(network, own.rule, own.materiality)
            for network_id, network in networks.items()
        },
        own.settle_seconds,
        own.silence_seconds,
        desk,
        learners={name: Learner(network, own.incident_level) for name, network in networks.items()},
    )
    registry = CollectorRegistry()
    metrics = AlertDetectorMetrics(registry)
    for alert_type in (AlertType.CONGESTION, AlertType.INCIDENT):
        metrics.active.labels(alert_type).set_function(partial(processor.standing, alert_type))
    metrics.doubted.set_function(lambda: processor.doubted)
    for alert_type in TYPES:
        metrics.active.labels(alert_type).set_function(partial(desk.standing, alert_type))
    servers = settings.kafka_bootstrap_servers
    worker: Worker[ProcessedTrafficAggregate, RoadChanges] | None = None

    async def create_topics() -> None:
        await ensure_topics(servers)

    async with (
        _opened(settings.store_url) as store,
        _archive(settings.archive_url if own.start_from_models else None) as archive,
        serve_probes(settings, registry, lambda: "the broker" if worker is None else worker.waiting_for()),
    ):
        try:
            await until_done("creation of topics", create_topics, stop)
        except StoppingError:
            return
        async with open_producer(servers, CLIENT_ID) as producer:
            alerts = AlertLog(servers, producer, store, CLIENT_ID)
            follower = AdvisoryFollower(servers, desk.book, CLIENT_ID)
            letters = DeadLetterWriter(servers, producer, CLIENT_ID)
            acting = ActionProcessor(processor, ActionDesk())
            actions = ActionFollower(servers, acting.desk, CLIENT_ID)
            states = StateLog(servers, producer, CLIENT_ID)
            wiring = _Wiring(processor, acting, metrics, producer, alerts, states, archive, letters, follower)
            source = Input(servers, AGGREGATES.name, own.group, wiring.decode, wiring.dead_letter, wiring.restore)
            worker = Worker(source, acting, wiring.deliver, stop)
            around = Surroundings(
                servers, CLIENT_ID, own.forecast_group, alerts, acting.desk, wiring.deliver, worker.waiting_for
            )
            expecting = await open_expectations(around, producer, networks, own.rule, processor.covered, stop)
            metrics.active.labels(AlertType.CONGESTION).set_function(
                lambda: processor.standing(AlertType.CONGESTION) + expecting.processor.standing
            )
            async with beside(stop, follower.run(), actions.run(), look_up(desk, store)):
                await together(stop, worker.run(), expecting.worker.run())


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Store]:
    store = await asyncio.to_thread(open_deferred, url)
    try:
        yield store
    finally:
        await asyncio.to_thread(store.close)


@asynccontextmanager
async def _archive(url: str | None) -> AsyncIterator[Archive | None]:
    if url is None:
        yield None
        return
    archive = await asyncio.to_thread(open_archive, url)
    try:
        yield archive
    finally:
        await asyncio.to_thread(archive.close)


def main() -> int:
    """Run as a process; returns its exit code."""
    return run_service("alert-detector", serve)


if __name__ == "__main__":
    raise SystemExit(main())
