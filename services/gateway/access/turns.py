"""Turns on the event loop: who asks for much waits for its own answers, and for one of everybody else's each time."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Holder:
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    waiting: int = 0


class Turns:
    """One turn at a time, and one for each holder that waits before the same holder's next.

    For work that keeps the event loop for as long as it takes. Without turns, all that is asked at the same moment is
    worked off before the loop comes back to anything else. Locks are fair, so a holder with many requests has one place
    in the queue, as everybody.
    """

    def __init__(self) -> None:
        self._holders: dict[Hashable, _Holder] = {}
        self._one = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._holders)

    @asynccontextmanager
    async def of(self, holder: Hashable) -> AsyncIterator[None]:
        """Have a turn while the block runs. The loop has been back at other work since the turn before."""
        mine = self._holders.setdefault(holder, _Holder())
        mine.waiting += 1
        try:
            async with mine.turn, self._one:
                await asyncio.sleep(0)
                yield
        finally:
            mine.waiting -= 1
            if not mine.waiting:
                self._holders.pop(holder, None)
