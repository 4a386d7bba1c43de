"""Forecast residuals joined along the road: the project's own rule, which needs speed alone. Pure.

Speeds are compared by the logarithm of their ratio: from 25 to 4 mph is as far as from 65 to 10, which recurrent queues
do not do, and in both drivers lose six times as much. Three things speak for an incident:

unusual    how much slower traffic is than usual here at this hour (`usual.py`)
surprise   how much slower than the forecast for this window: what is usual plus the recent deviation, smoothed
           exponentially. Surprises add up with a short memory, as in a cumulative sum (E. S. Page, 'Continuous
           inspection schemes', Biometrika 41, 1954) and in Trigg's tracking signal
along      the part of it that the next station downstream does not share (an incident has free traffic beyond it; the
           tail of a known queue has not), and what is unusual at the next station upstream, where the queue grows

Their weighted sum is the evidence. Two windows in a row over the threshold raise an alarm, one window a quarter over it
does so at once. From the first evidence on, what is usual and the forecast learn no more until the alarm is over.
"""

from dataclasses import dataclass

import numpy as np

from shared.alerts.detection.persistence import Latch
from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Flags, Floats
from shared.traffic.neighbours import Neighbours
from shared.traffic.usual.running import RunningUsual

CRAWL_MPH = 2.0
"""Below it a detector's mean says nothing that differs."""
MAX_SURPRISE = 4.0
"""Enough for the greatest ratio of speeds; what adds up beyond it would only take long to forget."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How the evidence is put together; tuned on the first 14 days of Orange (docs/alerts.md).

    `strong` times the threshold raises an alarm in one window, below `clear` times it an alarm ends.
    """

    unusual: float = 0.6
    surprise: float = 1.0
    contrast: float = 0.6
    upstream: float = 0.3
    forecast_share: float = 0.25
    memory: float = 0.5
    strong: float = 1.25
    clear: float = 0.5
    windows: int = 2
    max_frozen_windows: int = 12
    learning_limit: float = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class ResidualState:
    """What is usual, the recent deviation (`late`) and the surprises added up (levels, sensors), and the latch."""

    usual: RunningUsual
    late: Floats
    surprise: Floats
    latch: Latch


@dataclass(frozen=True, eq=False)
class ForecastResidual:
    """An alarm where the evidence reaches `thresholds` (levels, sensors).

    Args:
        road: next stations.
        thresholds: thresholds.
        per_day: windows in a day.
        weights: how evidence is put together.
    """

    road: Neighbours
    thresholds: Floats
    per_day: int
    weights: Weights = Weights()
    name: str = "forecast residual"

    def initial(self) -> ResidualState:
        """Nothing is known of any hour yet, so nothing alarms on the first day of its kind."""
        levels, sensors = self.thresholds.shape
        zero = np.zeros((levels, sensors))
        return ResidualState(RunningUsual.unknown(self.per_day), zero, zero, Latch.open(levels, sensors))

    def step(self, seen: Observation, state: ResidualState) -> tuple[Verdict, ResidualState]:
        """One window."""
        weights = self.weights
        usual = state.usual.at(seen.slot)
        known = np.full(self.thresholds.shape, np.nan) if usual is None else usual
        value = np.log(np.maximum(seen.speed_mph, CRAWL_MPH))
        slower = known - value
        told = np.isfinite(slower)
        surprise = np.where(
            told,
            np.clip(weights.memory * state.surprise + slower + state.late, 0.0, MAX_SURPRISE),
            state.surprise,
        )
        score = self._evidence(slower, surprise)
        latch = self._latched(state.latch, score, told)
        learns = told & ~latch.freezes(weights.max_frozen_windows)
        share = weights.forecast_share
        late = np.where(learns, (1 - share) * state.late - share * slower, state.late)
        first = np.isnan(known) & np.isfinite(value)
        return Verdict(latch.alarming, score), ResidualState(
            state.usual.learned(seen.slot, value, learns | first, weights.learning_limit),
            late,
            surprise,
            latch,
        )

    def _evidence(self, slower: Floats, surprise: Floats) -> Floats:
        weights = self.weights
        unusual = np.maximum(slower, 0.0)
        # Traffic that is faster than usual beyond is no more evidence than usual traffic.
        alone = np.maximum(slower - np.maximum(self.road.beyond(slower), 0.0), 0.0)
        evidence: Floats = (
            weights.unusual * unusual
            + weights.surprise * surprise
            + weights.contrast * np.nan_to_num(alone)
            + weights.upstream * np.nan_to_num(self.road.before(unusual))
        )
        return evidence

    def _latched(self, latch: Latch, score: Floats, told: Flags) -> Latch:
        weights, threshold = self.weights, self.thresholds
        over = score < weights.clear * threshold
        after = latch.after(score >= threshold, over, told, weights.windows)
        return after.raised(told & (score >= weights.strong * threshold))
