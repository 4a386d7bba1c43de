"""Waiting in tests for what happens elsewhere: in another task, process or server, which announces nothing."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

DEADLINE_S = 60.0
POLL_S = 0.02


async def until(
    condition: Callable[[], bool | Awaitable[bool]],
    what: str | Callable[[], str],
    seconds: float = DEADLINE_S,
    every: float = POLL_S,
) -> None:
    """Wait until `condition` holds, asking every `every` seconds, or fail after `seconds` with what was waited for.

    `what` may be a function: it is asked at the deadline and can tell what was seen last. A condition that is itself
    stuck fails at the deadline too.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            while True:
                answer = condition()
                if await answer if inspect.isawaitable(answer) else answer:
                    return
                await asyncio.sleep(every)
    except TimeoutError as error:
        if not limit.expired():
            raise  # of the condition, not of the deadline
        told = what if isinstance(what, str) else what()
        raise AssertionError(f"not within {seconds:.0f} s: {told}") from error


def until_blocking(
    condition: Callable[[], object], what: str, seconds: float = DEADLINE_S, every: float = POLL_S
) -> None:
    """Wait as `until` does where no event loop runs; a condition that is itself stuck is waited for."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(every)
