"""How much of its work a fit does in the time that it has: measured on a small part first, decided once, kept. Pure.

Machines differ, and so does what else runs on them: seconds that were measured somewhere else are wrong by a factor of
ten. What is decided lies among the checkpoints, so whoever goes on with a fit does as much as it would have done.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf

from metrla.lab.forecasting.training.fitted import Checkpoints, Task

DECIDED = "pace"


@dataclass(eq=False)
class Pacing:
    """The time of one piece of work, from the moment that this is made.

    Attributes:
        seconds: how long it may take; None: as long as it needs.
        clock: tells seconds.
        checkpoints: of this work.
    """

    seconds: float | None
    clock: Callable[[], float]
    checkpoints: Checkpoints
    _began: float = field(init=False)
    _decided: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the clock, and at what was decided before."""
        self._began = self.clock()
        kept = self.checkpoints.read(DECIDED)
        self._decided = {} if kept is None else json.loads(kept)

    @classmethod
    def of(cls, task: Task) -> "Pacing":
        """Of a fit."""
        return cls(task.seconds, task.clock, task.checkpoints)

    @property
    def spent(self) -> float:
        """Seconds until now."""
        return self.clock() - self._began

    @property
    def left(self) -> float:
        """Seconds from now on, negative after the limit; endless where there is none."""
        return inf if self.seconds is None else self.seconds - self.spent

    def decide(self, name: str, without_limit: int, choose: Callable[[float], int]) -> int:
        """What `choose` makes of the seconds that are left, or made of them under this name in an earlier run.

        Args:
            name: of the decision.
            without_limit: the decision where there is no limit.
            choose: is given the seconds left, which are negative after the limit.
        """
        if self.seconds is None:
            return without_limit
        if name not in self._decided:
            self._decided[name] = choose(self.seconds - self.spent)
            self.checkpoints.write(DECIDED, json.dumps(self._decided).encode())
        return self._decided[name]

    def timed(self, work: Callable[[], object]) -> float:
        """Seconds that some work takes, and never 0."""
        before = self.clock()
        work()
        return max(self.clock() - before, 1e-6)

    def while_time(self, name: str, parts: int, least: int, share: float = 1.0) -> Iterator[int]:
        """0, 1, …, `parts` - 1: stops after `least` or more where one part more, as long as those before, is too many.

        Args:
            name: of the decision where to stop.
            parts: at most.
            least: at least.
            share: of the fit's seconds that must not be passed.
        """
        first = self.spent
        for part in range(parts):

            def go_on(left: float, done: int = part) -> int:
                reserved = (1 - share) * (self.seconds or 0.0)
                return int(done < least or left - reserved >= (self.spent - first) / max(done, 1))

            if not self.decide(f"{name} {part}", 1, go_on):
                return
            yield part
