"""Followers try again after every outage, and do not wait for the next one as long as for the last."""

import asyncio
from collections.abc import Callable

import pytest

from shared.kafka.following import FIRST_PAUSE_S, LONGEST_PAUSE_S, keep_following


class Clock:
    """Takes the place of `asyncio.sleep`, and ends the test after so many pauses."""

    def __init__(self, pauses: int) -> None:
        self.slept: list[float] = []
        self._pauses = pauses

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if len(self.slept) == self._pauses:
            raise asyncio.CancelledError


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Clock]:
    def make(count: int) -> Clock:
        clock = Clock(count)
        monkeypatch.setattr("shared.kafka.following.asyncio.sleep", clock.sleep)
        monkeypatch.setattr("shared.kafka.persistence.random.uniform", lambda _low, _high: 1.0)
        return clock

    return make


async def test_pauses_grow_while_the_broker_is_away(pauses: Callable[[int], Clock]) -> None:
    clock, told = pauses(8), list[float]()

    async def session(_reached: Callable[[], None]) -> None:
        raise ConnectionError("away")

    with pytest.raises(asyncio.CancelledError):
        await keep_following(session, lambda _failure, pause: told.append(pause))
    assert clock.slept == told
    assert clock.slept[:5] == [FIRST_PAUSE_S * 2**number for number in range(5)]
    assert max(clock.slept) == LONGEST_PAUSE_S


async def test_a_session_that_reached_the_broker_makes_the_next_pause_short(pauses: Callable[[int], Clock]) -> None:
    clock, outcomes = pauses(6), iter([False, False, False, True, False, True])

    async def session(reached: Callable[[], None]) -> None:
        if next(outcomes):
            reached()
        raise ConnectionError("away")

    with pytest.raises(asyncio.CancelledError):
        await keep_following(session, lambda _failure, _pause: None)
    assert clock.slept == [0.5, 1.0, 2.0, 0.5, 1.0, 0.5]


async def test_a_fault_of_ours_is_not_tried_again(pauses: Callable[[int], Clock]) -> None:
    clock = pauses(3)

    async def session(_reached: Callable[[], None]) -> None:
        raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        await keep_following(session, lambda _failure, _pause: None)
    assert clock.slept == []


async def test_a_group_of_failures_passes_when_each_of_them_does(pauses: Callable[[int], Clock]) -> None:
    clock, told = pauses(2), list[str]()
    both = [
        ExceptionGroup("lost", [ConnectionError("away"), ExceptionGroup("and", [TimeoutError("late")])]),
        ExceptionGroup("lost", [ConnectionError("away"), ValueError("ours")]),
    ]

    async def session(_reached: Callable[[], None]) -> None:
        raise both.pop(0)

    with pytest.raises(ExceptionGroup):
        await keep_following(session, lambda failure, _pause: told.append(str(failure)))
    assert (told, clock.slept) == (["away"], [FIRST_PAUSE_S])
