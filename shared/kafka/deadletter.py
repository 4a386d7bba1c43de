"""The dead-letter topic: what could not be used, byte for byte, with the reason and the place it came from."""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.text import cut
from shared.events.topics import (
    DEAD_LETTER_DETAIL,
    DEAD_LETTER_PART,
    DEAD_LETTER_PART_OF,
    DEAD_LETTER_REASON,
    DEAD_LETTER_STAGE,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka.persistence import too_large
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.replay import open_reader, read_range

log = structlog.stdlib.get_logger(__name__)

# A dead letter is written after its source, by another machine's clock: this much they may differ.
CLOCK_SKEW_MS = 5 * 60 * 1000
READ_BACK_STEP = 5_000
SURELY_SENDABLE_BYTES = 512 * 1024
MAX_LETTER_BYTES = 16 * 1024 * 1024
MAX_DETAIL_BYTES = 1_000
DECODE = "decode"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that cannot be used, why, and at which stage of the work on it that showed."""

    record: ConsumerRecord
    reason: RejectionReason
    detail: str
    stage: str = DECODE

    @property
    def source(self) -> tuple[str, int, int]:
        """Topic, partition and offset that it came from."""
        return self.record.topic, self.record.partition, self.record.offset

    def message(self) -> Message:
        """Key, value and headers as they came, and ours after them."""
        key, value = self.record.key, self.record.value
        # aiokafka sends no record that has neither.
        value = b"" if key is None and value is None else value
        return Message(TRAFFIC_EVENTS_DLQ.name, key, value, [*self.record.headers, *self._ours()])

    def parts(self) -> Iterator[Message]:
        """The same in messages that every topic takes: pieces of the value, then of a long key, then of long headers.

        Each says what it is a piece of, and which: `metrla-part-of` is `value`, `key` or the name of a header,
        `metrla-part` '1/3'. Put together in order they are the bytes that came.
        """
        key, headers = self.record.key, list(self.record.headers)
        pieces = [("value", self.record.value)] if self.record.value is not None else []
        if key is not None and len(key) > MAX_DETAIL_BYTES:
            pieces.append(("key", key))
            key = None
        if sum(len(name) + len(value or b"") for name, value in headers) > SURELY_SENDABLE_BYTES:
            pieces += [(cut(name, MAX_DETAIL_BYTES), value or b"") for name, value in headers]
            headers = []
        for what, data in pieces:
            count = max(1, -(-len(data) // SURELY_SENDABLE_BYTES))
            for number in range(count):
                place = [(DEAD_LETTER_PART_OF, what.encode()), (DEAD_LETTER_PART, f"{number + 1}/{count}".encode())]
                piece = data[number * SURELY_SENDABLE_BYTES : (number + 1) * SURELY_SENDABLE_BYTES]
                yield Message(TRAFFIC_EVENTS_DLQ.name, key, piece, [*headers, *self._ours(), *place])

    def _ours(self) -> list[tuple[str, bytes]]:
        topic, partition, offset = self.source
        ours = {
            DEAD_LETTER_REASON: self.reason.value,
            DEAD_LETTER_DETAIL: cut(self.detail, MAX_DETAIL_BYTES),
            DEAD_LETTER_STAGE: self.stage,
            SOURCE_TOPIC: topic,
            SOURCE_PARTITION: str(partition),
            SOURCE_OFFSET: str(offset),
        }
        return [(name, text.encode()) for name, text in ours.items()]


def unprocessable(record: ConsumerRecord, fault: BaseException, stage: str) -> DeadLetter:
    """The dead letter of a record on which `stage` failed for the record's own sake."""
    detail = f"{stage} failed: {type(fault).__name__}: {fault}"
    return DeadLetter(record, RejectionReason.UNPROCESSABLE, detail, stage)


class DeadLetterWriter:
    """Writes dead letters, each source record once.

    A service that died after it wrote a dead letter and before it committed reads the bad record again. So before the
    first dead letter of a partition that was newly assigned, the writer looks up in the dead-letter topic which sources
    are there already. It begins at the wall time of that bad record: whatever was written about it, or about a later
    one, came after.
    """

    def __init__(self, bootstrap_servers: str, producer: AIOKafkaProducer, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer
        self._client_id = client_id
        self._expected: set[TopicPartition] = set()
        self._unknown: set[tuple[str, int]] = set()
        self._written: set[tuple[str, int, int]] = set()

    def expect(self, partitions: Iterable[TopicPartition]) -> None:
        """These source partitions are ours now; what others wrote about them is not known yet."""
        self._written.clear()
        self._unknown = {(partition.topic, partition.partition) for partition in partitions}

    def expect_also(self, topic: str, partition: int) -> None:
        """One more source partition is ours; another process may have written about it, or about ours, meanwhile."""
        self._expected.add(TopicPartition(topic, partition))
        self.expect(self._expected)

    async def reject(self, record: ConsumerRecord, rejected: RejectedEventError) -> None:
        """Write the dead letter of one record; raises `KafkaError`."""
        await self.write([DeadLetter(record, rejected.reason, rejected.detail, rejected.stage)])

    async def put_aside(self, topic: str, key: bytes, value: bytes, fault: Exception, stage: str) -> None:
        """Keep something that was made for `topic` and cannot be delivered; raises `KafkaError`."""
        headers = {
            DEAD_LETTER_REASON: RejectionReason.UNPROCESSABLE.value,
            DEAD_LETTER_DETAIL: cut(f"{stage} failed: {type(fault).__name__}: {fault}", MAX_DETAIL_BYTES),
            DEAD_LETTER_STAGE: stage,
            SOURCE_TOPIC: topic,
        }
        message = Message(
            TRAFFIC_EVENTS_DLQ.name, key, value, [(name, text.encode()) for name, text in headers.items()]
        )
        async with self._for_large() as producer:
            await send_all(producer, [message])

    async def write(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Write those not there yet, and return them once the log has acknowledged every one; raises `KafkaError`."""
        unsure = [letter for letter in letters if letter.source[:2] in self._unknown]
        if unsure:
            await self._read_back(min(map(_written_since_ms, unsure)))
            self._unknown -= {letter.source[:2] for letter in unsure}
        missing = [letter for letter in letters if letter.source not in self._written]
        try:
            await self._send(missing)
        except KafkaError:
            # Some of them may have arrived.
            self._unknown |= {letter.source[:2] for letter in missing}
            raise
        self._written.difference_update(letter.source for letter in letters)
        return missing

    async def _send(self, letters: Sequence[DeadLetter]) -> None:
        large = [letter for letter in letters if size_of(letter.record) > SURELY_SENDABLE_BYTES]
        await send_all(self._producer, [letter.message() for letter in letters if letter not in large])
        if large:
            await self._send_large(large)

    async def _send_large(self, letters: Sequence[DeadLetter]) -> None:
        async with self._for_large() as producer:
            for letter in letters:
                try:
                    await send_all(producer, [letter.message()])
                except KafkaError as refused:
                    if not too_large(refused):
                        raise
                    # It fitted into its own topic, perhaps well compressed, and does not fit here as a whole.
                    topic, partition, offset = letter.source
                    log.warning("dead letter sent in parts", topic=topic, partition=partition, offset=offset)
                    await send_all(producer, letter.parts())

    def _for_large(self) -> AbstractAsyncContextManager[AIOKafkaProducer]:
        # Not our own producer: one whose batch the broker refuses can send no more.
        return open_producer(
            self._bootstrap_servers, f"{self._client_id}-large", idempotent=False, max_record_bytes=MAX_LETTER_BYTES
        )

    async def on_log(self, topic: str, partition: int, start: int, end: int) -> list[ConsumerRecord]:
        """The records of a source with start <= offset < end as they are on the log; raises `KafkaError`."""
        async with open_reader(self._bootstrap_servers, f"{self._client_id}-look-up") as reader:
            return await read_range(reader, TopicPartition(topic, partition), start, end)

    async def _read_back(self, since_ms: int) -> None:
        async with open_reader(self._bootstrap_servers, f"{self._client_id}-read-back") as reader:
            for number in sorted(await self._producer.partitions_for(TRAFFIC_EVENTS_DLQ.name)):
                await self._read_back_partition(reader, TopicPartition(TRAFFIC_EVENTS_DLQ.name, number), since_ms)

    async def _read_back_partition(self, reader: AIOKafkaConsumer, partition: TopicPartition, since_ms: int) -> None:
        since_ms = max(0, since_ms - CLOCK_SKEW_MS)
        found = (await reader.offsets_for_times({partition: since_ms}))[partition]
        if found is None:
            return
        end = (await reader.end_offsets([partition]))[partition]
        for start in range(found.offset, end, READ_BACK_STEP):
            for record in await read_range(reader, partition, start, min(end, start + READ_BACK_STEP)):
                source = source_of(record)
                if source is not None and source[:2] in self._unknown:
                    self._written.add(source)


def _written_since_ms(letter: DeadLetter) -> int:
    """From when on the letter may have been written; the whole topic where its record says no time that can be."""
    logged_ms = letter.record.timestamp
    return int(logged_ms) if 0 < logged_ms <= time.time() * 1000 + CLOCK_SKEW_MS else 0


def size_of(record: ConsumerRecord) -> int:
    """Bytes of key, value and headers."""
    headers = sum(len(name.encode()) + len(value or b"") for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers


def source_of(record: ConsumerRecord) -> tuple[str, int, int] | None:
    """Topic, partition and offset that a dead letter says it came from; `None` where it says nothing that can be."""
    # Anybody may write here, with headers of any value or none.
    headers = {name: value or b"" for name, value in record.headers}
    try:
        return headers[SOURCE_TOPIC].decode(), int(headers[SOURCE_PARTITION]), int(headers[SOURCE_OFFSET])
    except (KeyError, ValueError):
        return None


class DeadLetterLimit:
    """Notices when rejection is the rule: then the feed, the networks or this release is wrong, not single events.

    Nothing stops (what is rejected is kept, and can be published again); the service logs an error and is not ready,
    which halts a rolling update before every instance rejects everything. The idea is arroyo's dead-letter limit.
    """

    def __init__(self, share: float, over_events: int) -> None:
        """More than `share` (0-1) of the last `over_events` events; not judged on fewer than a tenth of them."""
        self._share = share
        self._over = over_events
        self._batches: deque[tuple[int, int]] = deque()
        self._events = self._rejected = 0
        self.exceeded = False

    @property
    def rejected_share(self) -> float:
        """The share (0-1) of the last events that was rejected."""
        return self._rejected / self._events if self._events else 0.0

    def count(self, events: int, rejected: int) -> None:
        """Add one batch of `events` in all, of which `rejected` were."""
        if not events:
            return
        self._batches.append((events, rejected))
        self._events += events
        self._rejected += rejected
        while self._batches and self._events - self._batches[0][0] >= self._over:
            oldest, oldest_rejected = self._batches.popleft()
            self._events -= oldest
            self._rejected -= oldest_rejected
        exceeded = self._events * 10 >= self._over and self.rejected_share > self._share
        if exceeded and not self.exceeded:
            log.error("dead-letter limit exceeded", rejected_share=round(self.rejected_share, 3), events=self._events)
        elif self.exceeded and not exceeded:
            log.info("dead-letter limit kept again", rejected_share=round(self.rejected_share, 3))
        self.exceeded = exceeded
