"""Deliver what was worked out until it is acknowledged: in order, in chunks."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Generic, TypeVar

from shared.kafka.persistence import Persistence, of_record
from shared.kafka.quarantine import Culprit, Quarantine, sift

Out = TypeVar("Out")
Deliver = Callable[[Sequence[Out]], Awaitable[None]]

PutAside = Callable[[Culprit[Out]], Awaitable[None]]
"""Keeps an output that cannot be delivered for its own sake; raises what passes."""

CHUNK = 32
DELIVER = "delivery of outputs"


class Outbox(Generic[Out]):
    """What is worked out and not delivered yet. It survives a cancelled delivery: nothing leaves unacknowledged.

    An output that cannot be delivered for its own sake is put aside, and those behind it are delivered.
    """

    def __init__(
        self,
        deliver: Deliver[Out],
        persist: Persistence,
        put_aside: PutAside[Out] | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._deliver = deliver
        self._persist = persist
        self._put_aside = put_aside
        self._quarantine = Quarantine() if quarantine is None else quarantine
        self._waiting: list[Out] = []
        self._one_at_a_time = asyncio.Lock()

    def put(self, outputs: Iterable[Out]) -> None:
        """Add outputs behind those that wait."""
        self._waiting.extend(outputs)

    async def drain(self) -> None:
        """Return when everything put in before the call is acknowledged; raises `StoppingError`."""
        async with self._one_at_a_time:
            while chunk := self._waiting[:CHUNK]:
                _, culprits = await sift(self._persist, DELIVER, chunk, self._deliver)
                for culprit in culprits:
                    await self._keep(culprit)
                del self._waiting[: len(chunk)]

    async def _keep(self, culprit: Culprit[Out]) -> None:
        put_aside = self._put_aside
        if put_aside is not None:
            try:
                await self._persist("dead letter", lambda: put_aside(culprit))
            except Exception as failed:
                if not of_record(failed):
                    raise
                # Not even that: the line in the service's log has to do.
        self._quarantine.note(culprit.stage, type(culprit.item).__name__, culprit.fault)
