"""A member whose polls fail asks again soon, less and less often, and soon again after a success."""

import asyncio
from collections.abc import Iterator

import pytest
from aiokafka import errors

from shared.kafka.consumer import GroupMember
from shared.kafka.persistence import FIRST_PAUSE_S, Pauses

SERVERS = "127.0.0.1:1"


class Polled:
    """Takes the place of the consumer: each poll fails, or finds nothing."""

    def __init__(self, failures: Iterator[Exception | None]) -> None:
        self._failures = failures

    async def getmany(self, *_: object, **__: object) -> dict[object, object]:
        failure = next(self._failures)
        if failure is not None:
            raise failure
        return {}


class Told(Pauses):
    """Pauses that are told instead of waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[float] = []

    def longer(self) -> float:
        self.told.append(super().longer())
        return 0.0


async def test_pauses_between_failing_polls_grow_and_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.kafka.persistence.random.uniform", lambda _low, _high: 1.0)
    away = errors.KafkaConnectionError("away")
    member = GroupMember(Polled(iter([away, away, None, away])), "group", SERVERS, asyncio.Event())
    pauses = member._poll_pauses = Told()
    stopping = asyncio.get_running_loop().create_future()
    for _ in range(4):
        assert await member._poll(stopping, 10) == {}
    assert pauses.told == [FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, FIRST_PAUSE_S]
    assert member.waiting_for is not None
    assert "away" in member.waiting_for


async def test_a_stop_ends_the_pause_after_a_failing_poll() -> None:
    member = GroupMember(Polled(iter([errors.KafkaConnectionError("away")])), "group", SERVERS, asyncio.Event())
    member._poll_pauses = Pauses(3600.0, 3600.0)
    stopping = asyncio.get_running_loop().create_future()
    polling = asyncio.create_task(member._poll(stopping, 10))
    stopping.set_result(True)
    assert await asyncio.wait_for(polling, 10) == {}


async def test_a_poll_that_cannot_succeed_is_a_fault() -> None:
    member = GroupMember(Polled(iter([errors.IllegalStateError("ours")])), "group", SERVERS, asyncio.Event())
    with pytest.raises(errors.IllegalStateError):
        await member._poll(asyncio.get_running_loop().create_future(), 10)
