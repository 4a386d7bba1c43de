"""Forecast residuals joined over time and along the road: the project's own rule, which needs speed alone. Pure.

Speeds are compared by the logarithm of their ratio: from 25 to 4 mph is as far as from 65 to 10, which recurrent queues
do not do, and in both drivers lose six times as much. What is compared is then divided by how much it varies there at
that time of day (`spread`): what a quiet hour never does, a road that queues on some days does every week. Of such
units, three things speak for an incident:

unusual    how much slower traffic is than usual here at this hour
surprise   how much slower than the forecast for this window: what is usual plus the recent deviation, smoothed
           exponentially. Surprises add up with a short memory, as in a cumulative sum (E. S. Page, 'Continuous
           inspection schemes', Biometrika 41, 1954) and in Trigg's tracking signal
upstream   what is unusual at the next station upstream, into which the queue grows

Their weighted sum is the evidence, as far as the minutes before confirm it: one window alone is as often a fault as a
crash. All memories are in minutes, so that a rule is the same for windows of any length.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from shared.alerts.detection.persistence import Latch
from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Flags, Floats
from shared.traffic.neighbours import Neighbours
from shared.traffic.usual.running import RunningUsual

CRAWL_MPH = 2.0
"""Below it a detector's mean says nothing that differs."""
PER_DAY = timedelta(days=1)
FIVE_MINUTES = timedelta(minutes=5)
MOST_SURPRISE = 40.0
"""Enough for the greatest ratio of speeds; what adds up beyond it would only take long to forget."""
AROUND = timedelta(minutes=30)
"""How much speed varies is that of so long before and after: few days have told of one window."""
UNTOLD = 1e4
"""In place of recent evidence where the window before told nothing: where a sensor comes back, one window is enough."""
CONFIRMED_WITHIN = timedelta(minutes=10)
"""Windows that are longer need no other to confirm them."""

LONGEST_FROZEN = timedelta(hours=1)
"""What is usual learns nothing from an alarm, unless it lasts longer: then traffic has changed."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How the evidence is put together; chosen on the first parts of three networks (docs/alerts.md).

    `least_spread` is added to how much the logarithm of speed varies, `memory` is what five minutes leave of a
    surprise, `forecast_share` what they change of the recent deviation; evidence is at most `confirmed` times that of
    the five minutes before. Below `clear` times the threshold an alarm ends.
    """

    unusual: float = 0.6
    surprise: float = 1.0
    upstream: float = 0.8
    least_spread: float = 0.1
    forecast_share: float = 0.25
    memory: float = 0.6
    confirmed: float = 1.3
    clear: float = 0.5
    learning_limit: float = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class ResidualState:
    """What is usual, the recent deviation (`late`), the surprises added up, the recent evidence, the latch.

    (levels, sensors) each.
    """

    usual: RunningUsual
    late: Floats
    surprise: Floats
    recent: Floats
    latch: Latch

    @classmethod
    def nothing(cls, levels: int, sensors: int, per_day: int) -> "ResidualState":
        """Nothing is known of any hour yet, so nothing alarms on the first day of its kind."""
        zero = np.zeros((levels, sensors))
        return cls(RunningUsual.unknown(per_day), zero, zero, zero + UNTOLD, Latch.open(levels, sensors))


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
        """See `ResidualState.nothing`."""
        levels, sensors = self.thresholds.shape
        return ResidualState.nothing(levels, sensors, self.per_day)

    def step(self, seen: Observation, state: ResidualState) -> tuple[Verdict, ResidualState]:
        """One window."""
        weights, fives = self.weights, PER_DAY / self.per_day / FIVE_MINUTES
        usual, spread = state.usual.at(seen.slot), state.usual.spread(seen.slot, self._around)
        known = np.full(state.late.shape, np.nan) if usual is None else usual
        varies = weights.least_spread + (0.0 if spread is None else np.nan_to_num(spread, nan=weights.least_spread))
        value = np.log(np.maximum(seen.speed_mph, CRAWL_MPH))[None, :]
        slower = known - value
        told = np.isfinite(slower)
        kept = weights.memory**fives
        # What one five-minute window adds to the sum, any number of windows in five minutes add.
        surprise = kept * state.surprise + (1 - kept) / (1 - weights.memory) * (slower + state.late) / varies
        surprise = np.where(told, np.clip(surprise, 0.0, MOST_SURPRISE), state.surprise)
        evidence = self._evidence(slower / varies, surprise)
        long = PER_DAY / self.per_day > CONFIRMED_WITHIN
        score = evidence if long else np.minimum(evidence, weights.confirmed * state.recent)
        recent = np.where(state.recent < UNTOLD, state.recent, evidence)
        recent = recent + min(1.0, fives) * (evidence - recent)
        share = 1 - (1 - weights.forecast_share) ** fives
        latch = self._latched(state.latch, score, told)
        frozen = latch.freezes(round(LONGEST_FROZEN * self.per_day / PER_DAY))
        return Verdict(latch.alarming, score), ResidualState(
            state.usual.learned(seen.slot, value, np.isfinite(value) & ~frozen, weights.learning_limit, known),
            np.where(told, (1 - share) * state.late - share * slower, state.late),
            surprise,
            np.where(told, recent, UNTOLD if fives >= 1 else state.recent),
            latch,
        )

    @property
    def _around(self) -> int:
        return max(1, round(AROUND * self.per_day / PER_DAY))

    def _evidence(self, slower: Floats, surprise: Floats) -> Floats:
        weights, unusual = self.weights, np.maximum(slower, 0.0)
        evidence: Floats = (
            weights.unusual * unusual
            + weights.surprise * surprise
            + weights.upstream * np.nan_to_num(self.road.before(unusual))
        )
        return evidence

    def _latched(self, latch: Latch, score: Floats, told: Flags) -> Latch:
        over = score < self.weights.clear * self.thresholds
        return latch.after(score >= self.thresholds, over, told, 1)
