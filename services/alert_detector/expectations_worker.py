"""The second worker of the alert detector: predictions in, alerts of expected congestion out."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.partitioner import DefaultPartitioner
from structlog.stdlib import BoundLogger

from services.alert_detector.alert_log import AlertLog
from shared.alerts.actions.desk import ActionDesk
from shared.alerts.actions.rule import as_watched
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.expectations.detector import ExpectationDetector, is_expectation
from shared.alerts.expectations.expectation import ExpectationRule
from shared.alerts.expectations.processor import ExpectationProcessor
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.processor import RoadChanges
from shared.events.avro import codec
from shared.events.errors import RejectedEventError
from shared.events.records import AlertType, NetworkId, SensorId, TrafficPrediction
from shared.events.topics import PREDICTIONS
from shared.kafka.assignment import Input
from shared.kafka.deadletter import DeadLetter, DeadLetterWriter
from shared.kafka.delivery import Deliver
from shared.kafka.replay import LogRecord
from shared.kafka.worker import Worker
from shared.traffic.network import Network

log: BoundLogger = structlog.stdlib.get_logger(__name__)

LOOK_SECONDS = 0.1
SETTLE_SECONDS = 5.0
SILENCE_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the worker shares with the rest of the service.

    `deliver` writes changes; `waiting_for` is `None` once the alerts of the networks are in hand, and with them what
    operators did (`desk`).
    """

    servers: str
    client_id: str
    group: str
    alerts: AlertLog
    desk: ActionDesk
    deliver: Deliver[RoadChanges]
    waiting_for: Callable[[], str | None]


@dataclass(frozen=True, slots=True)
class Expecting:
    """The worker, and what it drives."""

    worker: Worker[TrafficPrediction, RoadChanges]
    processor: ExpectationProcessor


@dataclass
class _Wiring:
    around: Surroundings
    processor: ExpectationProcessor
    letters: DeadLetterWriter
    held: set[TopicPartition] = field(default_factory=set)

    async def restore(self, partition: int) -> None:
        """Recall the expectations, once the rest of the service has its own state."""
        self.held.add(TopicPartition(PREDICTIONS.name, partition))
        self.letters.expect(self.held)
        # What it waits for is told by the broker and by other tasks: there is no one event.
        while self.around.waiting_for() is not None:  # noqa: ASYNC110 - as above
            await asyncio.sleep(LOOK_SECONDS)
        known = [as_watched(alert) for alert in await self.around.alerts.read() if is_expectation(alert)]
        boards = {
            network_id: AlertBoard.rebuilt(detector.network, AlertType.CONGESTION, known)
            for network_id, detector in self.processor.detectors.items()
        }
        self.processor.recall(boards)
        standing = sum(len(board.standing()) for board in boards.values())
        log.info("expectations recalled", partition=partition, standing=standing)

    async def dead_letter(self, record: LogRecord, rejected: RejectedEventError) -> None:
        """Keep what cannot be read."""
        await self.letters.write([DeadLetter(record, rejected.reason, rejected.detail)])


async def open_expectations(
    around: Surroundings,
    producer: AIOKafkaProducer,
    networks: Mapping[NetworkId, Network],
    rule: CongestionRule,
    covered: Callable[[NetworkId], Iterable[SensorId]],
    stop: asyncio.Event,
) -> Expecting:
    """The worker, not running yet.

    Args:
        around: what it shares with the rest of the service.
        producer: for dead letters.
        networks: whose forecasts are judged.
        rule: of observed congestion: what is slow, and how stretches are joined.
        covered: sensors of standing alerts of other kinds.
        stop: ends it.
    """
    numbers = sorted(await producer.partitions_for(PREDICTIONS.name))

    def carrier(sensor_id: SensorId) -> int:
        return int(DefaultPartitioner()(sensor_id.encode(), numbers, numbers))

    detectors = {
        network_id: ExpectationDetector(network, ExpectationRule(rule)) for network_id, network in networks.items()
    }
    processor = ExpectationProcessor(
        detectors, carrier, SETTLE_SECONDS, SILENCE_SECONDS, covered, around.desk.published
    )
    wiring = _Wiring(around, processor, DeadLetterWriter(around.servers, producer, around.client_id))
    decode = codec(TrafficPrediction).decode
    source = Input(around.servers, PREDICTIONS.name, around.group, decode, wiring.dead_letter, wiring.restore)
    return Expecting(Worker(source, processor, around.deliver, stop), processor)
