"""When a network step (one window of all sensors) is ready to be worked on, and when again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.events.records import ProcessedTrafficAggregate
from shared.traffic.arrays import Floats, Integers
from shared.traffic.network import Network
from shared.traffic.ring import Change, WindowRing

_Values = NDArray[Any]

PATIENCE = 5
"""A step to which windows keep trickling in is handed out after this many settle times all the same."""
LATER = 2
"""Windows by which most sensors must be past a step for those that have not delivered it to be given up."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One window of a whole network, with the windows before it. The arrays are copies, (history, sensors).

    Rows are oldest first, the last one is the step's own; columns are in the order of `network.sensors`. NaN stands for
    what was not seen, and revision 0 for a window that did not come. `again`: the step was handed out before, with
    fewer windows or lower revisions.
    """

    network: Network
    window_start: datetime
    speed_mph: Floats
    share_observed: Floats
    volume_vehicles: Floats
    occupancy: Floats
    revisions: Integers
    again: bool

    @property
    def window_end(self) -> datetime:
        """End of the step's own window: the origin of forecasts made from it."""
        return self.window_start + self.network.window

    @property
    def revision(self) -> int:
        """Sum of the revisions of all windows here: of two hand-outs of one step the higher one knew more."""
        return int(self.revisions.sum())

    @property
    def delivered(self) -> int:
        """How many sensors have delivered the step's own window."""
        return int(np.count_nonzero(self.revisions[-1]))

    @property
    def silent(self) -> bool:
        """Whether nothing came of the step's own window: the whole network was silent, or what it said is late."""
        return not self.delivered


@dataclass(slots=True)
class _Waiting:
    since: float
    changed: float


@dataclass(slots=True)
class _Open:
    """A step that was not handed out yet.

    Attributes:
        expected: who is expected to deliver it, (sensors,).
        count: how many these are.
        missing: how many of them have delivered neither it nor a later one.
        past: how many of them have delivered one that is `LATER` windows later, or more.
    """

    expected: NDArray[np.bool_]
    count: int
    missing: int
    past: int

    @property
    def due(self) -> bool:
        """Whether nobody is waited for any more; a step that nobody is expected to deliver never is."""
        return self.count > 0 and (self.missing == 0 or 2 * self.past > self.count)


@dataclass(slots=True)
class Ignored:
    """Windows that changed nothing: known already, or older than what can still be corrected."""

    unchanged: int = 0
    too_old: int = 0


@dataclass
class NetworkSteps:
    """The steps of one network, handed out when due.

    A step is due as soon as
    - every sensor expected (it delivered one of the last `expected_within` windows) has delivered it or a later one:
      those of one sensor come in the order of event time, those of several need not, from several partitions; or
    - most of them are `LATER` windows past it; or
    - windows were skipped after it; or
    - nothing more came for it during `settle_seconds` (but after five times that at the latest),
    and again, after settling, when a late or revised window changed it or one of the windows before it that it shows.

    A window older than `correctable` windows before the newest is counted in `ignored` and changes nothing. So a step
    always leaves with all `history` windows, and before it gets out of reach it is handed out with all that came. It
    shows `context` windows before these as well, whose later changes do not make it due. `now` is in seconds of any
    monotonic clock.

    A window of which nothing came makes a step as well, a silent one, where somebody can tell that its time has passed:
    the next window that comes does, if no more than `most_silent` were missed before it; `silent_until` is for whoever
    has another clock. A silent step changes nothing: should its windows come after all, they make it the first time.
    """

    network: Network
    history: int = 12
    correctable: int = 12
    settle_seconds: float = 2.0
    expected_within: int = 12
    context: int = 0
    most_silent: int = 0
    ignored: Ignored = field(default_factory=Ignored)

    def __post_init__(self) -> None:
        """Make an empty ring deep enough for all that every step that can still change shows."""
        shown = max(self.history + self.context, self.expected_within + 1)
        self.ring = WindowRing(self.network, shown + self.correctable)
        self._waiting: dict[int, _Waiting] = {}
        self._silent_through: int | None = None
        self._handed_out: set[int] = set()
        self._open: dict[int, _Open] = {}
        # The newest window that each sensor has delivered.
        self._latest: Integers = np.full(len(self.network.sensors), np.iinfo(np.int64).min, dtype=np.int64)

    def add(self, aggregate: ProcessedTrafficAggregate, now: float) -> list[Step]:
        """Take one window in; returns the steps that are due by it, oldest first.

        Raises `KeyError` for a sensor of another network.
        """
        number = self.ring.number(aggregate.window_start)
        passed = self._advance(number)
        self._absorb(aggregate, number, now)
        return [*passed, *self._ready()]

    def tick(self, now: float) -> list[Step]:
        """The steps that are due because time has passed, oldest first."""
        return [
            self._hand_out(number)
            for number, waiting in sorted(self._waiting.items())
            if now - waiting.changed >= self.settle_seconds or now - waiting.since >= PATIENCE * self.settle_seconds
        ]

    def rebuild(self, aggregates: Iterable[ProcessedTrafficAggregate], now: float) -> None:
        """Take in windows that were worked on before a restart, and make due again what may not have got out.

        A step waits in memory only while it is one of the last `correctable` ones, so these, and no others, may have
        been lost with the process: all of them become due, the newest when it completes or settles. Nothing is due by
        the call itself.
        """
        for aggregate in aggregates:
            number = self.ring.number(aggregate.window_start)
            self._advance(number)
            self._waiting.clear()
            self._open.clear()
            self._absorb(aggregate, number, now)
        self._open.clear()
        newest = self.ring.newest
        if newest is None:
            return
        for number in range(newest - self.correctable, newest + 1):
            if self.ring.revision(number, 1).any():
                self._waiting[number] = _Waiting(now, now)
                step = self._opened(number)
                if number == newest or not (step.due or step.count == 0):
                    self._open[number] = step
                else:
                    self._handed_out.add(number)

    def silent_until(self, number: int) -> list[Step]:
        """The silent steps behind the newest window up to window `number`, each once, oldest first."""
        newest = self.ring.newest
        if newest is None:
            return []
        through = newest if self._silent_through is None else max(newest, self._silent_through)
        self._silent_through = max(through, number)
        return [self._silent(one) for one in range(through + 1, number + 1)]

    @property
    def waiting(self) -> int:
        """How many steps have changed and are not handed out yet."""
        return len(self._waiting)

    def _advance(self, number: int) -> list[Step]:
        newest = self.ring.newest
        if newest is None or number > newest:
            last_chance = number - self.correctable
            skipped = newest is not None and number > newest + 1
            due = [
                self._hand_out(waiting)
                for waiting in sorted(self._waiting)
                if waiting < last_chance or (waiting in self._open and (skipped or not self._open[waiting].count))
            ]
            if newest is not None and number - newest - 1 <= self.most_silent:
                due += self.silent_until(number - 1)
            self.ring.advance(number)
            self._handed_out = {earlier for earlier in self._handed_out if earlier >= last_chance}
            return due
        return []

    def _absorb(self, aggregate: ProcessedTrafficAggregate, number: int, now: float) -> None:
        newest = number if self.ring.newest is None else self.ring.newest
        if number < newest - self.correctable:
            self.ignored.too_old += 1
            return
        change = self.ring.add(aggregate)
        if change is Change.UNCHANGED:
            self.ignored.unchanged += 1
            return
        self._mark(number, now)
        if number not in self._handed_out and number not in self._open:
            self._open[number] = self._opened(number)
        self._deliver(self.network.index[aggregate.sensor_id], number)
        for later in range(number + 1, min(newest, number + self.history - 1) + 1):
            if later in self._handed_out:
                self._mark(later, now)

    def _mark(self, number: int, now: float) -> None:
        waiting = self._waiting.get(number)
        if waiting is None:
            self._waiting[number] = _Waiting(now, now)
        else:
            waiting.changed = now

    def _opened(self, number: int) -> _Open:
        """A step as it stands: whom it expects, and who has delivered it or more."""
        expected = np.max(self.ring.revision(number - 1, self.expected_within), axis=0) > 0
        return _Open(
            expected,
            int(np.count_nonzero(expected)),
            int(np.count_nonzero(expected & (self._latest < number))),
            int(np.count_nonzero(expected & (self._latest >= number + LATER))),
        )

    def _deliver(self, sensor: int, number: int) -> None:
        before = int(self._latest[sensor])
        if number <= before:
            return
        self._latest[sensor] = number
        for step, one in self._open.items():
            if one.expected[sensor]:
                one.missing -= before < step <= number
                one.past += before < step + LATER <= number

    def _ready(self) -> list[Step]:
        """The first-time steps that wait for nobody, and those before them."""
        through = max((number for number, one in self._open.items() if one.due), default=None)
        if through is None:
            return []
        return [self._hand_out(number) for number in sorted(self._open) if number <= through]

    def _hand_out(self, number: int) -> Step:
        self._waiting.pop(number, None)
        self._open.pop(number, None)
        again = number in self._handed_out
        self._handed_out.add(number)
        return self._step(number, again=again)

    def _silent(self, number: int) -> Step:
        newest, count = self.ring.newest, self.history + self.context
        missed = min(count, number - (number if newest is None else newest))
        known = self._step(number - missed, again=False) if missed < count else None

        def behind(values: _Values | None, nothing: float) -> _Values:
            empty = np.full((missed, len(self.network.sensors)), nothing)
            return empty if values is None else np.concatenate([values[missed:], empty.astype(values.dtype)])

        return Step(
            network=self.network,
            window_start=self.ring.window_start(number),
            speed_mph=behind(None if known is None else known.speed_mph, np.nan),
            share_observed=behind(None if known is None else known.share_observed, np.nan),
            volume_vehicles=behind(None if known is None else known.volume_vehicles, np.nan),
            occupancy=behind(None if known is None else known.occupancy, np.nan),
            revisions=behind(None if known is None else known.revisions, 0).astype(np.int64),
            again=False,
        )

    def _step(self, number: int, *, again: bool) -> Step:
        ring, count = self.ring, self.history + self.context
        return Step(
            network=self.network,
            window_start=ring.window_start(number),
            speed_mph=ring.speed_mph(number, count),
            share_observed=ring.share_observed(number, count),
            volume_vehicles=ring.volume_vehicles(number, count),
            occupancy=ring.occupancy(number, count),
            revisions=ring.revision(number, count),
            again=again,
        )
