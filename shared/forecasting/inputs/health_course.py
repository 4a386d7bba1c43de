"""The health of a network's sensors as its windows come, for whoever forecasts from them. Pure.

The state moves with windows that no reading can change any more; those after them are judged from it each time that
they are asked for. So it comes out the same, however often a step is worked on, and after a restart.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

import numpy as np

from shared.traffic.health.rules import Doubt, HealthJudge, Reasons, SensorHealth, WindowReadings
from shared.traffic.network import Network
from shared.traffic.roadway import Roadway, roadway
from shared.traffic.steps import Step

KEPT_WINDOWS = 24
"""Of so many judged windows it is known what was wrong: those of the oldest forecast that may be made again."""


class JudgedWindow(NamedTuple):
    """One window: when it began, what was wrong (N,) in `network.sensors` order, the health after it in road order."""

    window_start: datetime
    doubt: Reasons
    health: SensorHealth


class _Judgement(NamedTuple):
    """One window as it was judged: the readings, the health before them, and what came of it."""

    seen: WindowReadings
    health: SensorHealth
    window: JudgedWindow


@dataclass(eq=False)
class HealthCourse:
    """The health of one network of N sensors, as of the window that began at `judged`."""

    network: Network
    health: SensorHealth = field(init=False)
    judged: datetime | None = field(default=None, init=False)
    road: Roadway = field(init=False)
    _judge: HealthJudge = field(init=False)
    _kept: dict[datetime, Reasons] = field(default_factory=dict, init=False)
    _before: dict[datetime, _Judgement] = field(default_factory=dict, init=False, repr=False)
    _last: tuple[Step, datetime | None, list[JudgedWindow]] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        """Believe every sensor."""
        self.road = roadway(self.network)
        self.health, self._judge = SensorHealth.unknown(len(self.road.sensors)), HealthJudge.of(self.road)

    def windows(self, step: Step) -> list[JudgedWindow]:
        """Judge the windows of a step that are newer than `judged`, oldest first; nothing is remembered of it.

        Windows of before the first step are left out: a sensor that has never spoken is no dead one.
        """
        if self._last is None or self._last[0] is not step or self._last[1] != self.judged:
            self._last = step, self.judged, self._judged_anew(step)
        return self._last[2]

    def _judged_anew(self, step: Step) -> list[JudgedWindow]:
        window = self.network.window
        starts = [step.window_start - age * window for age in range(len(step.speed_mph) - 1, -1, -1)]
        new = [row for row, start in enumerate(starts) if self.judged is None or start > self.judged]
        if self.judged is None:
            first = int(np.argmax(step.revisions.any(axis=1)))
            new = [row for row in new if row >= first]
        columns, health, made = self.road.columns, self.health, list[JudgedWindow]()
        judgements: dict[datetime, _Judgement] = {}
        for row in new:
            seen = WindowReadings(
                step.speed_mph[row, columns], step.occupancy[row, columns], step.volume_vehicles[row, columns]
            )
            known = self._before.get(starts[row])
            if known is None or known.health is not health or not _same(known.seen, seen):
                belief, after = self._judge.step(seen, health)
                judged = JudgedWindow(starts[row], belief.doubt[self.road.positions], after)
                known = _Judgement(seen, health, judged)
            health = known.window.health
            judgements[starts[row]] = known
            made.append(known.window)
        # Of a step most windows were in the one before it, with the same readings.
        self._before = judgements
        return made

    def doubts(self, step: Step) -> Reasons:
        """What was wrong with each reading of a step when it came, see `Doubt`: (history, N)."""
        found = {**self._kept, **{one.window_start: one.doubt for one in self.windows(step)}}
        believed = np.full(len(self.network.sensors), Doubt.NONE, np.int8)
        ages = range(len(step.speed_mph) - 1, -1, -1)
        return np.stack([found.get(step.window_start - age * self.network.window, believed) for age in ages])

    def learn(self, windows: Sequence[JudgedWindow]) -> None:
        """Take in windows that will not change any more, oldest first; those that are known are left out."""
        for one in windows:
            if self.judged is None or one.window_start > self.judged:
                self.judged, self.health = one.window_start, one.health
                self._kept[one.window_start] = one.doubt
        while len(self._kept) > KEPT_WINDOWS:
            self._kept.pop(min(self._kept))

    @property
    def kept(self) -> list[tuple[datetime, Reasons]]:
        """What was wrong in the last judged windows, oldest first."""
        return sorted(self._kept.items(), key=lambda entry: entry[0])


def _same(one: WindowReadings, other: WindowReadings) -> bool:
    pairs = (
        (one.speed_mph, other.speed_mph),
        (one.occupancy, other.occupancy),
        (one.volume_vehicles, other.volume_vehicles),
    )
    return all(np.array_equal(*pair, equal_nan=True) for pair in pairs)
