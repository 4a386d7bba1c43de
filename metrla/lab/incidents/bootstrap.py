"""How sure figures are: whole days, drawn again and again. Pure.

B. Efron and R. Tibshirani, 'An introduction to the bootstrap', 1993. Days, and not incidents, are drawn, since what
happens on one day hangs together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from shared.traffic.arrays import Floats, Integers

DRAWS = 2_000
SEED = 13
COVERED = 0.95

Interval = tuple[float, float] | None
"""Lower and upper end of a 95 % interval; `None` where there is nothing to draw from."""


@dataclass(frozen=True, eq=False)
class DrawnDays:
    """The same draws of `count` days, with replacement, for every figure: differences are of the same days."""

    count: int

    @cached_property
    def times(self) -> Integers:
        """How often each day was drawn: (draws, days)."""
        chance = np.random.default_rng(SEED)
        drawn: Integers = chance.multinomial(self.count, np.full(self.count, 1 / self.count), size=DRAWS)
        return drawn

    def ratios(self, above: Floats, below: Floats) -> Floats:
        """The ratio of two sums over days in each draw, from what each day gives to them; NaN where it has none."""
        top, bottom = self.times @ above, self.times @ below
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(bottom > 0, top / bottom, np.nan)

    def median(self, days: Sequence[int], values: Sequence[float]) -> Interval:
        """Of the median of values, each of a day."""
        if not len(values):
            return None
        order = np.argsort(values)
        ranked, weights = np.asarray(values)[order], self.times[:, np.asarray(days)[order]]
        reached = weights.cumsum(axis=1)
        some = reached[:, -1] > 0
        middle = (reached[some] >= reached[some, -1:] / 2).argmax(axis=1)
        return interval(ranked[middle])


def interval(drawn: Floats) -> Interval:
    """The middle 95 % of what was drawn; `None` where nothing was."""
    known = drawn[np.isfinite(drawn)]
    if not known.size:
        return None
    low, high = np.quantile(known, [(1 - COVERED) / 2, (1 + COVERED) / 2])
    return float(low), float(high)
