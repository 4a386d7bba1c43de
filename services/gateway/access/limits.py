"""Token buckets: how often somebody may do something. Pure, but for the clock that it is handed."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from time import monotonic

MOST_HOLDERS = 10_000
# Whoever asks too often is answered late: that costs a flood its pace, and us a timer.
LATE_S = 1.0


@dataclass(slots=True)
class Bucket:
    """Holds up to `burst` permits, and gains `per_second` of them."""

    per_second: float
    burst: float
    clock: Callable[[], float] = monotonic
    level: float = -1.0
    at: float = 0.0

    def take(self) -> float:
        """Take one permit. Returns 0 where there was one, else the seconds until there is."""
        now = self.clock()
        level = self.burst if self.level < 0 else min(self.burst, self.level + (now - self.at) * self.per_second)
        self.at = now
        if level >= 1.0:
            self.level = level - 1.0
            return 0.0
        self.level = level
        return (1.0 - level) / self.per_second


class Buckets:
    """One bucket for each holder, such as an address or a key; those not seen for longest are forgotten.

    Args:
        per_second: permits that a holder gains.
        burst: permits that a holder can have.
        most: holders remembered. Whoever is forgotten starts with a full bucket, so a flood from many addresses
            costs memory for no more than these.
        clock: seconds, monotonic.
    """

    def __init__(
        self, per_second: float, burst: float, most: int = MOST_HOLDERS, clock: Callable[[], float] = monotonic
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._most = most
        self._clock = clock
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, holder: Hashable) -> float:
        """Take one permit of `holder`. Returns 0 where there was one, else the seconds until there is."""
        bucket = self._buckets.get(holder)
        if bucket is None:
            bucket = self._buckets[holder] = Bucket(self._per_second, self._burst, self._clock)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(holder)
        return bucket.take()
