"""Whoever asks for much holds nobody else up for longer than one of its answers takes."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.access.turns import Turns


async def order_of(asked: Sequence[str], cancelled: frozenset[int] = frozenset()) -> list[str]:
    """Who had a turn, in order, where all asked at the same moment, and some gave up at once."""
    turns, had, together = Turns(), list[str](), [0]

    async def ask(who: str) -> None:
        async with turns.of(who):
            together[0] += 1
            assert together[0] == 1
            had.append(who)
            await asyncio.sleep(0)
            together[0] -= 1

    tasks = [asyncio.create_task(ask(who)) for who in asked]
    await asyncio.sleep(0)
    for number in cancelled:
        if number < len(tasks):
            tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert len(turns) == 0
    return had


@given(st.lists(st.sampled_from("abc"), max_size=12), st.frozensets(st.integers(0, 11), max_size=4))
def test_everybody_has_all_turns_one_at_a_time(asked: list[str], cancelled: frozenset[int]) -> None:
    had = asyncio.run(order_of(asked, cancelled))
    left = [who for number, who in enumerate(asked) if number not in cancelled]
    assert len(left) <= len(had) <= len(asked)
    assert sorted(asyncio.run(order_of(asked))) == sorted(asked)


@pytest.mark.parametrize("many", [2, 50])
async def test_one_request_waits_for_no_more_than_a_turn_of_each_other(many: int) -> None:
    had = await order_of(["much"] * many + ["more"] * many + ["one"])
    assert had.index("one") <= 3


async def test_the_loop_comes_back_between_turns() -> None:
    turns, looked, had = Turns(), 0, 0

    async def look() -> None:
        nonlocal looked
        for _ in range(1000):
            looked += had < 20
            await asyncio.sleep(0)

    async def ask() -> None:
        nonlocal had
        async with turns.of("much"):
            had += 1

    await asyncio.gather(look(), *(ask() for _ in range(20)))
    assert looked >= 20


async def test_what_fails_in_a_turn_ends_it() -> None:
    turns = Turns()
    with pytest.raises(ValueError, match="failed"):
        async with turns.of("one"):
            raise ValueError("failed")
    async with asyncio.timeout(5), turns.of("one"):
        assert len(turns) == 1
    assert len(turns) == 0
