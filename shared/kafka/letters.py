"""Dead letters as whoever mends them sees them: listed, put together from their parts, sent to where they came from.

A letter is known by its source (topic, partition and offset), so one that was written twice is one. That a letter was
sent is noted beside it on the dead-letter topic, before and after: where a sender died in between, whoever sends next
looks on the topic in question whether it is there.
"""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from shared.events.errors import ConfigurationError, MetrlaError
from shared.events.text import shown
from shared.events.topics import (
    DEAD_LETTER_DETAIL,
    DEAD_LETTER_ID,
    DEAD_LETTER_NUMBER,
    DEAD_LETTER_PART,
    DEAD_LETTER_PART_OF,
    DEAD_LETTER_REASON,
    DEAD_LETTER_SENT,
    DEAD_LETTER_STAGE,
    SOURCE_OFFSET,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS_DLQ,
)
from shared.kafka.admin import partitions_of
from shared.kafka.deadletter import headers_of_ours, is_whole, source_of
from shared.kafka.persistence import too_large
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.replay import REBUILDING_WAIT_MS, LogRecord, open_reader, read_range

CLIENT_ID = "metrla-dead-letters"
STEP = 2_000
CHUNK = 200
GAP = 100
MAX_SENT_BYTES = 16 * 1024 * 1024

LetterPlace = tuple[int, int]
"""Partition and offset on the dead-letter topic."""


class Sending(StrEnum):
    """What is noted of a letter that is sent."""

    BEGUN = "begun"
    DONE = "sent"


@dataclass(slots=True)
class Letter:
    """What is known of one dead letter without its bytes.

    Attributes:
        letter_id: `topic:partition:offset` of its source, or its own where it has none.
        reason, detail, stage: why it is there, escaped where it is not printable.
        topic: where it came from, or was to go.
        source: partition and offset there; `None` for an output that could not be delivered.
        written_at: when it was dead-lettered.
        places: where on the dead-letter topic it is: its parts, each once, and no second letter of the same source.
        whole: whether all its parts are there.
        sent: whether it was sent, as far as that is known.
        sent_from: for one that was begun, by topic and partition where the topic ended before.
    """

    letter_id: str
    reason: str
    detail: str
    stage: str
    topic: str
    source: tuple[int, int] | None
    written_at: datetime
    places: list[LetterPlace] = field(default_factory=list)
    whole: bool = False
    sent: Sending | None = None
    sent_from: int = 0
    _parts: set[bytes] = field(default_factory=set)

    def add(self, record: LogRecord) -> None:
        """Take a record of this letter in; one that repeats what is there already changes nothing."""
        ours = headers_of_ours(record)
        number = ours.get(DEAD_LETTER_NUMBER)
        repeated = number in self._parts if number else self.whole and DEAD_LETTER_PART not in ours
        if not repeated:
            self.places.append((record.partition, record.offset))
            self.whole = is_whole(record, self._parts)


@dataclass(frozen=True, slots=True)
class Contents:
    """The bytes of a letter as they came to its source."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class LetterChoice:
    """Which letters are meant; what is empty or `None` says nothing.

    `start` and `end` are about when a letter was written, `end` exclusive.
    """

    ids: Collection[str] = ()
    reasons: Collection[str] = ()
    stages: Collection[str] = ()
    topics: Collection[str] = ()
    start: datetime | None = None
    end: datetime | None = None

    def takes(self, letter: Letter) -> bool:
        """Whether a letter is meant."""
        return (
            (not self.ids or letter.letter_id in self.ids)
            and (not self.reasons or letter.reason in self.reasons)
            and (not self.stages or letter.stage in self.stages)
            and (not self.topics or letter.topic in self.topics)
            and (self.start is None or letter.written_at >= self.start)
            and (self.end is None or letter.written_at < self.end)
        )


class CannotSendError(MetrlaError):
    """Letters cannot be sent to where they came from."""


async def read_letters(
    bootstrap_servers: str, choice: LetterChoice, advance: Callable[[int, int], None]
) -> list[Letter]:
    """The letters that are meant, oldest first, each once; `advance` is told (done, in all) as it goes.

    Raises:
        TopicError: there is no dead-letter topic.
        KafkaError: the log does not answer.
    """
    letters: dict[str, Letter] = {}
    async with open_reader(bootstrap_servers, CLIENT_ID, max_wait_ms=REBUILDING_WAIT_MS) as reader:
        async for record in _records(reader, await partitions_of(bootstrap_servers, [TRAFFIC_EVENTS_DLQ]), advance):
            letter = _letter(record)
            if letter is None:
                _note_sent(letters, record)
            elif choice.takes(letter):
                letters.setdefault(letter.letter_id, letter).add(record)
    return sorted(letters.values(), key=lambda letter: letter.written_at)


async def read_contents(bootstrap_servers: str, letter: Letter) -> Contents:
    """The bytes of one letter; raises `KafkaError`."""
    async with open_reader(bootstrap_servers, CLIENT_ID, max_wait_ms=REBUILDING_WAIT_MS) as reader:
        return _contents(letter, await _at(reader, letter.places))


async def send_letters(bootstrap_servers: str, letters: Sequence[Letter], advance: Callable[[int, int], None]) -> int:
    """Publish letters to the topics and partitions that they came from; returns how many were not there yet.

    Each goes once: one of which only the begin is noted is looked for first. One that is noted as sent goes again.

    Raises:
        CannotSendError: one of them is not whole, or came from no topic.
        TopicError: a topic does not exist any more.
        KafkaError: the log does not answer; those that were sent until then are noted.
    """
    for letter in letters:
        if (reason := why_not(letter)) is not None:
            raise CannotSendError(f"{letter.letter_id}: {reason}")
    sent = 0
    async with (
        open_reader(bootstrap_servers, CLIENT_ID, max_wait_ms=REBUILDING_WAIT_MS) as reader,
        open_producer(bootstrap_servers, CLIENT_ID, max_record_bytes=MAX_SENT_BYTES) as producer,
    ):
        there = await _arrived(reader, [letter for letter in letters if letter.sent is Sending.BEGUN])
        for start in range(0, len(letters), CHUNK):
            chunk = letters[start : start + CHUNK]
            missing = [letter for letter in chunk if letter.letter_id not in there]
            await _send_chunk(reader, producer, missing)
            await send_all(producer, [_mark(letter, Sending.DONE, 0) for letter in chunk])
            sent += len(missing)
            advance(start + len(chunk), len(letters))
    return sent


def why_not(letter: Letter) -> str | None:
    """Why a letter cannot be sent, `None` where it can."""
    if letter.source is None:
        return "was never on a topic: the service that could not deliver it makes it anew"
    if not letter.whole:
        return "some of its parts are missing"
    return None


async def _send_chunk(reader: AIOKafkaConsumer, producer: AIOKafkaProducer, letters: Sequence[Letter]) -> None:
    if not letters:
        return
    targets = {letter.letter_id: await _target(producer, letter) for letter in letters}
    ends = await reader.end_offsets(list(set(targets.values())))
    records = await _at(reader, [place for letter in letters for place in letter.places])
    messages = []
    for letter in letters:
        contents = _contents(letter, records)
        target = targets[letter.letter_id]
        headers = [*contents.headers, (DEAD_LETTER_ID, letter.letter_id.encode())]
        messages.append(Message(target.topic, contents.key, contents.value, headers, target.partition))
    await send_all(producer, [_mark(letter, Sending.BEGUN, ends[targets[letter.letter_id]]) for letter in letters])
    try:
        await send_all(producer, messages)
    except KafkaError as refused:
        if not too_large(refused):
            raise
        raise CannotSendError("one of them is larger than its topic takes; choose others with --reason") from refused


async def _target(producer: AIOKafkaProducer, letter: Letter) -> TopicPartition:
    if letter.source is None:
        raise CannotSendError(f"{letter.letter_id}: {why_not(letter)}")
    numbers = await producer.partitions_for(letter.topic)
    partition = letter.source[0]
    if partition not in numbers:
        raise ConfigurationError(f"{letter.letter_id}: {letter.topic} has no partition {partition} any more")
    return TopicPartition(letter.topic, partition)


async def _arrived(reader: AIOKafkaConsumer, begun: Sequence[Letter]) -> set[str]:
    """Which of the letters that somebody began to send are where they were sent to."""
    found: set[str] = set()
    since: dict[TopicPartition, int] = {}
    for letter in begun:
        if letter.source is not None:
            target = TopicPartition(letter.topic, letter.source[0])
            since[target] = min(letter.sent_from, since.get(target, letter.sent_from))
    for target, start in since.items():
        end = (await reader.end_offsets([target]))[target]
        for at in range(start, end, STEP):
            for record in await read_range(reader, target, at, min(end, at + STEP)):
                found |= {value.decode(errors="replace") for name, value in record.headers if name == DEAD_LETTER_ID}
    return found


async def _records(
    reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition], advance: Callable[[int, int], None]
) -> AsyncIterator[LogRecord]:
    begins, ends = await reader.beginning_offsets(partitions), await reader.end_offsets(partitions)
    total, done = sum(ends[one] - begins[one] for one in partitions), 0
    for partition in partitions:
        for start in range(begins[partition], ends[partition], STEP):
            end = min(ends[partition], start + STEP)
            for record in await read_range(reader, partition, start, end):
                yield record
            done += end - start
            advance(done, total)


async def _at(reader: AIOKafkaConsumer, places: Sequence[LetterPlace]) -> Mapping[LetterPlace, LogRecord]:
    """The records at these places that the log still has; what is close together is read at once."""
    found: dict[LetterPlace, LogRecord] = {}
    wanted = sorted(set(places))
    while wanted:
        (number, start), end = wanted[0], wanted[0][1] + 1
        count = 1
        while count < len(wanted) and wanted[count][0] == number and wanted[count][1] - end < GAP:
            end = wanted[count][1] + 1
            count += 1
        for record in await read_range(reader, TopicPartition(TRAFFIC_EVENTS_DLQ.name, number), start, end):
            found[number, record.offset] = record
        wanted = wanted[count:]
    return found


def _letter(record: LogRecord) -> Letter | None:
    """What a record says; `None` where it is no dead letter of ours."""
    headers = headers_of_ours(record)
    topic = _text(headers, SOURCE_TOPIC)
    if not topic:
        return None
    source = source_of(record)
    own = f"{record.topic}:{record.partition}:{record.offset}"
    return Letter(
        own if source is None else "{}:{}:{}".format(*source),
        _text(headers, DEAD_LETTER_REASON),
        _text(headers, DEAD_LETTER_DETAIL),
        _text(headers, DEAD_LETTER_STAGE),
        topic,
        None if source is None else source[1:],
        datetime.fromtimestamp(max(0, record.timestamp) / 1000, UTC),
    )


def _note_sent(letters: Mapping[str, Letter], record: LogRecord) -> None:
    headers = dict(record.headers)
    letter = letters.get((record.key or b"").decode(errors="replace"))
    state = _text(headers, DEAD_LETTER_SENT)
    if letter is None or state not in set(Sending):
        return
    letter.sent = Sending(state)
    start = _text(headers, SOURCE_OFFSET)
    letter.sent_from = int(start) if start.isdecimal() else 0


def _mark(letter: Letter, sent: Sending, start: int) -> Message:
    headers = [(DEAD_LETTER_SENT, sent.value.encode()), (SOURCE_OFFSET, str(start).encode())]
    # Behind the letter, whatever a partitioner would say of the id.
    return Message(TRAFFIC_EVENTS_DLQ.name, letter.letter_id.encode(), b"", headers, letter.places[0][0])


def _contents(letter: Letter, found: Mapping[LetterPlace, LogRecord]) -> Contents:
    if missing := [place for place in letter.places if place not in found]:
        raise CannotSendError(f"{letter.letter_id}: {len(missing)} of its records are no longer on the log")
    records = [found[place] for place in letter.places]
    first = records[0]
    ours = headers_of_ours(first)
    headers = [(name, value or b"") for name, value in first.headers[: len(first.headers) - len(ours)]]
    if DEAD_LETTER_PART_OF not in ours:
        return Contents(first.key, first.value, headers)
    key, value, long = first.key, None, list[tuple[str, bytes]]()
    for what, data in _joined(records):
        if what == "value":
            value = data
        elif what == "key":
            key = data
        else:
            long.append((what, data))
    return Contents(key, value, headers + long)


def _joined(records: Sequence[LogRecord]) -> Iterator[tuple[str, bytes]]:
    """The pieces put together: what each was a piece of, in order."""
    what, data = "", b""
    for record in records:
        headers = headers_of_ours(record)
        place = _text(headers, DEAD_LETTER_PART)
        if place.startswith("1/"):
            if what:
                yield what, data
            what, data = (headers.get(DEAD_LETTER_PART_OF) or b"").decode(errors="replace"), b""
        data += record.value or b""
    if what:
        yield what, data


def _text(headers: Mapping[str, bytes | None], name: str) -> str:
    return shown((headers.get(name) or b"").decode(errors="replace"))
