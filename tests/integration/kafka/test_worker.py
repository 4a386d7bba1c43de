"""The worker on the embedded broker: what it does with faults, restarts and rebalances, seen from outside."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import faust
import pytest
from aiokafka.errors import ProducerFenced

from metrla.local.devbroker import DevBroker
from shared.events.avro import codec, encode
from shared.events.errors import (
    ConfigurationError,
    RefusedByStoreError,
    RejectedEventError,
    RejectionReason,
    StoreError,
)
from shared.events.records import ProcessedTrafficAggregate
from shared.events.topics import Topic
from shared.kafka.admin import ensure_topics
from shared.kafka.assignment import Input
from shared.kafka.producer import Message, open_producer, send_all
from shared.kafka.quarantine import Culprit, Quarantine
from shared.kafka.replay import LogRecord
from shared.kafka.worker import Worker, WorkerError
from tests.kit.until import until
from tests.kit.windows import processed_window

pytestmark = pytest.mark.integration

TOPIC = Topic("numbers", None, "none", partitions=2)
GROUP = "test-worker"
LONG_AGO_MS = 3_600_000


@dataclass
class Sums:
    """What is known of each partition, to show what was rebuilt and closed."""

    known: dict[int, list[int]] = field(default_factory=dict)
    rebuilt: dict[int, list[int]] = field(default_factory=dict)
    ticks: list[int] = field(default_factory=list)
    poison: int | None = None
    poisons: str = ""
    """Which of the methods the poison makes fail: in hand, or among what is known."""

    def require_digestible(self, where: str, numbers: Iterable[int]) -> None:
        if where in self.poisons and self.poison in set(numbers):
            raise ZeroDivisionError("\x1b indigestible")

    async def create(self, partition: int) -> "PartitionSums":
        return PartitionSums(self, partition)


@dataclass
class PartitionSums:
    """Hands every number on."""

    sums: Sums
    partition: int

    def enough(self, records: Sequence[int]) -> bool:
        return len(records) >= 5

    def rebuild(self, records: Sequence[int], now: float) -> None:
        assert now > 0
        self.sums.require_digestible("rebuild", records)
        self.sums.rebuilt[self.partition] = list(records)
        self.sums.known[self.partition] = list(records)

    def close(self) -> None:
        self.sums.known.pop(self.partition, None)

    def handle(self, records: Sequence[int], now: float) -> Iterable[int]:
        assert now > 0
        self.sums.known[self.partition].extend(records)
        self.sums.require_digestible("handle", records)
        self.sums.require_digestible("recall", self.sums.known[self.partition])
        return records

    def tick(self, now: float) -> Iterable[int]:
        assert now > 0
        self.sums.require_digestible("tick", self.sums.known.get(self.partition, ()))
        due, self.sums.ticks = self.sums.ticks, []
        return due


def decode(value: bytes) -> int:
    try:
        return int(value)
    except ValueError as wrong:
        raise RejectedEventError(RejectionReason.UNDECODABLE, "no number") from wrong


@dataclass
class Harness:
    servers: str
    topics: Sequence[Topic] = (TOPIC,)
    sums: Sums = field(default_factory=Sums)
    out: list[int] = field(default_factory=list)
    dead: list[bytes | None] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    aside: list[int] = field(default_factory=list)
    quarantine: Quarantine = field(default_factory=Quarantine)
    fail: Callable[[Sequence[int]], None] = lambda _: None
    group: str = GROUP
    formerly: str | None = None
    decode: Callable[[bytes], Any] = decode
    reasons: Collection[RejectionReason] = (RejectionReason.UNDECODABLE, RejectionReason.UNPROCESSABLE)

    async def deliver(self, outputs: Sequence[int]) -> None:
        self.fail(outputs)
        self.out.extend(outputs)

    async def dead_letter(self, record: LogRecord, reason: RejectedEventError) -> None:
        assert reason.reason in self.reasons
        assert abs(time.time() * 1000 - record.timestamp) < LONG_AGO_MS, "milliseconds, as on the log"
        self.dead.append(record.value)
        self.stages.append(reason.stage)

    async def put_aside(self, culprit: Culprit[int]) -> None:
        self.aside.append(culprit.item)

    def worker(self) -> Worker[int]:
        inputs = [Input(topic, self.decode, self.dead_letter, self.sums.create, self.formerly) for topic in self.topics]
        return Worker(self.servers, self.group, inputs, self.deliver, asyncio.Event(), self.put_aside, self.quarantine)

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Worker[int]]:
        worker = self.worker()
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.stop.set()
            await asyncio.wait_for(running, 60)

    async def send(self, *values: object, partition: int = 0) -> None:
        await self.send_bytes([str(value).encode() for value in values], partition)

    async def send_bytes(self, values: Iterable[bytes], partition: int = 0) -> None:
        async with open_producer(self.servers, "test") as producer:
            await send_all(producer, [Message(TOPIC.name, None, value, partition=partition) for value in values])


@pytest.fixture
async def harness() -> AsyncIterator[Harness]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers, [TOPIC])
        yield Harness(broker.bootstrap_servers)


async def test_records_of_all_partitions_are_handled_in_order(harness: Harness) -> None:
    await harness.send(*range(20), partition=0)
    await harness.send(*range(100, 120), partition=1)
    async with harness.working() as worker:
        await until(lambda: len(harness.out) == 40, lambda: f"the expected records, not {harness.out}")
        assert worker.waiting_for() is None
    assert [value for value in harness.out if value < 100] == list(range(20))
    assert [value for value in harness.out if value >= 100] == list(range(100, 120))


async def test_it_knows_how_many_records_wait(harness: Harness) -> None:
    seen: list[int] = []
    await harness.send(*range(20))
    async with harness.working() as worker:
        harness.fail = lambda _: seen.append(worker.behind)
        await until(lambda: len(harness.out) == 20, lambda: f"the expected records, not {harness.out}")
    assert seen == list(range(19, -1, -1))


async def test_a_restart_goes_on_where_it_stopped_and_rebuilds_from_before(harness: Harness) -> None:
    await harness.send(*range(10))
    async with harness.working():
        await until(lambda: len(harness.out) == 10, lambda: f"the expected records, not {harness.out}")
    await harness.send(*range(10, 15))
    harness.sums = Sums()
    async with harness.working():
        await until(lambda: len(harness.out) == 15, lambda: f"the expected records, not {harness.out}")
    assert harness.out == list(range(15))
    assert harness.sums.rebuilt[0] == list(range(10))


async def test_a_new_group_goes_on_where_the_former_one_stopped(harness: Harness) -> None:
    await harness.send(*range(10))
    async with harness.working():
        await until(lambda: len(harness.out) == 10, lambda: f"the expected records, not {harness.out}")
    await harness.send(*range(10, 15))
    harness.sums, harness.group, harness.formerly = Sums(), f"{GROUP}-anew", GROUP
    async with harness.working():
        await until(lambda: len(harness.out) == 15, lambda: f"the expected records, not {harness.out}")
    assert harness.out == list(range(15))
    assert harness.sums.rebuilt[0] == list(range(10))


async def test_what_is_due_by_time_is_delivered(harness: Harness) -> None:
    async with harness.working() as worker:
        await until(lambda: worker.waiting_for() is None, "the worker waits for nothing")
        harness.sums.ticks.append(7)
        await until(lambda: harness.out == [7], lambda: f"the expected records, not {harness.out}")


async def test_an_undecodable_record_is_dead_lettered_and_the_stream_goes_on(harness: Harness) -> None:
    await harness.send(1, "x", 2)
    async with harness.working():
        await until(lambda: harness.out == [1, 2], lambda: f"the expected records, not {harness.out}")
    assert harness.dead == [b"x"]


async def test_a_record_that_is_dated_far_ahead_is_dead_lettered_and_one_of_now_is_not(harness: Harness) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    far = datetime(2199, 1, 1, tzinfo=UTC)
    ends = (now, far, now + timedelta(minutes=5))
    windows = [processed_window("toy", "s0", end - timedelta(minutes=5), 50.0) for end in ends]
    harness.decode, harness.reasons = codec(ProcessedTrafficAggregate).decode, [RejectionReason.TIMESTAMP_IN_FUTURE]
    out: list[Any] = harness.out
    await harness.send_bytes(map(encode, windows))
    async with harness.working():
        await until(lambda: len(out) == 2, lambda: f"two windows, not {out}")
    assert [window.window_end for window in out] == [ends[0], ends[2]]
    assert harness.dead == [encode(windows[1])]
    harness.sums = Sums()
    async with harness.working() as worker:
        await until(lambda: worker.waiting_for() is None, "the worker waits for nothing")
        recalled: list[Any] = harness.sums.rebuilt[0]
        assert [window.window_end for window in recalled] == [ends[0], ends[2]], "nor is it recalled"


async def test_a_store_that_is_away_delays_and_loses_nothing(harness: Harness) -> None:
    attempts = 0

    def away(_: Sequence[int]) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 4:
            raise StoreError("away")

    harness.fail = away
    await harness.send(1, 2, 3)
    async with harness.working():
        await until(lambda: harness.out == [1, 2, 3], lambda: f"the expected records, not {harness.out}")
    assert attempts >= 4


async def test_what_could_not_be_delivered_before_the_stop_comes_again(harness: Harness) -> None:
    asked = asyncio.Event()

    def away(outputs: Sequence[int]) -> None:
        if 2 in outputs:
            asked.set()
            raise StoreError("away")

    harness.fail = away
    await harness.send(1, 2, 3)
    async with harness.working():
        await asyncio.wait_for(asked.wait(), 60)
    assert harness.out == [1]
    harness.fail = lambda _: None
    async with harness.working():
        await until(lambda: harness.out == [1, 2, 3], lambda: f"the expected records, not {harness.out}")


async def test_a_fault_that_is_no_records_stops_the_worker_and_skips_nothing(harness: Harness) -> None:
    def broken(_: Sequence[int]) -> None:
        raise ProducerFenced

    harness.fail = broken
    await harness.send(1, 2)
    with pytest.raises(WorkerError, match="ProducerFenced"):
        async with harness.working() as worker:
            await asyncio.wait_for(worker.stop.wait(), 60)
    harness.fail = lambda _: None
    async with harness.working():
        await until(lambda: harness.out == [1, 2], lambda: f"the expected records, not {harness.out}")


async def test_records_that_the_reader_skipped_are_read_from_the_log(harness: Harness) -> None:
    await harness.send(*range(6))
    async with harness.working() as worker:
        await until(lambda: harness.out == list(range(6)), lambda: f"the expected records, not {harness.out}")
        held = worker._assignments[TOPIC.name]._partitions[0]
        held.position = 3
        harness.sums.known[0] = [0, 1, 2]
        await harness.send(6)
        await until(lambda: 6 in harness.out, lambda: f"the expected records, not {harness.out}")
        assert harness.sums.known[0] == list(range(7))


async def test_a_second_worker_takes_over_partitions_and_both_lose_nothing(harness: Harness) -> None:
    other = Harness(harness.servers)
    expected: set[int] = set()
    async with harness.working(), AsyncExitStack() as joined:
        for start in range(0, 300, 50):
            await harness.send(*range(start, start + 50), partition=0)
            await harness.send(*range(1000 + start, 1050 + start), partition=1)
            expected |= {*range(start, start + 50), *range(1000 + start, 1050 + start)}
            if start == 100:
                await joined.enter_async_context(other.working())
                await until(lambda: len(harness.sums.known) == len(other.sums.known) == 1, "both hold one partition")
        await until(lambda: {*harness.out, *other.out} == expected, lambda: f"the expected records, not {harness.out}")
        await joined.aclose()
        await harness.send(-1, partition=0)
        await harness.send(-2, partition=1)
        await until(lambda: {-1, -2} <= set(harness.out), lambda: f"the expected records, not {harness.out}")


async def test_topics_that_are_read_together_need_equally_many_partitions(harness: Harness) -> None:
    other = Topic("letters", None, "none", partitions=3)
    await ensure_topics(harness.servers, [other])
    harness.topics = (TOPIC, other)
    with pytest.raises(ConfigurationError, match="equally many partitions, but numbers has 2 and letters has 3"):
        await asyncio.wait_for(harness.worker().run(), 60)


async def test_a_record_that_cannot_be_handled_is_put_aside_and_leaves_no_trace(harness: Harness) -> None:
    harness.sums.poison, harness.sums.poisons = 13, "handle"
    await harness.send(1, 2, 13, 3, 4)
    async with harness.working() as worker:
        await until(lambda: 4 in harness.out, lambda: f"the expected records, not {harness.out}")
        assert harness.sums.known[0] == [1, 2, 3, 4]
        assert worker.waiting_for() is None
    assert list(dict.fromkeys(harness.out)) == [1, 2, 3, 4]
    assert (harness.dead, harness.stages) == ([b"13"], ["handle"])
    assert harness.quarantine.told is not None
    assert "\x1b" not in harness.quarantine.told


async def test_a_record_of_the_past_that_cannot_be_recalled_is_left_out(harness: Harness) -> None:
    await harness.send(1, 2, 13, 3, 4)
    async with harness.working():
        await until(lambda: 4 in harness.out, lambda: f"the expected records, not {harness.out}")
    harness.sums.poison, harness.sums.poisons = 13, "rebuild"
    await harness.send(5)
    async with harness.working():
        await until(lambda: 5 in harness.out, lambda: f"the expected records, not {harness.out}")
        assert harness.sums.known[0] == [1, 2, 3, 4, 5]
    assert harness.quarantine.count == 1
    assert not harness.dead


async def test_what_is_remembered_is_forgotten_where_it_spoils_every_record(harness: Harness) -> None:
    await harness.send(1, 13)
    async with harness.working():
        await until(lambda: 13 in harness.out, lambda: f"the expected records, not {harness.out}")
    harness.sums.poison, harness.sums.poisons = 13, "recall"
    await harness.send(*range(20, 30))
    async with harness.working():
        await until(lambda: 29 in harness.out, lambda: f"the expected records, not {harness.out}")
    assert len(harness.dead) <= 3


async def test_a_tick_that_fails_ends_nothing(harness: Harness) -> None:
    harness.sums.poison, harness.sums.poisons = 13, "tick"
    await harness.send(1, 13)
    async with harness.working():
        await until(lambda: harness.quarantine.count >= 3, "ticks fail")
        await harness.send(2)
        await until(lambda: 2 in harness.out, lambda: f"the expected records, not {harness.out}")
    assert not harness.dead


async def test_an_output_that_cannot_be_delivered_is_put_aside_alone(harness: Harness) -> None:
    def refuses(outputs: Sequence[int]) -> None:
        if 13 in outputs:
            raise RefusedByStoreError("no such numbers")

    harness.fail = refuses
    harness.sums.ticks = [10, 11, 12, 13, 14, 15]
    async with harness.working() as worker:
        await until(lambda: 15 in harness.out, lambda: f"the expected records, not {harness.out}")
        assert worker.waiting_for() is None
    assert list(dict.fromkeys(harness.out)) == [10, 11, 12, 14, 15]
    assert harness.aside == [13]


async def test_a_reader_that_never_starts_is_started_anew(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Faust does that starts in the moment in which its broker goes."""
    starts, start = list[None](), faust.App.start

    async def starting(app: faust.App) -> None:
        starts.append(None)
        if len(starts) == 1:
            await asyncio.Event().wait()
        await start(app)

    monkeypatch.setattr(faust.App, "start", starting)
    await harness.send(*range(5))
    worker = replace(harness.worker(), unassigned_seconds=5.0)
    running = asyncio.create_task(worker.run())
    await until(lambda: harness.out == list(range(5)), lambda: f"the records, not {harness.out}", 60.0)
    worker.stop.set()
    await asyncio.wait_for(running, 60)
    assert len(starts) == 2


async def test_a_member_for_which_nothing_is_left_is_not_stuck(harness: Harness) -> None:
    async with AsyncExitStack() as stack:
        members = [await stack.enter_async_context(harness.working()) for _ in range(TOPIC.partitions + 1)]
        await until(lambda: all(member.waiting_for() is None for member in members), "all members in the group", 60.0)
