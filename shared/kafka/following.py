"""Follow topics without a consumer group: read what is there, then what comes, and begin anew after every outage."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.topics import Topic
from shared.kafka.admin import TopicError, partitions_of
from shared.kafka.persistence import Pauses, of_record, passes
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import REBUILDING_WAIT_MS, LogRecord, open_reader, read_range

log = structlog.stdlib.get_logger(__name__)

FOLLOW = "follow"
POLL_MS = 500
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 10.0
WATCH_INTERVAL_S = 2.0
WATCH_TIMEOUT_S = 5.0
PARTITIONS_EVERY = 30

Session = Callable[[Callable[[], None]], Awaitable[None]]
"""Reads until the broker is lost; calls its argument once it has reached the broker."""


async def keep_following(session: Session, on_lost: Callable[[BaseException, float], None]) -> None:
    """Run one session after the other until cancelled, with growing pauses while the broker stays away.

    The pause starts again from its least once a session has reached the broker: an outage that comes after hours of
    quiet must not wait as long as the last one did.

    Args:
        session: reads; it ends by raising a failure that passes by itself, or a group of them. Any other ends this.
        on_lost: is told the failure and the seconds until the next try.
    """
    pauses = Pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S)
    while True:
        lost: BaseException | None = None
        try:
            await session(pauses.restart)
        except Exception as failure:
            failures = _each(failure)
            if not all(map(passes, failures)):
                raise
            lost = failures[0]
        pause_s = pauses.longer()
        if lost is not None:
            on_lost(lost, pause_s)
        await asyncio.sleep(pause_s)


def _each(failure: BaseException) -> list[BaseException]:
    if isinstance(failure, BaseExceptionGroup):
        return [one for part in failure.exceptions for one in _each(part)]
    return [failure]


class LogRestartedError(TopicError):
    """The log ends earlier than it did, or has other partitions: what was read is not what is there."""


async def watch_logs(
    reader: AIOKafkaConsumer,
    partitions: Sequence[TopicPartition],
    positions: Mapping[TopicPartition, int],
    present: Callable[[], Awaitable[Sequence[TopicPartition]]],
    look: Callable[[Mapping[TopicPartition, int]], None] = lambda _: None,
) -> None:
    """Ask the brokers where the logs end, until cancelled: the one way to learn that they are gone; a fetch only waits.

    Args:
        reader: is asked.
        partitions: that are read.
        positions: how far each was read, kept by whoever reads (`advance`).
        present: the partitions that the topics have now, as `partitions`; asked now and then.
        look: is told the ends, each time.

    Raises:
        TimeoutError: no broker answers.
        LogRestartedError: the topics are not those that were read.
    """
    known: Mapping[TopicPartition, int] = {}
    for number in count(1):
        async with asyncio.timeout(WATCH_TIMEOUT_S):
            ends: Mapping[TopicPartition, int] = await reader.end_offsets(partitions)
            if any(end < max(known.get(each, 0), positions.get(each, 0)) for each, end in ends.items()):
                raise LogRestartedError("a log ends earlier than it did")
            if number % PARTITIONS_EVERY == 0 and await present() != partitions:
                raise LogRestartedError("the topics have other partitions than they had")
        known = ends
        look(ends)
        await asyncio.sleep(WATCH_INTERVAL_S)


def advance(positions: dict[TopicPartition, int], partition: TopicPartition, batch: Sequence[LogRecord]) -> None:
    """Move the position of a partition behind a batch that was fetched.

    Raises:
        LogRestartedError: the batch begins before it: the client went back to the start of a log that is another.
    """
    if batch[0].offset < positions.get(partition, 0):
        raise LogRestartedError("a log begins anew")
    positions[partition] = batch[-1].offset + 1


class TopicFollower:
    """Keeps something in step with the whole of a small topic; every instance of a service reads all of it.

    `replace` gets all records that were on the topic when a session began, in the order of each partition; `take` gets
    each that comes after them. A record that one of them fails on is put aside. `caught_up` is set once the first have
    been handed over.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        client_id: str,
        topic: Topic,
        replace: Callable[[Sequence[LogRecord]], None],
        take: Callable[[LogRecord], None],
        letters: ReaderLetters,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._client_id = client_id
        self._topic = topic
        self._replace = replace
        self._take = take
        self._letters = letters
        self.caught_up = asyncio.Event()

    async def run(self) -> None:
        """Follow until cancelled; a broker that is away is asked again."""
        await keep_following(self._session, self._lost)

    async def _session(self, reached: Callable[[], None]) -> None:
        async with open_reader(self._bootstrap_servers, self._client_id) as reader:
            partitions = await self._partitions()
            reached()
            positions: dict[TopicPartition, int] = {}
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch_logs(reader, partitions, positions, self._partitions))
                tasks.create_task(self._read_and_follow(reader, partitions, positions))

    async def _read_and_follow(
        self, reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition], positions: dict[TopicPartition, int]
    ) -> None:
        records, ends = await _read_whole(reader, partitions)
        positions.update(ends)
        self._replace_with(records)
        self.caught_up.set()
        log.info("topic read", topic=self._topic.name, records=len(records))
        reader.assign(partitions)
        for partition in partitions:
            reader.seek(partition, ends[partition])
        while True:
            for partition, batch in (await reader.getmany(timeout_ms=POLL_MS)).items():
                advance(positions, partition, batch)
                for record in batch:
                    self._take_or_note(record)

    async def _partitions(self) -> Sequence[TopicPartition]:
        return await partitions_of(self._bootstrap_servers, [self._topic])

    def _take_or_note(self, record: LogRecord) -> None:
        try:
            self._take(record)
        except Exception as fault:
            if not of_record(fault):
                raise
            self._letters.put(record, fault, FOLLOW)

    def _replace_with(self, records: Sequence[LogRecord]) -> None:
        """Hand all over, without those on which that fails: each is found by halving."""
        rest = list(records)
        while True:
            fault = self._fault_of(rest)
            if fault is None:
                return
            if not rest:  # it says nothing about any record
                raise fault
            works, fails = 0, len(rest)
            while fails - works > 1:
                middle = (works + fails) // 2
                if self._fault_of(rest[:middle]) is None:
                    works = middle
                else:
                    fails = middle
            self._letters.put(rest.pop(fails - 1), fault, FOLLOW)

    def _fault_of(self, records: Sequence[LogRecord]) -> Exception | None:
        try:
            self._replace(records)
        except Exception as fault:
            if not of_record(fault):
                raise
            return fault
        return None

    def _lost(self, failure: BaseException, pause_s: float) -> None:
        reason = str(failure) or type(failure).__name__
        log.warning("lost a topic, trying again", topic=self._topic.name, error=reason, pause_s=pause_s)


async def read_topic(bootstrap_servers: str, client_id: str, topic: Topic) -> list[LogRecord]:
    """Every record that a topic holds now, partition by partition, in order; raises as aiokafka does."""
    async with open_reader(bootstrap_servers, client_id, max_wait_ms=REBUILDING_WAIT_MS) as reader:
        records, _ = await _read_whole(reader, await partitions_of(bootstrap_servers, [topic]))
    return records


async def _read_whole(
    reader: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
) -> tuple[list[LogRecord], Mapping[TopicPartition, int]]:
    """All records before the ends that the partitions have now, and these ends."""
    ends: Mapping[TopicPartition, int] = await reader.end_offsets(partitions)
    records: list[LogRecord] = []
    for partition in partitions:
        records += await read_range(reader, partition, 0, ends[partition])
    return records, ends
