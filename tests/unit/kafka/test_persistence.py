"""What fails is tried again where that can help, for as long as nobody has to be let in."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiokafka import errors

from shared.events.errors import (
    ArchiveError,
    ConfigurationError,
    RejectedEventError,
    RejectionReason,
    SchemaRegistryUnavailableError,
    StoreError,
)
from shared.kafka.admin import TopicError
from shared.kafka.delivery import CHUNK, Outbox
from shared.kafka.persistence import (
    JITTER,
    Pauses,
    Persistence,
    StoppingError,
    passes,
    pause,
    unless_stopped,
)
from tests.kit.until import until


def failing(times: int, failure: Exception) -> Callable[[], Awaitable[int]]:
    """An attempt that succeeds after so many failures, and says how often it was made."""
    made = 0

    async def attempt() -> int:
        nonlocal made
        made += 1
        if made <= times:
            raise failure
        return made

    return attempt


@pytest.mark.parametrize(
    "failure",
    [
        StoreError("away"),
        ArchiveError("away"),
        SchemaRegistryUnavailableError("away"),
        TopicError("topic numbers does not exist"),
        ConnectionRefusedError(),
        TimeoutError(),
        errors.KafkaConnectionError(),
        # Kafka's clients do not call these retriable, and a broker that is away for long makes them.
        errors.KafkaTimeoutError(),
        errors.BrokerNotAvailableError(),
        errors.UnknownError(),
        errors.TopicAuthorizationFailedError(),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_passes_is_tried_again(failure: Exception) -> None:
    assert passes(failure)
    assert await Persistence(asyncio.Event())("work", failing(1, failure)) == 2


@pytest.mark.parametrize(
    "failure",
    [
        errors.CommitFailedError(),
        errors.IllegalStateError(),
        errors.UnknownMemberIdError(),
        errors.ProducerFenced(),
        errors.MessageSizeTooLargeError(),
        RejectedEventError(RejectionReason.UNDECODABLE, "no event"),
        ConfigurationError("wrong"),
        ValueError("ours"),
    ],
    ids=lambda failure: type(failure).__name__,
)
async def test_what_does_not_pass_is_let_through_at_once(failure: Exception) -> None:
    assert not passes(failure)
    persist = Persistence(asyncio.Event())
    with pytest.raises(type(failure)):
        await persist("work", failing(1, failure))
    assert persist.trouble is None


async def test_it_says_what_fails_until_it_succeeds() -> None:
    seen: list[str | None] = []
    persist = Persistence(asyncio.Event())

    async def attempt() -> None:
        seen.append(persist.trouble)
        if len(seen) < 3:
            raise StoreError("the store is away")

    await persist("store", attempt)
    assert seen == [None, "store: the store is away", "store: the store is away"]
    assert persist.trouble is None


async def test_the_failure_of_one_thing_is_not_hidden_by_the_success_of_another() -> None:
    persist, away = Persistence(asyncio.Event()), asyncio.Event()

    async def store() -> None:
        if not away.is_set():
            raise StoreError("away")

    writing = asyncio.create_task(persist("store", store))
    await until(lambda: persist.trouble is not None, "the failure of the store to be known")
    await persist("log", failing(0, StoreError("never")))
    assert persist.trouble == "store: away"
    away.set()
    await writing
    assert persist.trouble is None


async def test_a_stop_ends_the_pause_and_allows_one_last_attempt() -> None:
    stop = asyncio.Event()
    persist = Persistence(stop)
    made = 0

    async def attempt() -> None:
        nonlocal made
        made += 1
        stop.set()
        raise StoreError("away")

    with pytest.raises(StoppingError, match="store: away"):
        await persist("store", attempt)
    assert made == 1
    assert persist.trouble is None


async def test_partitions_that_are_to_be_given_up_are_not_held_by_what_fails() -> None:
    leaving = False
    persist = Persistence(asyncio.Event(), lambda: leaving)

    async def attempt() -> None:
        nonlocal leaving
        leaving = True
        raise StoreError("away")

    with pytest.raises(StoppingError):
        await persist("store", attempt)


async def test_what_has_no_effect_yet_is_not_waited_for_when_the_service_stops() -> None:
    stop, begun = asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        begun.set()
        await asyncio.Event().wait()

    connecting = asyncio.create_task(Persistence(stop).unless_stopped("broker", hangs))
    await begun.wait()
    stop.set()
    with pytest.raises(StoppingError):
        await connecting
    assert await Persistence(asyncio.Event()).unless_stopped("broker", failing(1, StoreError("away"))) == 2


async def test_work_of_any_kind_is_cancelled_by_a_stop() -> None:
    stop, begun, cancelled = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hangs() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    waiting = asyncio.create_task(unless_stopped("fetching", hangs(), stop))
    await begun.wait()
    stop.set()
    with pytest.raises(StoppingError, match="fetching"):
        await waiting
    assert cancelled.is_set()
    with pytest.raises(ValueError, match="ours"):
        await unless_stopped("fetching", failing(1, ValueError("ours"))(), asyncio.Event())
    assert await unless_stopped("fetching", failing(0, ValueError("never"))(), asyncio.Event()) == 1


async def test_a_stop_ends_a_pause() -> None:
    stop = asyncio.Event()
    await asyncio.wait_for(pause(stop, 0.001), 10)
    resting = asyncio.create_task(pause(stop, 3600.0))
    stop.set()
    await asyncio.wait_for(resting, 10)


def test_pauses_grow_to_their_longest_and_start_again() -> None:
    pauses = Pauses(1.0, 6.0)
    for expected in (1.0, 2.0, 4.0, 6.0, 6.0):
        assert pauses.longer() == pytest.approx(expected, rel=JITTER)
    pauses.restart()
    assert pauses.longer() == pytest.approx(1.0, rel=JITTER)


async def test_an_outbox_delivers_in_order_and_keeps_what_was_not_acknowledged() -> None:
    out: list[int] = []
    away = True

    async def deliver(some: object) -> None:
        assert isinstance(some, list)
        if away and out:
            raise StoreError("away")
        out.extend(some)

    stop = asyncio.Event()
    outbox: Outbox[int] = Outbox(deliver, Persistence(stop))
    stop.set()
    outbox.put(range(2 * CHUNK))
    with pytest.raises(StoppingError):
        await outbox.drain()
    assert out == list(range(CHUNK))
    away = False
    outbox.put([-1])
    await outbox.drain()
    assert out == [*range(2 * CHUNK), -1]
