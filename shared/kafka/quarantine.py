"""What a record does not get past for its own sake: found among others, told apart from outages, and put aside.

The last net. What passes the limits of `shared.events.limits` is meant to pass every stage; whatever is forgotten there
must end neither a process nor a partition. Outages are still waited out for ever: only what `of_record` says is put
aside.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import structlog
from structlog.stdlib import BoundLogger

from shared.events.text import cut
from shared.kafka.persistence import Persistence, of_record

log: BoundLogger = structlog.stdlib.get_logger(__name__)

Item = TypeVar("Item")

TRIES = 3
"""How often one record may fail before it is put aside: what is not the record's fault shows in the other tries."""
SHOWN_BYTES = 300


@dataclass(frozen=True, slots=True)
class Culprit(Generic[Item]):
    """Something that a stage does not take, and why."""

    item: Item
    fault: Exception
    stage: str


async def sift(
    persist: Persistence, stage: str, items: Sequence[Item], attempt: Callable[[Sequence[Item]], Awaitable[None]]
) -> tuple[list[Item], list[Culprit[Item]]]:
    """Attempt all items together, and where that fails for the sake of some of them, find those by halving.

    Args:
        persist: waits out what passes.
        stage: names the attempt.
        items: in order.
        attempt: takes any part of the items; what it takes twice counts once.

    Returns:
        Those that were taken, and those that were not.

    Raises:
        StoppingError: there is no time to wait an outage out.
        Exception: what says nothing about the items, such as that the partitions are another's now.
    """
    if not items:
        return [], []
    for number in range(1, TRIES + 1):
        try:
            await persist(stage, lambda: attempt(items))
        except Exception as fault:
            if not of_record(fault):
                raise
            if len(items) > 1:
                break
            if number == TRIES:
                return [], [Culprit(items[0], fault, stage)]
        else:
            return list(items), []
    middle = len(items) // 2
    first, culprits = await sift(persist, stage, items[:middle], attempt)
    second, further = await sift(persist, stage, items[middle:], attempt)
    return first + second, culprits + further


@dataclass
class Quarantine:
    """What a service has put aside since it started, for its metric and for `/ready`.

    `on_aside` is called with the stage for each record.
    """

    on_aside: Callable[[str], None] = lambda _stage: None
    count: int = field(default=0, init=False)
    _last: str = field(default="", init=False)

    def note(self, stage: str, what: str, fault: BaseException | str) -> None:
        """Count one more; `what` names it."""
        reason = fault if isinstance(fault, str) else f"{type(fault).__name__}: {fault}"
        self.count += 1
        self._last = cut(f"{what} at {stage}: {reason}", SHOWN_BYTES)
        self.on_aside(stage)
        log.error("put aside what cannot be handled", stage=stage, what=what, reason=cut(reason, SHOWN_BYTES))

    @property
    def told(self) -> str | None:
        """What an operator should know, `None` where nothing was put aside."""
        if not self.count:
            return None
        return f"{self.count:,} record{'' if self.count == 1 else 's'} put aside, the last: {self._last}"
