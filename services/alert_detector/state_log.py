"""What was learned, on its topic: written behind the alerts of each step, read back when a partition is assigned."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from structlog.stdlib import BoundLogger

from shared.alerts.learned.learner import Learner
from shared.alerts.learned.state import Learned
from shared.alerts.learned.wire import LearnedRecords, OtherVersionError, UnreadableStateError, network_of
from shared.alerts.lifecycle.changes import StateRecord
from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.present import MADE_OF_READINGS, logged_at
from shared.events.records import NetworkId
from shared.events.topics import ALERT_DETECTOR_STATE
from shared.kafka.deadletter import DECODE
from shared.kafka.following import read_topic
from shared.kafka.reader_letters import ReaderLetters

log: BoundLogger = structlog.stdlib.get_logger(__name__)


class StateLog:
    """The changelog of what is learned. All records of a network go into one partition, in order."""

    def __init__(
        self, bootstrap_servers: str, producer: AIOKafkaProducer, client_id: str, letters: ReaderLetters
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer
        self._client_id = client_id
        self._letters = letters

    async def write(self, records: Sequence[StateRecord]) -> None:
        """Return when the log has acknowledged all of them, each after those before it."""
        batch = self._producer.create_batch()
        for record in records:
            if batch.append(timestamp=None, key=record.key, value=record.value) is None:
                await self._send(batch)
                batch = self._producer.create_batch()
                # A batch takes one record of any size.
                batch.append(timestamp=None, key=record.key, value=record.value)
        if batch.record_count():
            await self._send(batch)

    async def read(self, learners: Mapping[NetworkId, Learner]) -> dict[NetworkId, Learned | None]:
        """What is on the log of each of these networks; `None` where nothing is, or nothing that fits."""
        recalled = {network_id: LearnedRecords(learner) for network_id, learner in learners.items()}
        for record in await read_topic(self._bootstrap_servers, f"{self._client_id}-learned", ALERT_DETECTOR_STATE):
            known = recalled.get(network_of(record.key or b""))
            try:
                if known is not None and record.value is not None:
                    known.put(record.value, logged_at(record.timestamp, datetime.now(UTC)) + MADE_OF_READINGS)
            except OtherVersionError as other:
                where = {"partition": record.partition, "offset": record.offset}
                log.warning("passing over what another release learned", detail=str(other), **where)
            except UnreadableStateError as unreadable:
                self._letters.put(record, RejectedEventError(RejectionReason.UNDECODABLE, str(unreadable)), DECODE)
        states = {network_id: one.state() for network_id, one in recalled.items()}
        for network_id, state in states.items():
            log.info("learned state read", network=network_id, step=None if state is None else str(state.step))
        return states

    async def _send(self, batch: BatchBuilder) -> None:
        batch.close()
        # One partition holds all, whatever there are: the order of records is what a cut-off writing relies on.
        await (await self._producer.send_batch(batch, ALERT_DETECTOR_STATE.name, partition=0))
