"""Dead letters of those who read topics without a consumer group.

Nobody owns what they read: several instances meet the same record, and each of them meets it again with every start.
So whoever writes waits a moment, a different one each, and then looks on the dead-letter topic whether a letter about
the record is there. There is one letter for a record, whoever wrote it at whichever stage: it is there to be mended.
"""

import asyncio
from collections import OrderedDict

import structlog
from aiokafka import TopicPartition

from shared.events.errors import RejectedEventError, RejectionReason
from shared.kafka.deadletter import DeadLetter, DeadLetterWriter, size_of, unprocessable
from shared.kafka.persistence import Pauses, passes
from shared.kafka.producer import open_producer
from shared.kafka.quarantine import Quarantine
from shared.kafka.replay import LogRecord

log = structlog.stdlib.get_logger(__name__)

SETTLE_S = 3.0
"""How long a letter waits on average: from half of it to one and a half."""
MOST_WAITING, MOST_WAITING_BYTES = 1_000, 32 * 1024 * 1024
MOST_SEEN = 20_000

NOT_OURS = (RejectionReason.UNKNOWN_NETWORK, RejectionReason.UNKNOWN_SENSOR)
"""Nothing is wrong with a record of a network that others are configured for."""

Seen = tuple[str, int, int, int]


class ReaderLetters:
    """Puts records aside that a reader cannot handle for their own sake.

    `put` notes them at once; `run` writes the letters. What waits when the process ends is met again by the next start.

    Args:
        bootstrap_servers: Kafka brokers to start from.
        client_id: name in the brokers' logs.
        quarantine: counts, logs and tells what was put aside.
        settle_s: how long a letter waits on average, seconds.
    """

    def __init__(
        self, bootstrap_servers: str, client_id: str, quarantine: Quarantine, settle_s: float = SETTLE_S
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = f"{client_id}-letters"
        self._settle_s = settle_s
        self._waiting: list[DeadLetter] = []
        self._waiting_bytes = 0
        self._some = asyncio.Event()
        self._seen: OrderedDict[Seen, None] = OrderedDict()
        self.quarantine = quarantine

    def put(self, record: LogRecord, fault: Exception, stage: str) -> None:
        """Put one record aside, once in the life of the process, however often it is read."""
        seen = (record.topic, record.partition, record.offset, record.timestamp)
        if seen in self._seen:
            self._seen.move_to_end(seen)
            return
        self._seen[seen] = None
        if len(self._seen) > MOST_SEEN:
            self._seen.popitem(last=False)
        self.quarantine.note(stage, f"{record.topic}-{record.partition}@{record.offset}", fault)
        if len(self._waiting) >= MOST_WAITING or self._waiting_bytes >= MOST_WAITING_BYTES:
            # Its bytes stay where they are; the next start finds it again.
            log.error("no room for its dead letter", topic=record.topic, offset=record.offset)
            return
        self._waiting.append(_letter(record, fault, stage))
        self._waiting_bytes += size_of(record)
        self._some.set()

    async def run(self) -> None:
        """Write letters until cancelled; a broker that is away is waited for."""
        pauses = Pauses(longest_s=30.0)
        settling = Pauses(self._settle_s, self._settle_s, jitter=0.5)
        while True:
            await self._some.wait()
            await asyncio.sleep(settling.longer())
            letters = list(self._waiting)
            try:
                await self._write(letters)
            except Exception as failure:
                if passes(failure):
                    log.warning("dead letters wait for the broker", count=len(letters), error=str(failure))
                    await asyncio.sleep(pauses.longer())
                    continue
                if len(letters) > 1:
                    await self._write_one_by_one(letters)
                else:
                    log.exception("a dead letter cannot be written")
            pauses.restart()
            del self._waiting[: len(letters)]
            self._waiting_bytes = sum(size_of(letter.record) for letter in self._waiting)
            if not self._waiting:
                self._some.clear()

    async def _write_one_by_one(self, letters: list[DeadLetter]) -> None:
        for letter in letters:
            try:
                await self._write([letter])
            except Exception:
                # The last net: the quarantine has noted it.
                log.exception("a dead letter cannot be written", source=letter.source)

    async def _write(self, letters: list[DeadLetter]) -> None:
        # A producer and a reader for each time: there are hardly any, and none is kept open for them.
        async with open_producer(self._bootstrap_servers, self._client_id) as producer:
            writer = DeadLetterWriter(self._bootstrap_servers, producer, self._client_id)
            writer.expect({TopicPartition(*letter.source[:2]) for letter in letters})
            written = await writer.write(letters)
        log.info("dead letters written", count=len(written), known=len(letters) - len(written))


def _letter(record: LogRecord, fault: Exception, stage: str) -> DeadLetter:
    if isinstance(fault, RejectedEventError):
        return DeadLetter(record, fault.reason, fault.detail, stage)
    return unprocessable(record, fault, stage)
