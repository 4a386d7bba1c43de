"""Deliver what was worked out until it is acknowledged: in order, in chunks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from typing import Generic, TypeVar

from shared.kafka.persistence import Persistence

Out = TypeVar("Out")
Deliver = Callable[[Sequence[Out]], Awaitable[None]]

CHUNK = 32


class Outbox(Generic[Out]):
    """What is worked out and not delivered yet. It survives a cancelled delivery: nothing leaves unacknowledged."""

    def __init__(self, deliver: Deliver[Out], persist: Persistence) -> None:
        self._deliver = deliver
        self._persist = persist
        self._waiting: list[Out] = []
        self._one_at_a_time = asyncio.Lock()

    def put(self, outputs: Iterable[Out]) -> None:
        """Add outputs behind those that wait."""
        self._waiting.extend(outputs)

    async def drain(self) -> None:
        """Return when everything put in before the call is acknowledged; raises `StoppingError`."""
        async with self._one_at_a_time:
            while chunk := self._waiting[:CHUNK]:
                await self._persist("delivery of outputs", partial(self._deliver, chunk))
                del self._waiting[: len(chunk)]
