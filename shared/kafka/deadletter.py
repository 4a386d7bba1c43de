"""The dead-letter topic: what could not be used, byte for byte, with the reason and the place it came from."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from math import inf
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.text import cut
from shared.events.topics import (
    DEAD_LETTER_DETAIL,
    DEAD_LETTER_NUMBER,
    DEAD_LETTER_PART,
    DEAD_LETTER_PART_OF,
    DEAD_LETTER_REASON,
    DEAD_LETTER_STAGE,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka.appending import TooLateError, append
from shared.kafka.membership import SESSION_TIMEOUT_MS
from shared.kafka.persistence import too_large
from shared.kafka.producer import Message
from shared.kafka.replay import open_reader, read_range

log = structlog.stdlib.get_logger(__name__)

# A dead letter is written after its source, by another machine's clock: this much they may differ.
CLOCK_SKEW_MS = 5 * 60 * 1000
READ_BACK_STEP = 5_000
SURELY_SENDABLE_BYTES = 512 * 1024
MAX_DETAIL_BYTES = 1_000
CHUNK = 500
MOST_DIGITS = 9
LEASE_S = SESSION_TIMEOUT_MS / 1000 / 2
"""Whoever confirmed that a partition is theirs, or looked what others wrote about it, may rely on that for so long:
half of what it takes a group to give the partition of a silent member to another."""
DECODE = "decode"

LetterSource: TypeAlias = tuple[str, int, int]
Confirm: TypeAlias = Callable[[], Awaitable[None]]


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

    def parts(self) -> list[Message]:
        """The same in messages that every topic takes: pieces of the value, then of a long key, then of long headers.

        Each says what it is a piece of, and which: `metrla-part-of` is `value`, `key` or the name of a header,
        `metrla-part` '1/3'; `metrla-part-number` counts the pieces of the whole letter. Put together in order they are
        the bytes that came.
        """
        key, headers = self.record.key, list(self.record.headers)
        pieces = [("value", self.record.value)] if self.record.value is not None else []
        if key is not None and len(key) > MAX_DETAIL_BYTES:
            pieces.append(("key", key))
            key = None
        if sum(len(name) + len(value or b"") for name, value in headers) > SURELY_SENDABLE_BYTES:
            pieces += [(cut(name, MAX_DETAIL_BYTES), value or b"") for name, value in headers]
            headers = []
        cuts = [
            (what, number, max(1, -(-len(data) // SURELY_SENDABLE_BYTES)), data)
            for what, data in pieces
            for number in range(max(1, -(-len(data) // SURELY_SENDABLE_BYTES)))
        ]
        messages = []
        for position, (what, number, count, data) in enumerate(cuts, 1):
            place = {
                DEAD_LETTER_PART_OF: what,
                DEAD_LETTER_PART: f"{number + 1}/{count}",
                DEAD_LETTER_NUMBER: f"{position}/{len(cuts)}",
            }
            piece = data[number * SURELY_SENDABLE_BYTES : (number + 1) * SURELY_SENDABLE_BYTES]
            ours = [*self._ours(), *((name, text.encode()) for name, text in place.items())]
            messages.append(Message(TRAFFIC_EVENTS_DLQ.name, key, piece, [*headers, *ours]))
        return messages

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

    A service that was suspended may wake with letters in hand whose partition is another's now. What the writer knows
    is therefore good for `LEASE_S` only, less than it takes to lose a partition: then it asks `confirm` again, or looks
    again at what the topic has got since. That is looked at in the last moment before a request is written
    (`shared.kafka.appending`), so a second letter takes a suspension of more than `LEASE_S` between two lines of code.
    Whoever reads letters counts sources (`shared.kafka.letters`), and is not misled even then.
    """

    def __init__(self, bootstrap_servers: str, producer: AIOKafkaProducer, client_id: str) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer
        self._client_id = client_id
        self._confirm: Confirm | None = None
        self._expected: set[TopicPartition] = set()
        self._unknown: set[tuple[str, int]] = set()
        self._written: set[LetterSource] = set()
        self._own: set[LetterSource] = set()
        self._read_through: dict[TopicPartition, int] = {}
        self._looked_s = -inf

    def expect(self, partitions: Iterable[TopicPartition], confirm: Confirm | None = None) -> None:
        """These source partitions are ours now; what others wrote about them is not known yet.

        `confirm` returns when it is certain that they still are, and raises where they are not.
        """
        self._written.clear()
        self._own.clear()
        self._read_through.clear()
        self._confirm = confirm
        self._expected = set(partitions)
        self._unknown = {(partition.topic, partition.partition) for partition in self._expected}

    def expect_also(self, topic: str, partition: int) -> None:
        """One more source partition is ours; another process may have written about it, or about ours, meanwhile."""
        self.expect({*self._expected, TopicPartition(topic, partition)}, self._confirm)

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
        # It has no source to be told by, and may come twice: there is no deadline that could spare that.
        await append(self._producer, TRAFFIC_EVENTS_DLQ.name, [message], inf)

    async def write(self, letters: Sequence[DeadLetter]) -> list[DeadLetter]:
        """Write those not there yet, and return them once the log has acknowledged every one.

        Raises:
            KafkaError: not all of them are there, or that is not known.
            Exception: whatever `confirm` raises: the partitions are another's.
        """
        new: list[DeadLetter] = []
        while True:
            until_s = await self._sure_until(letters)
            missing = [letter for letter in letters if letter.source not in self._written]
            try:
                await self._send(missing, until_s, new)
            except TooLateError:
                log.warning("dead letters held up, looking again whose they are", count=len(missing) - len(new))
                self._written |= {letter.source for letter in new}
                continue
            except KafkaError:
                # Some of them may have arrived.
                self._unknown |= {letter.source[:2] for letter in missing}
                raise
            self._written.difference_update(letter.source for letter in letters)
            if self._confirm is None:
                self._own |= {letter.source for letter in new}
            return new

    async def _sure_until(self, letters: Sequence[DeadLetter]) -> float:
        """Know which of them are there; until when, in seconds of the monotonic clock, that holds."""
        began_s = time.monotonic()
        if self._confirm is not None:
            await self._confirm()
        unsure = [letter for letter in letters if letter.source[:2] in self._unknown]
        if unsure:
            await self._read_back(min(map(_written_since_ms, unsure)))
            self._unknown -= {letter.source[:2] for letter in unsure}
            self._looked_s = began_s
        elif self._confirm is None and began_s - self._looked_s > LEASE_S:
            await self._read_on()
            self._looked_s = began_s
        return (self._looked_s if self._confirm is None else began_s) + LEASE_S

    async def _send(self, letters: Sequence[DeadLetter], until_s: float, sent: list[DeadLetter]) -> None:
        """Send letters; adds those to `sent` that the log has acknowledged."""
        large = [letter for letter in letters if size_of(letter.record) > SURELY_SENDABLE_BYTES]
        small = [letter for letter in letters if letter not in large]
        for start in range(0, len(small), CHUNK):
            chunk = small[start : start + CHUNK]
            await self._append([letter.message() for letter in chunk], until_s)
            sent += chunk
        for letter in large:
            await self._send_large(letter, until_s)
            sent.append(letter)

    async def _send_large(self, letter: DeadLetter, until_s: float) -> None:
        try:
            await self._append([letter.message()], until_s)
        except KafkaError as refused:
            if not too_large(refused):
                raise
            # It fitted into its own topic, perhaps well compressed, and does not fit here whole. Its parts may take
            # longer than a lease lasts, and who sends it as well numbers them alike.
            topic, partition, offset = letter.source
            log.warning("dead letter sent in parts", topic=topic, partition=partition, offset=offset)
            await self._append(letter.parts(), inf)

    async def _append(self, messages: Sequence[Message], until_s: float) -> None:
        await append(self._producer, TRAFFIC_EVENTS_DLQ.name, messages, until_s)

    async def on_log(self, topic: str, partition: int, start: int, end: int) -> list[ConsumerRecord]:
        """The records of a source with start <= offset < end as they are on the log; raises `KafkaError`."""
        async with open_reader(self._bootstrap_servers, f"{self._client_id}-look-up") as reader:
            return await read_range(reader, TopicPartition(topic, partition), start, end)

    async def _read_back(self, since_ms: int) -> None:
        """Read what was written since a time about partitions of which nothing is known."""
        since_ms = max(0, since_ms - CLOCK_SKEW_MS)
        async with self._reader() as reader:
            for partition in await self._partitions():
                found = (await reader.offsets_for_times({partition: since_ms}))[partition]
                end = (await reader.end_offsets([partition]))[partition]
                start = end if found is None else found.offset
                await self._note(reader, partition, start, end, self._unknown)
                # From here on for all of them: what was known of the others already is known a second time.
                self._read_through[partition] = min(end, self._read_through.get(partition, end))

    async def _read_on(self) -> None:
        """Read what was written since the last look."""
        expected = {(partition.topic, partition.partition) for partition in self._expected}
        async with self._reader() as reader:
            for partition in await self._partitions():
                end = (await reader.end_offsets([partition]))[partition]
                start = self._read_through.get(partition, end)
                await self._note(reader, partition, start, end, expected - self._unknown)
                self._read_through[partition] = end
        self._own.clear()

    async def _note(
        self,
        reader: AIOKafkaConsumer,
        partition: TopicPartition,
        start: int,
        end: int,
        about: Collection[tuple[str, int]],
    ) -> None:
        parts: dict[LetterSource, set[bytes]] = {}
        for begin in range(start, end, READ_BACK_STEP):
            for record in await read_range(reader, partition, begin, min(end, begin + READ_BACK_STEP)):
                source = source_of(record)
                if source is None or source[:2] not in about or source in self._own:
                    continue
                if is_whole(record, parts.setdefault(source, set())):
                    self._written.add(source)

    def _reader(self) -> AbstractAsyncContextManager[AIOKafkaConsumer]:
        return open_reader(self._bootstrap_servers, f"{self._client_id}-read-back")

    async def _partitions(self) -> list[TopicPartition]:
        numbers = await self._producer.partitions_for(TRAFFIC_EVENTS_DLQ.name)
        return [TopicPartition(TRAFFIC_EVENTS_DLQ.name, number) for number in sorted(numbers)]


def headers_of_ours(record: ConsumerRecord) -> dict[str, bytes | None]:
    """The headers that a letter has beside those that came, which are before them and may have any name."""
    names = [name for name, _ in record.headers]
    if DEAD_LETTER_REASON not in names:
        return {}
    return dict(record.headers[len(names) - 1 - names[::-1].index(DEAD_LETTER_REASON) :])


def is_whole(record: ConsumerRecord, parts: set[bytes]) -> bool:
    """Whether a letter is there with this record of it; `parts` are the numbers of its parts so far, and are added to.

    A process that died between two parts left a letter that is none: it is written again, with all its parts.
    """
    number = headers_of_ours(record).get(DEAD_LETTER_NUMBER) or b""
    of = number.partition(b"/")[2]
    if not of.isdigit() or len(of) > MOST_DIGITS:  # in one piece, or from a release that did not number parts
        return True
    parts.add(number)
    return len(parts) >= int(of)


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
