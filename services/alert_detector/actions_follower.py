"""Reads what operators do from its topic: all of it on start, then what comes."""

import asyncio
from collections.abc import Iterable

import structlog
from aiokafka.errors import KafkaError
from structlog.stdlib import BoundLogger

from shared.alerts.actions.desk import ActionDesk
from shared.events.avro import decode
from shared.events.errors import RejectedEventError
from shared.events.records import AlertAction
from shared.events.topics import ALERT_ACTIONS
from shared.kafka.admin import TopicError, partitions_of
from shared.kafka.replay import LogRecord, open_reader

log: BoundLogger = structlog.stdlib.get_logger(__name__)

POLL_MS = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0


class ActionFollower:
    """Reads without a group: every instance knows all actions, and the alerts say which of them had their effect."""

    def __init__(self, bootstrap_servers: str, desk: ActionDesk, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._desk = desk
        self._client_id = f"{client_id}-actions"

    async def run(self) -> None:
        """Follow until cancelled; a broker that is not there is asked again."""
        pause = FIRST_PAUSE_S
        while True:
            try:
                await self._follow()
            except (KafkaError, TopicError, OSError) as lost:
                log.warning("lost the alert actions, trying again", error=str(lost) or type(lost).__name__)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE_S, 2 * pause)

    async def _follow(self) -> None:
        async with open_reader(self._bootstrap_servers, self._client_id) as reader:
            partitions = await partitions_of(self._bootstrap_servers, [ALERT_ACTIONS])
            reader.assign(partitions)
            await reader.seek_to_beginning(*partitions)
            self._desk.restart()
            while True:
                for records in (await reader.getmany(timeout_ms=POLL_MS)).values():
                    self._take(records)

    def _take(self, records: Iterable[LogRecord]) -> None:
        for record in records:
            try:
                if record.value is not None:
                    self._desk.put(decode(AlertAction, record.value))
            except RejectedEventError as rejected:
                where = {"partition": record.partition, "offset": record.offset}
                log.error("passing over a damaged action", detail=rejected.detail, **where)  # noqa: TRY400 - foreseen
