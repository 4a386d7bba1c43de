"""The Faust worker: an agent without Faust tables for each topic, which acknowledges what is worked off.

The form is the one that was measured to lose nothing: no Faust tables (their recovery drops events), no exactly_once,
`stream_wait_empty`, short session time-out, no exception out of the agent (Faust would acknowledge and skip the event).
Acknowledgement is explicit and in order, one event at a time, after its outputs are acknowledged: Faust's own way
acknowledges the event in hand when an agent is cancelled. Why nothing is lost beyond that: `shared.kafka.assignment`.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import faust
import structlog
from aiokafka import ConsumerRecord
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from mode.threads import ServiceThread, WorkerThread

from shared.events.errors import ConfigurationError, MetrlaError
from shared.kafka.admin import partitions_of
from shared.kafka.assignment import Assignment, Input
from shared.kafka.batches import read_any_batch
from shared.kafka.delivery import Deliver, Outbox, PutAside
from shared.kafka.membership import HEARTBEAT_MS, SESSION_TIMEOUT_MS
from shared.kafka.persistence import Pauses, Persistence, StoppingError, pause
from shared.kafka.quarantine import Quarantine
from shared.kafka.replay import LogRecord
from shared.kafka.watch import BrokerWatch, watch_broker

log = structlog.stdlib.get_logger(__name__)

Out = TypeVar("Out")

COMMIT_SECONDS = 1.0
COMMIT_LIMIT_SECONDS = 3.0
TICK_SECONDS = 0.25
STOP_SECONDS = 10.0
STOP_ATTEMPTS = 5
NO_TIME = -1
FIRST_RESTART_SECONDS = 1.0
LONGEST_RESTART_SECONDS = 30.0
# Twice what a group takes to notice that a member is gone, and more.
UNASSIGNED_SECONDS = 60.0


class WorkerError(MetrlaError):
    """The worker met a fault that trying again does not mend; what it had in hand is unacknowledged and comes again."""


class _DaemonThread(WorkerThread):
    """A thread that does not keep the process alive: without a broker, the reader in it never ends."""

    def __init__(self, service: ServiceThread, **kwargs: Any) -> None:  # noqa: ANN401 - passed on
        super().__init__(service, **kwargs)
        self.daemon = True


class _ConsumerThread(AIOKafkaConsumerThread):
    """Faust's reader, but a commit gives up: without a broker it would retry for ever, and the stop wait for it."""

    Worker = _DaemonThread

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit; false where the broker did not take it in time: the records come again after a restart."""
        return bool(await self.call_thread(self._commit_in_time, offsets))

    async def _commit_in_time(self, offsets: Mapping[TP, int]) -> bool:
        try:
            async with asyncio.timeout(COMMIT_LIMIT_SECONDS):
                return await self._commit(offsets)
        except TimeoutError:
            return False


class _Consumer(Consumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        read_any_batch()
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)


class _Transport(Transport):
    Consumer = _Consumer


class _App(faust.App):
    """A Faust app that leaves no folders behind: only tables need them, and there are none."""

    async def on_first_start(self) -> None:
        """Create nothing."""


@dataclass
class Worker(Generic[Out]):
    """One member of a consumer group: works on the partitions of its inputs and delivers what comes of them.

    The same numbers of all inputs' partitions go to one member: Faust assigns topics with equal numbers of partitions
    alike, and a worker refuses to start where their numbers differ.

    `deliver` returns when store and log have acknowledged all outputs; it is called again with the same ones when it
    raises a failure that passes (`shared.kafka.persistence.passes`). What fails for the sake of a record or of an
    output is put aside (`shared.kafka.quarantine`). Any other failure sets `stop` and ends `run`.
    """

    bootstrap_servers: str
    group: str
    inputs: Sequence[Input[Any, Out]]
    deliver: Deliver[Out]
    stop: asyncio.Event
    put_aside: PutAside[Out] | None = None
    quarantine: Quarantine = field(default_factory=Quarantine)
    unassigned_seconds: float = UNASSIGNED_SECONDS
    behind: int = field(default=0, init=False)
    """Records of its partition behind the record in hand, as of the last fetch."""
    _assigned: bool = field(default=False, init=False, repr=False)
    _fault: Exception | None = field(default=None, init=False, repr=False)
    _watch: BrokerWatch | None = field(default=None, init=False, repr=False)
    _persist: Persistence = field(init=False, repr=False)
    _restarts: Pauses = field(
        default_factory=lambda: Pauses(FIRST_RESTART_SECONDS, LONGEST_RESTART_SECONDS), init=False, repr=False
    )
    _assignments: Mapping[str, Assignment[Any, Out]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Tie the parts together."""
        self._persist = Persistence(self.stop)
        # One for all inputs: what they change of one thing gets out in the order in which it was worked out.
        outbox = Outbox(self.deliver, self._persist, self.put_aside, self.quarantine)
        self._assignments = {
            source.topic.name: Assignment(
                self.bootstrap_servers, self.group, source, outbox, self._persist, self.quarantine
            )
            for source in self.inputs
        }

    def waiting_for(self) -> str | None:
        """What the worker still waits for, or `None` when it is at work."""
        if self._watch is not None and self._watch.trouble is not None:
            return self._watch.trouble
        if not self._assigned:
            return "the broker to give it partitions"
        if any(one.rebuilding for one in self._assignments.values()):
            return self._persist.trouble or "state to be rebuilt from the log"
        return self._persist.trouble

    async def run(self) -> None:
        """Work until `stop` is set, starting the reader anew whenever it crashes.

        Raises:
            WorkerError: after a fault that trying again does not mend.
            ConfigurationError: the topics of the inputs have different numbers of partitions.
        """
        async with watch_broker(self.bootstrap_servers, self.group) as self._watch:
            with suppress(StoppingError):
                await self._require_equal_partitions()
            await self._run()
        if self._fault is not None:
            raise WorkerError(f"{self.group}: {self._fault!r}") from self._fault

    async def _require_equal_partitions(self) -> None:
        topics = [source.topic for source in self.inputs]
        found = await self._persist.unless_stopped("topics", lambda: partitions_of(self.bootstrap_servers, topics))
        counts = Counter(where.topic for where in found)
        if len(set(counts.values())) > 1:
            listed = " and ".join(f"{name} has {count}" for name, count in counts.items())
            raise ConfigurationError(f"topics that are read together need equally many partitions, but {listed}")

    async def _run(self) -> None:
        ticking = asyncio.create_task(self._tick(), name="worker tick")
        try:
            while (crash := await self._read_until_it_ends()) is not None:
                pause_s = self._restarts.longer()
                log.warning("reader crashed, starting it anew", error=repr(crash), pause_s=round(pause_s, 1))
                await pause(self.stop, pause_s)
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
            self._revoke_all()

    def _revoke_all(self) -> None:
        for one in self._assignments.values():
            one.revoke_all()

    async def _read_until_it_ends(self) -> BaseException | None:
        if self.stop.is_set():
            return None
        app = self._faust_app()
        starting = asyncio.create_task(app.start(), name="faust start")
        try:
            # `wait` returns when its argument does, and as well when the app stops or crashes.
            await app.wait(self._until_stopped_or_stuck())
        finally:
            failed = await _cancelled(starting)
            await _stop(app)
            self._assigned = False
            self._revoke_all()
        if self.stop.is_set():
            return None
        crash: BaseException | None = app.crash_reason or failed
        return crash or WorkerError("the reader stopped by itself, or was given no partitions")

    async def _until_stopped_or_stuck(self) -> None:
        """Wait until `stop` is set, or the broker has answered for long and given nothing.

        A Faust that starts in the moment in which its broker goes waits for ever, without a word; so may one whose
        group is shared out anew then.
        """
        loop = asyncio.get_running_loop()
        well_at = loop.time()
        while not self.stop.is_set() and loop.time() - well_at < self.unassigned_seconds:
            if self._assigned or (self._watch is not None and self._watch.trouble is not None):
                well_at = loop.time()
            await pause(self.stop, TICK_SECONDS)

    async def _tick(self) -> None:
        while not self.stop.is_set():
            try:
                for one in self._assignments.values():
                    await one.tick()
            except StoppingError:
                return
            except Exception as fault:  # noqa: BLE001 - the message boundary: the policy for our own faults is to stop
                self._fail(fault)
                return
            await pause(self.stop, TICK_SECONDS)

    async def _take_in(self, stream: Any) -> None:  # noqa: ANN401 - faust ships no types
        stream.enable_acks = False
        async for event in stream.events():
            with suppress(AssertionError):  # the partition has just been revoked
                self.behind = (stream.app.consumer.highwater(event.message.tp) or 0) - event.message.offset - 1
            if self._is_ours(stream.app, event.message) and await self._handled(_as_on_log(event.message)):
                await stream.ack(event)
            else:
                # Faust must not wait at its end for what will not be acknowledged by this process.
                stream.app.consumer.unacked.discard(event.message)
            if self.stop.is_set():
                return

    def _is_ours(self, app: faust.App, message: Any) -> bool:  # noqa: ANN401 - faust ships no types
        """Whether a message's partition is; one that was waiting while it was taken from us is not."""
        known = message.partition in self._assignments[message.topic]
        return known or message.tp in app.consumer.assignment()

    async def _handled(self, record: LogRecord) -> bool:
        try:
            return await self._assignments[record.topic].handle(record)
        except StoppingError:
            return False
        except Exception as fault:  # noqa: BLE001 - the message boundary: the policy for our own faults is to stop
            self._fail(fault)
            return False

    def _fail(self, fault: Exception) -> None:
        log.error("stopping on a fault", exc_info=fault, group=self.group)
        self._fault = self._fault or fault
        self.stop.set()

    def _faust_app(self) -> faust.App:
        app = _App(
            self.group,
            broker=";".join(f"kafka://{server.strip()}" for server in self.bootstrap_servers.split(",")),
            broker_client_id=self.group,
            broker_session_timeout=SESSION_TIMEOUT_MS / 1000,
            broker_heartbeat_interval=HEARTBEAT_MS / 1000,
            broker_commit_interval=COMMIT_SECONDS,
            consumer_auto_offset_reset="earliest",
            key_serializer="raw",
            value_serializer="raw",
            stream_wait_empty=True,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
        )
        app.transport = _Transport(app.conf.broker_consumer, app)
        for source in self.inputs:
            topic = app.topic(source.topic.name, key_type=bytes, value_type=bytes)
            app.agent(topic, name=f"{self.group}-{source.topic.name}")(self._take_in)
        app.on_partitions_assigned.connect(self._on_assigned)
        app.on_partitions_revoked.connect(self._on_revoked)
        return app

    async def _on_assigned(self, _app: Any, /, *args: Any, **_: Any) -> None:  # noqa: ANN401 - a signal's signature
        assigned: set[TP] = args[0]
        self._assigned = True
        self._restarts.restart()
        for topic, one in self._assignments.items():
            one.assign(where.partition for where in assigned if where.topic == topic)

    async def _on_revoked(self, _app: Any, /, *args: Any, **_: Any) -> None:  # noqa: ANN401 - a signal's signature
        revoked: set[TP] = args[0]
        self._assigned = False
        for topic, one in self._assignments.items():
            one.revoke([where.partition for where in revoked if where.topic == topic])


def _as_on_log(message: Any) -> LogRecord:  # noqa: ANN401 - faust ships no types
    """A message of Faust as every other reader has it: Faust's times are in seconds, the log's in milliseconds."""
    key, value = message.key, message.value
    return ConsumerRecord(
        *(message.topic, message.partition, message.offset),
        NO_TIME if message.timestamp is None else round(message.timestamp * 1000),
        message.timestamp_type,
        *(key, value, message.checksum),
        *(-1 if key is None else len(key), -1 if value is None else len(value)),
        tuple(message.headers or ()),
    )


async def _cancelled(task: asyncio.Task[None]) -> BaseException | None:
    """Cancel a task and give its failure; one that does not end is let be."""
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=STOP_SECONDS)
    return task.exception() if done and not task.cancelled() else None


async def _stop(app: faust.App) -> None:
    stopping = asyncio.create_task(app.stop(), name="faust stop")
    _, unfinished = await asyncio.wait([stopping], timeout=STOP_SECONDS)
    if unfinished:
        log.warning("reader did not stop in time; what it had in hand comes again", seconds=STOP_SECONDS)
    for _ in range(STOP_ATTEMPTS):
        # Faust takes a cancellation as a reason to go on with its next part.
        if not stopping.done():
            stopping.cancel()
            await asyncio.wait([stopping], timeout=1.0)
    await asyncio.gather(*([stopping] if stopping.done() else []), return_exceptions=True)
