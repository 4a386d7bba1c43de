"""What every incident detector takes and gives. Pure.

A detector is a pure function of (observation, state) that is applied window after window. It judges all sensors of a
network at once and, so that a whole curve costs one pass, at several levels of sensitivity at once: its thresholds are
arrays that broadcast to (levels, sensors), and every level keeps its own state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from shared.traffic.arrays import Flags, Floats

S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """One window of a network: values in road order (`Roadway`), NaN where a sensor said nothing.

    Attributes:
        slot: number of the window in the local week, 0 on Monday at midnight.
        speed_mph: (sensors,) mean speed.
        occupancy: (sensors,) share of time that a loop is covered, 0-1.
        volume: (sensors,) vehicles in the window.
    """

    slot: int
    speed_mph: Floats
    occupancy: Floats
    volume: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What a detector says after a window: (levels, sensors).

    `alarm` lasts from the window that raised it to the one that ends it; `score` is the evidence in this window, in
    the detector's own unit, NaN where it has none.
    """

    alarm: Flags
    score: Floats


class IncidentDetector(Protocol[S]):
    """One rule. Sensors without the measures that it needs never alarm."""

    @property
    def name(self) -> str:
        """What tables and files call it."""
        ...

    def initial(self) -> S:
        """The state before the first window."""
        ...

    def step(self, seen: Observation, state: S) -> tuple[Verdict, S]:
        """Judge one window; `state` is not changed."""
        ...


def watch(detector: IncidentDetector[Any], windows: Iterable[Observation]) -> Flags:
    """Apply a detector window after window: the alarms, (windows, levels, sensors)."""
    state = detector.initial()
    alarming = []
    for seen in windows:
        verdict, state = detector.step(seen, state)
        alarming.append(verdict.alarm)
    return np.stack(alarming)
