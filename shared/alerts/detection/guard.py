"""A detector behind the rules of sensor health: it is shown nothing of sensors that are not believed. Pure."""

from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import numpy as np

from shared.alerts.detection.protocol import IncidentDetector, Observation, Verdict
from shared.traffic.arrays import Flags
from shared.traffic.health.rules import Belief, HealthJudge, SensorHealth, WindowReadings

S = TypeVar("S")


@dataclass(frozen=True, slots=True, eq=False)
class Guard(Generic[S]):
    """State of a guarded detector: of the rules and of the detector itself."""

    health: SensorHealth
    inner: S


@dataclass(frozen=True, eq=False)
class Guarded(Generic[S]):
    """A detector that is shown nothing of bad sensors, and whose alarms at them are dropped."""

    detector: IncidentDetector[S]
    judge: HealthJudge

    @property
    def name(self) -> str:
        """That of the detector."""
        return self.detector.name

    def initial(self) -> Guard[S]:
        """All sensors good."""
        return Guard(SensorHealth.unknown(len(self.judge.lanes)), self.detector.initial())

    def step(self, seen: Observation, state: Guard[S]) -> tuple[Verdict, Guard[S]]:
        """One window."""
        verdict, after, _ = self.believed(seen, state)
        return verdict, after

    def believed(
        self, seen: Observation, state: Guard[S], imputed: Flags | None = None
    ) -> tuple[Verdict, Guard[S], Belief]:
        """One window, and which sensors were believed in it; what is `imputed` is no evidence, and no fault either."""
        readings = WindowReadings(seen.speed_mph, seen.occupancy, seen.volume)
        belief, health = self.judge.step(readings, state.health)
        good = belief.believed
        shown = good if imputed is None else good & ~imputed
        measures: dict[str, Any] = {
            measure: np.where(shown, getattr(seen, measure), np.nan) for measure in ("speed_mph", "occupancy", "volume")
        }
        verdict, inner = self.detector.step(replace(seen, **measures), state.inner)
        return Verdict(verdict.alarm & good, verdict.score), Guard(health, inner), belief
