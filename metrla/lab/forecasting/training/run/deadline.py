"""The time of a whole run: what each fit may use of it, and what is kept back for the end. Pure.

A run ends with work that cannot be left out: the models are calibrated, weighed against each other, judged and packed.
What that takes is measured on the models that are there before the longest fit begins; shares of the budget alone would
be too little on a machine that is busy, and too much on one that is not.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import inf

from metrla.lab.forecasting.training.run.catalogue import seconds_of

MARGIN = 1.25
"""What was measured may take so many times as long when it is done."""


@dataclass(eq=False)
class Deadline:
    """The end of a run.

    Attributes:
        budget: seconds of the whole run; None: as long as it needs.
        clock: tells seconds.
        began: when the run began, by that clock.
        tail: seconds that the end of the run takes at least, as far as that is known.
    """

    budget: float | None
    clock: Callable[[], float]
    began: float
    tail: float = field(default=0.0, init=False)

    @property
    def limited(self) -> bool:
        """Whether there is an end."""
        return self.budget is not None

    @property
    def spent(self) -> float:
        """Seconds until now."""
        return self.clock() - self.began

    @property
    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return inf if self.budget is None else self.budget - self.spent

    def of_fit(self, name: str, chosen: Collection[str]) -> float | None:
        """What a fit of one of the chosen models may use."""
        if self.budget is None:
            return None
        return seconds_of(name, chosen, self.budget, self.left, MARGIN * self.tail)

    def measured(self, work: Callable[[], object]) -> float:
        """Seconds that some work takes, never 0."""
        before = self.clock()
        work()
        return max(self.clock() - before, 1e-6)
