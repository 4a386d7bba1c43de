"""Work that is done at the same time, and ends together."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager


@asynccontextmanager
async def beside(stop: asyncio.Event, *work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do this work meanwhile; a fault of ours in it sets `stop` and is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    for task in tasks:
        task.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in tasks:
        if not task.cancelled():
            task.result()
