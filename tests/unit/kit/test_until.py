"""The wait of the tests: what it waits for, and what it says when that does not come."""

import asyncio

import pytest

from tests.kit.until import until, until_blocking


async def test_waits_for_a_condition_with_or_without_await() -> None:
    asked: list[str] = []

    def third() -> bool:
        asked.append("plain")
        return len(asked) == 3

    async def sixth() -> bool:
        asked.append("awaited")
        return len(asked) == 6

    await until(third, "the third answer", every=0)
    await until(sixth, "the sixth answer", every=0)
    assert asked == ["plain"] * 3 + ["awaited"] * 3


async def test_says_at_the_deadline_what_it_waited_for_and_saw_last() -> None:
    seen: list[int] = []

    def grows() -> bool:
        seen.append(len(seen))
        return False

    with pytest.raises(AssertionError, match=r"not within 0 s: more than \d+ records"):
        await until(grows, lambda: f"more than {seen[-1]} records", seconds=0.05)


async def test_a_stuck_condition_fails_at_the_deadline() -> None:
    async def stuck() -> bool:
        return await asyncio.Event().wait()

    with pytest.raises(AssertionError, match="an event"):
        await until(stuck, "an event", seconds=0.05)


async def test_what_a_condition_raises_is_not_a_missed_deadline() -> None:
    async def fails() -> bool:
        raise TimeoutError("of the server")

    with pytest.raises(TimeoutError, match="of the server"):
        await until(fails, "an answer")


def test_without_an_event_loop_it_waits_and_fails_alike() -> None:
    asked: list[int] = []

    def third() -> bool:
        asked.append(len(asked))
        return len(asked) == 3

    until_blocking(third, "the third answer", every=0)
    assert asked == [0, 1, 2]
    with pytest.raises(AssertionError, match="not within 0 s: an answer"):
        until_blocking(lambda: False, "an answer", seconds=0.05)
