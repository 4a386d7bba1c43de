"""One member of a consumer group whose work is never lost, doubled or skipped when partitions change hands.

aiokafka rebalances eagerly: every member gives up all its partitions, then gets new ones. A member therefore handles
batches in turns under a lock. A revocation waits for the turn in hand, lets the work finish and commit, and only then
lets the partitions go and drops the work; nothing of it is kept. After an assignment new work begins from what was
committed, in the next turn rather than in the callback, because aiokafka sends no heartbeat while that one runs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from shared.kafka.admin import open_admin
from shared.kafka.persistence import Pauses, Persistence, StoppingError, passes

log = structlog.stdlib.get_logger(__name__)

POLL_MS = 200
# How long a commit may take, and what is in hand when the service stops.
COMMIT_S = 10.0
DRAIN_S = 15.0

Records = Mapping[TopicPartition, Sequence[ConsumerRecord]]


class LogEnd(NamedTuple):
    """The end of a partition of the log, and the wall time in milliseconds since 1970 when the broker told it."""

    offset: int
    heard_ms: int


@dataclass(frozen=True, slots=True)
class Committed:
    """What a group committed for one partition; the offset is 0 and the metadata empty where it never did."""

    offset: int
    metadata: str


class AssignedWork(Protocol):
    """What a member does with the partitions of one assignment; another assignment is another object.

    For work that needs several partitions at once, or commits for itself; all other work is a `Processing`
    (`shared.kafka.assignment`).
    No two methods run at the same time. Without `finish`, what was not committed will be read again by whoever is next.
    """

    def hungry(self) -> Collection[TopicPartition]:
        """The partitions to read from next: those whose unfinished records are not too many."""

    def positions(self) -> Mapping[TopicPartition, int]:
        """Per partition, the offset of the first record not yet handled."""

    async def handle(self, records: Records) -> None:
        """Handle the next records, none when a poll found none."""

    async def finish(self) -> None:
        """Finish what is in hand and commit it: the partitions are about to be given up."""


Begin = Callable[["GroupMember", Mapping[TopicPartition, Committed]], Awaitable[AssignedWork]]
"""Makes the work on newly assigned partitions, from what was committed of each."""


class GroupMember(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is not annotated
    """Reads one topic as a member of a group and drives the work on it. Made by `shared.kafka.membership`."""

    def __init__(self, consumer: AIOKafkaConsumer, group_id: str, bootstrap_servers: str, stop: asyncio.Event) -> None:
        self._consumer = consumer
        self._bootstrap_servers = bootstrap_servers
        self._turn = asyncio.Lock()
        self._work: AssignedWork | None = None
        self._stop = stop
        self._untaken: frozenset[TopicPartition] | None = None
        self._leaving = True
        self._poll_trouble: str | None = None
        self._poll_pauses = Pauses()
        self.group_id = group_id
        self.persist = Persistence(stop, lambda: self._leaving)

    @property
    def waiting_for(self) -> str | None:
        """What keeps the member from working, or `None`: its assignment, or what fails at present."""
        if self._leaving or self._untaken is not None:
            return self.persist.trouble or self._poll_trouble or f"partitions for group {self.group_id}"
        return self.persist.trouble or self._poll_trouble

    def lag(self) -> int:
        """Records between the end of the log, as last heard, and what the work has handled."""
        held = self._consumer.assignment()
        positions = self._work.positions() if self._work is not None else {}
        ends = {partition: self._consumer.highwater(partition) for partition in held if partition in positions}
        return sum(max(0, end - positions[partition]) for partition, end in ends.items() if end is not None)

    def end_seen(self, partition: TopicPartition) -> LogEnd | None:
        """The end of the log of a partition held, as of the last fetch; `None` before the first.

        Records wait in the consumer until they are polled, so it may be as old as these.
        """
        if partition not in self._consumer.assignment():
            return None
        end, heard_ms = self._consumer.highwater(partition), self._consumer.last_poll_timestamp(partition)
        return None if end is None or heard_ms is None else LogEnd(end, heard_ms)

    async def run(self, topic: str, begin: Begin, max_records: int) -> None:
        """Work until the service is to stop, then finish what is in hand and commit it."""
        self._consumer.subscribe([topic], listener=self)
        stopping = asyncio.ensure_future(self._stop.wait())
        working = asyncio.ensure_future(self._run(begin, stopping, max_records))
        try:
            await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not (await asyncio.wait({working}, timeout=DRAIN_S))[0]:
                log.warning("drain abandoned", group=self.group_id, waiting_for=self.waiting_for)
                return
            working.result()
        finally:
            stopping.cancel()
            working.cancel()
            await asyncio.wait({working})

    async def commit(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        """Commit offsets with metadata; retries until done or until the partitions are no longer ours."""
        if offsets:
            # aiokafka itself repeats a commit without end while there is no coordinator.
            await self.persist("commit", lambda: self._commit_in_time(offsets))

    async def _commit_in_time(self, offsets: Mapping[TopicPartition, tuple[int, str]]) -> None:
        async with asyncio.timeout(COMMIT_S):
            await self._consumer.commit(dict(offsets))

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Let the batch in hand finish, then give everything up."""
        self._leaving = True
        async with self._turn:
            await self._give_up()
        if revoked:
            log.info("partitions revoked", group=self.group_id, partitions=sorted(tp.partition for tp in revoked))

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Note what the next turn begins to work on."""
        self._untaken = frozenset(assigned)
        self._leaving = False
        log.info("partitions assigned", group=self.group_id, partitions=sorted(tp.partition for tp in assigned))

    async def _run(self, begin: Begin, stopping: "asyncio.Future[Literal[True]]", max_records: int) -> None:
        while not stopping.done():
            records = await self._poll(stopping, max_records)
            async with self._turn:
                await self._guarded(self._one_turn(begin, records))
        async with self._turn:
            await self._give_up()

    async def _poll(self, stopping: "asyncio.Future[Literal[True]]", max_records: int) -> Records:
        # Without work, a poll is what makes the consumer join its group again.
        hungry = () if self._work is None else self._work.hungry()
        if not hungry and self._work is not None and self._work.positions():
            await asyncio.wait({stopping}, timeout=POLL_MS / 1000)
            return {}
        # Outside the turn: getmany waits for the end of a rebalance, which waits for the turn.
        polling = asyncio.ensure_future(
            self._consumer.getmany(*hungry, timeout_ms=POLL_MS, max_records=max_records),
        )
        await asyncio.wait({polling, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not polling.done():
            polling.cancel()
            await asyncio.wait({polling})
            return {}
        try:
            records: Records = polling.result()
        except KafkaError as failure:
            if not passes(failure):
                raise
            self._poll_trouble = f"poll: {failure!r}"
            await asyncio.wait({stopping}, timeout=self._poll_pauses.longer())
            return {}
        self._poll_trouble = None
        self._poll_pauses.restart()
        return records

    async def _one_turn(self, begin: Begin, records: Records) -> None:
        if self._untaken is None:
            if self._work is not None:
                await self._work.handle(records)
            return
        # What was polled so far may be from before the rebalance: it is left, and read again from the commit on.
        untaken = self._untaken
        committed = await self.persist("read commits", lambda: self._committed(untaken))
        work = await begin(self, committed)
        for partition, commit in committed.items():
            self._consumer.seek(partition, commit.offset)
        self._work, self._untaken = work, None

    async def _give_up(self) -> None:
        work, self._untaken = self._work, None
        try:
            if work is not None:
                await self._guarded(work.finish())
        finally:
            self._work = None

    async def _guarded(self, turn: Awaitable[None]) -> None:
        try:
            await turn
        except (CommitFailedError, IllegalStateError) as fenced:
            log.warning("partitions lost", group=self.group_id, error=str(fenced))
        except StoppingError as interrupted:
            log.warning("batch abandoned", group=self.group_id, error=str(interrupted))
        else:
            return
        self._work = None

    async def _committed(self, partitions: Collection[TopicPartition]) -> Mapping[TopicPartition, Committed]:
        if not partitions:
            return {}
        async with open_admin(self._bootstrap_servers) as admin:
            found = await admin.list_consumer_group_offsets(self.group_id, partitions=list(partitions))
        return {
            partition: Committed(found[partition].offset, found[partition].metadata or "")
            if partition in found and found[partition].offset >= 0
            else Committed(0, "")
            for partition in partitions
        }
