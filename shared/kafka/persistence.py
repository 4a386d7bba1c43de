"""The one policy for what fails: which failures pass by themselves, how long to wait, and when to give in to a stop."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import structlog
from aiokafka import errors
from aiokafka.errors import KafkaError

from shared.events.errors import ArchiveError, RefusedByStoreError, SchemaRegistryUnavailableError, StoreError
from shared.kafka.admin import TopicError

log = structlog.stdlib.get_logger(__name__)

Result = TypeVar("Result")

FIRST_PAUSE_S, LONGEST_PAUSE_S, JITTER = 0.2, 5.0, 0.2

AWAY = (StoreError, ArchiveError, SchemaRegistryUnavailableError, TopicError, OSError, TimeoutError)
"""What a store, an archive, a registry or a broker raises while it is away."""

FINAL = (
    # Another member has our partitions: what is in hand is no longer ours to finish.
    errors.CommitFailedError,
    errors.IllegalGenerationError,
    errors.IllegalStateError,
    errors.UnknownMemberIdError,
    # The producer cannot send any more, whatever it is given.
    errors.InvalidProducerEpoch,
    errors.OutOfOrderSequenceNumber,
    errors.ProducerClosed,
    errors.ProducerFenced,
)
"""Kafka's failures that no waiting mends, and that say nothing about what was sent."""

TOO_LARGE = (errors.MessageSizeTooLargeError, errors.RecordListTooLargeError, errors.RecordTooLargeError)
REFUSED = (*TOO_LARGE, errors.InvalidMessageError, errors.InvalidTimestampError)
"""The log does not take this, whenever it is sent. With every other failure the broker is away, or somebody may yet set
it right."""


def passes(failure: BaseException) -> bool:
    """Whether the same attempt may succeed later. What does not pass is refused input, or a fault of ours."""
    if isinstance(failure, KafkaError):
        return not isinstance(failure, (*FINAL, *REFUSED))
    return isinstance(failure, AWAY) and not isinstance(failure, RefusedByStoreError)


def too_large(failure: BaseException) -> bool:
    """Whether the log refuses something for its size."""
    return isinstance(failure, TOO_LARGE)


def of_record(failure: BaseException) -> bool:
    """Whether work on a record failed for the record's own sake: it would fail again, here and with anybody else.

    Not where the failure passes, the partition or the producer is lost, or the service is to stop.
    """
    if isinstance(failure, StoppingError) or not isinstance(failure, Exception):
        return False
    return not passes(failure) and not isinstance(failure, FINAL)


class StoppingError(Exception):
    """What was to be done has to wait for who comes next: it stays uncommitted and comes again."""


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Return after so many seconds, or as soon as `stop` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()


async def unless_stopped(what: str, work: Awaitable[Result], stop: asyncio.Event) -> Result:
    """The result of work that has no effect yet: it is cancelled as soon as `stop` is set.

    Raises:
        StoppingError: `what` was not done before.
    """
    working = asyncio.ensure_future(work)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        working.cancel()  # changes nothing where it is done
    await asyncio.wait({working})
    if working.cancelled():
        raise StoppingError(what)
    return working.result()


@dataclass
class Pauses:
    """How long to wait between attempts: twice as long after each that fails, from the start again after a success.

    `jitter` is the share by which a pause is longer or shorter than that.
    """

    first_s: float = FIRST_PAUSE_S
    longest_s: float = LONGEST_PAUSE_S
    jitter: float = JITTER
    _failures: int = field(default=0, init=False)

    def longer(self) -> float:
        """The seconds until the next attempt, a bit more or less, so that not all come back at once."""
        pause_s = min(self.longest_s, self.first_s * 2.0**self._failures)
        self._failures += pause_s < self.longest_s
        return pause_s * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311 - jitter, no secret

    def restart(self) -> None:
        """An attempt succeeded."""
        self._failures = 0


class Persistence:
    """Repeats what fails for a passing reason, with growing pauses, until it succeeds or somebody has to be let in.

    Args:
        stop: the service is to stop.
        leaving: whether the partitions in hand are to be given up.
    """

    def __init__(self, stop: asyncio.Event, leaving: Callable[[], bool] = lambda: False) -> None:
        self._stop = stop
        self._leaving = leaving
        self._failing: dict[str, str] = {}

    @property
    def trouble(self) -> str | None:
        """What fails at present, or `None`."""
        return next(iter(self._failing.values()), None)

    async def __call__(self, what: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `attempt`; `what` names it in `trouble`.

        Raises:
            StoppingError: an attempt failed, and there is no time for another.
        """
        pauses = Pauses()
        try:
            while True:
                try:
                    return await attempt()
                except Exception as failure:
                    if not passes(failure):
                        raise
                    reason = str(failure) or type(failure).__name__
                    if self._stop.is_set() or self._leaving():
                        raise StoppingError(f"{what}: {reason}") from failure
                    self._failing[what] = f"{what}: {reason}"
                    pause_s = pauses.longer()
                    log.warning("will try again", what=what, pause_s=round(pause_s, 1), error=reason)
                await pause(self._stop, pause_s)
        finally:
            self._failing.pop(what, None)

    async def unless_stopped(self, what: str, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """As a call, for what has no effect yet: it is not waited for once the service is to stop.

        Raises:
            StoppingError: it was not done before.
        """
        return await unless_stopped(what, self(what, attempt), self._stop)
