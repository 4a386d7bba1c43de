"""All that is learned of one network, as of its newest step. Pure.

Every array is kept in the type in which it goes to the log: so what is read back is, bit for bit, what was in memory.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from shared.alerts.detection.budget import Spending
from shared.alerts.detection.forecast_residual import ResidualState
from shared.alerts.detection.guard import Guard
from shared.alerts.detection.persistence import Latch
from shared.traffic.arrays import Flags
from shared.traffic.health.rules import Reasons, SensorHealth
from shared.traffic.usual.running import RunningRow, RunningUsual

CompactArray: TypeAlias = NDArray[Any]
"""float32, as on the log."""
CountArray: TypeAlias = NDArray[np.int16]

PRIOR_TAIL = 2.0
"""What the 99 % quantile of a sensor's evidence begins with: about that of most sensors."""


@dataclass(frozen=True, slots=True, eq=False)
class Lasting:
    """What holds for more than the moment beside the usual speeds: (sensors,) each.

    `tail` is the 99 % quantile of the evidence; `free_flow_mph` the 85th percentile of off-peak speeds, of
    `free_flow_windows` windows (no more are counted than make a difference). `doubt` says why a sensor is not believed,
    see `shared.traffic.health`, `doubted_since` in seconds since the epoch since when, 0 where it is.
    """

    tail: CompactArray
    free_flow_mph: CompactArray
    free_flow_windows: CountArray
    doubt: Reasons
    doubted_since: CompactArray


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """The state after the step that ended at `step`, (sensors,) in road order; `place` is the row that step changed."""

    step: datetime | None
    place: int | None
    guard: Guard[ResidualState]
    lasting: Lasting
    spending: Spending

    @classmethod
    def nothing(cls, sensors: int, per_day: int) -> "Learned":
        """Before the first step."""
        zero: CompactArray = np.zeros((1, sensors), np.float32)
        inner = ResidualState(RunningUsual.unknown(per_day), zero, zero, Latch.open(1, sensors))
        tail = np.full(sensors, PRIOR_TAIL, np.float32)
        unknown = np.full(sensors, np.nan, np.float32)
        believed, since = np.zeros(sensors, np.int8), np.zeros(sensors, np.int64)
        lasting = Lasting(tail, unknown, np.zeros(sensors, np.int16), believed, since)
        return cls(None, None, Guard(SensorHealth.unknown(sensors), inner), lasting, Spending.nothing(sensors))

    @property
    def usual(self) -> RunningUsual:
        """Usual speeds, as logarithms."""
        return self.guard.inner.usual

    @property
    def latch(self) -> Latch:
        """Where alarms are active."""
        return self.guard.inner.latch

    @property
    def row(self) -> RunningRow | None:
        """The row that the newest step changed."""
        return None if self.place is None else self.usual.rows[self.place]

    def with_rows(self, rows: dict[int, RunningRow]) -> "Learned":
        """With other usual speeds in some places."""
        kept = tuple(rows.get(place, row) for place, row in enumerate(self.usual.rows))
        return self.with_inner(replace(self.guard.inner, usual=RunningUsual(kept)))

    def with_inner(self, inner: ResidualState) -> "Learned":
        """With another state of the detector."""
        return replace(self, guard=replace(self.guard, inner=inner))

    def rested(self) -> "Learned":
        """After a gap: what was a moment ago says nothing any more, and no alarm is active."""
        inner = self.guard.inner
        zero = np.zeros_like(inner.late)
        inner = replace(inner, late=zero, surprise=zero, latch=Latch.open(*zero.shape))
        return replace(self.with_inner(inner), spending=self.spending.rested())


def compacted(guard: Guard[ResidualState], place: int) -> Guard[ResidualState]:
    """The state after a step in the types of the log; only the row `place` was changed by it."""
    inner = guard.inner
    row = inner.usual.rows[place]
    rows = list(inner.usual.rows)
    if row is not None:
        spread = None if row.spread is None else _compact(row.spread)
        rows[place] = RunningRow(_compact(row.value), _compact(row.seen), spread)
    return replace(
        guard,
        inner=ResidualState(RunningUsual(tuple(rows)), _compact(inner.late), _compact(inner.surprise), inner.latch),
    )


def arrays_of(learned: Learned) -> dict[str, NDArray[Any]]:
    """What changes with every step, by name, (sensors,) each; without the usual speeds."""
    inner, health = learned.guard.inner, learned.guard.health
    return {
        "late": inner.late[0],
        "surprise": inner.surprise[0],
        "count": inner.latch.count[0],
        "standing": inner.latch.alarming[0],
        "age": inner.latch.age[0],
        "peak": learned.spending.peak,
        "quiet": learned.spending.quiet,
        **{f"health_{one.name}": getattr(health, one.name) for one in fields(health)},
        **{one.name: getattr(learned.lasting, one.name) for one in fields(learned.lasting)},
    }


def of_arrays(
    step: datetime, place: int, usual: RunningUsual, arrays: dict[str, NDArray[Any]], spending: Spending
) -> Learned:
    """Back from `arrays_of`; raises `KeyError` where one is missing. `spending` has what is not of single sensors."""
    line = {name: np.asarray(arrays[name])[None, :] for name in ("late", "surprise", "count", "standing", "age")}
    latch = Latch(line["count"], _flags(line["standing"]), line["age"])
    health = SensorHealth(**{one.name: arrays[f"health_{one.name}"] for one in fields(SensorHealth)})
    lasting = Lasting(**{one.name: arrays[one.name] for one in fields(Lasting)})
    inner = ResidualState(usual, line["late"], line["surprise"], latch)
    spending = replace(spending, peak=arrays["peak"], quiet=arrays["quiet"])
    return Learned(step, place, Guard(health, inner), lasting, spending)


def _compact(values: NDArray[Any]) -> CompactArray:
    return values.astype(np.float32)


def _flags(values: NDArray[Any]) -> Flags:
    return values.astype(np.bool_)
