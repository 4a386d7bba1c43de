"""Composition root of the alert detector: aggregates to alerts."""

import asyncio
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial

from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from services.alert_detector.alert_log import AlertLog
from services.alert_detector.followed import actions_follower, advisories_follower, clocks_follower
from services.alert_detector.lookup import look_up
from services.alert_detector.partitions import Partitions
from services.alert_detector.settings import AlertDetectorSettings
from services.alert_detector.state_log import StateLog
from shared.alerts.actions.alerts import AlertActions
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.advisories.board import TYPES
from shared.alerts.detection.budget import Grade
from shared.alerts.expectations.alerts import ExpectationDetector
from shared.alerts.expectations.expectation import ExpectationRule
from shared.alerts.lifecycle.changes import RoadChanges
from shared.archive.url import open_archive
from shared.events.avro import codec
from shared.events.errors import RejectedEventError
from shared.events.records import AlertType, ProcessedTrafficAggregate, TrafficPrediction
from shared.events.topics import AGGREGATES, ALERTS, PREDICTIONS, SENSOR_HEALTH
from shared.kafka.admin import ensure_topics
from shared.kafka.assignment import Input
from shared.kafka.deadletter import DeadLetterWriter
from shared.kafka.persistence import Persistence, StoppingError
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.quarantine import Culprit, Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from shared.kafka.worker import Worker
from shared.runtime.clock import wall_clock
from shared.runtime.metrics import AlertDetectorMetrics
from shared.runtime.probes import serve_probes
from shared.runtime.process import opened_at, run_service
from shared.runtime.settings import PlatformSettings, read_settings
from shared.runtime.side_by_side import beside
from shared.store.deferred import open_deferred
from shared.traffic.folder import load_networks
from shared.traffic.health.doubted import write_doubted
from shared.traffic.health.times import ClocksOff

CLIENT_ID = "metrla-alert-detector"


@dataclass(frozen=True, slots=True)
class _Output:
    """What the worker delivers to: changes of alerts, and what the steps behind them taught."""

    alerts: AlertLog
    states: StateLog
    letters: DeadLetterWriter
    producer: AIOKafkaProducer
    metrics: AlertDetectorMetrics

    async def deliver(self, changes: Sequence[RoadChanges]) -> None:
        """Return when log and store have acknowledged what changed."""
        await self.alerts.write([change for change in changes if change.alerts])
        # What a step taught says that all its alerts are on the log.
        taught = [record for change in changes for record in change.learned]
        await self.states.write(taught)
        self.metrics.state_bytes.inc(sum(len(record.value) for record in taught))
        # Said once more after a crash at worst: a record is the whole truth of its network.
        doubted = [change.doubted for change in changes if change.doubted is not None]
        told = [Message(SENSOR_HEALTH.name, one.key.encode(), write_doubted(one)) for one in doubted]
        await send_all(self.producer, told)
        for change in changes:
            for alert in change.alerts:
                self.metrics.changes.labels(alert.alert_type, alert.status).inc()

    async def put_aside(self, culprit: Culprit[RoadChanges]) -> None:
        """Keep the alerts of changes that cannot be delivered."""
        for alert in culprit.item.alerts:
            key, value = alert.alert_id.encode(errors="replace"), repr(alert).encode(errors="backslashreplace")
            await self.letters.put_aside(ALERTS.name, key, value, culprit.fault, culprit.stage)


def _inputs(
    partitions: Partitions, letters: DeadLetterWriter, metrics: AlertDetectorMetrics, formerly: str
) -> tuple[Input[ProcessedTrafficAggregate, RoadChanges], Input[TrafficPrediction, RoadChanges]]:
    decode_window, decode_prediction = codec(ProcessedTrafficAggregate).decode, codec(TrafficPrediction).decode

    def window(value: bytes) -> ProcessedTrafficAggregate:
        metrics.windows.inc()
        return decode_window(value)

    async def dead_letter(record: LogRecord, rejected: RejectedEventError) -> None:
        await letters.reject(record, rejected)
        metrics.rejected.inc()

    return (
        Input(AGGREGATES, window, dead_letter, partitions.windows),
        Input(PREDICTIONS, decode_prediction, dead_letter, partitions.predictions, formerly),
    )


async def serve(settings: PlatformSettings, stop: asyncio.Event) -> None:
    """Detect until `stop` is set; what is in hand then is finished or comes again after the restart."""
    own = read_settings(AlertDetectorSettings)
    networks = load_networks(settings.networks)
    clocks = ClocksOff()
    rules = own.tuning.rules(networks, clock=wall_clock, clocks_off=clocks.of)
    advisories = rules.advisories
    detectors = {name: ExpectationDetector(network, ExpectationRule(own.rule)) for name, network in networks.items()}
    registry = CollectorRegistry()
    metrics = AlertDetectorMetrics(registry)
    quarantine = Quarantine(lambda stage: metrics.quarantined.labels(stage).inc())
    servers = settings.kafka_bootstrap_servers
    worker: Worker[RoadChanges] | None = None
    starting = Persistence(stop)

    def waiting_for() -> str | None:
        return starting.trouble or "the broker" if worker is None else worker.waiting_for()

    async with (
        opened_at(settings.store_url, open_deferred) as store,
        opened_at(settings.archive_url, open_archive) if own.start_from_models else nullcontext() as archive,
        serve_probes(settings, registry, waiting_for, lambda: quarantine.told),
    ):
        try:
            await starting.unless_stopped("creation of topics", lambda: ensure_topics(servers))
        except StoppingError:
            return
        async with open_producer(servers, CLIENT_ID) as producer:
            aside = ReaderLetters(servers, CLIENT_ID, quarantine)
            alerts = AlertLog(servers, producer, store, CLIENT_ID, aside)
            states = StateLog(servers, producer, CLIENT_ID, aside)
            letters = DeadLetterWriter(servers, producer, CLIENT_ID)
            actions = AlertActions()
            announced = advisories_follower(servers, CLIENT_ID, advisories.current, aside)
            partitions = Partitions(
                rules, detectors, actions, alerts, states, archive, letters, producer, announced.caught_up
            )
            _show(metrics, partitions, advisories)
            output = _Output(alerts, states, letters, producer, metrics)
            # Predictions were once read by a group of their own.
            inputs = _inputs(partitions, letters, metrics, f"{own.group}-forecasts")
            worker = Worker(servers, own.group, inputs, output.deliver, stop, output.put_aside, quarantine)
            acted = actions_follower(servers, CLIENT_ID, actions, aside)
            timed = clocks_follower(servers, CLIENT_ID, clocks, aside)
            async with beside(stop, announced.run(), acted.run(), timed.run(), aside.run(), look_up(advisories, store)):
                await worker.run()


def _show(metrics: AlertDetectorMetrics, partitions: Partitions, advisories: AnnouncedAlerts) -> None:
    for alert_type in (AlertType.CONGESTION, AlertType.INCIDENT):
        metrics.active.labels(alert_type).set_function(partial(partitions.active, alert_type))
    for alert_type in TYPES:
        metrics.active.labels(alert_type).set_function(partial(advisories.active, alert_type))
    metrics.doubted.set_function(partitions.doubted)
    for network_id, learner in partitions.rules.learners.items():
        for grade in Grade:
            labels = network_id, grade.word
            metrics.alarm_budget.labels(*labels).set(learner.budget.budget(grade))
            metrics.alarm_rate.labels(*labels).set_function(partial(partitions.alarm_rate, network_id, grade))
            metrics.alarm_threshold.labels(*labels).set_function(partial(partitions.alarm_threshold, network_id, grade))


def main() -> int:
    """Run as a process; returns its exit code."""
    return run_service("alert-detector", serve)


if __name__ == "__main__":
    raise SystemExit(main())
