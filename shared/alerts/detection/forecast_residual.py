"""Forecast residuals joined over time and along the road: the project's own rule, which needs speed alone. Pure.

Speeds are compared by the logarithm of their ratio: from 25 to 4 mph is as far as from 65 to 10, which recurrent queues
do not do, and in both drivers lose six times as much. How much slower traffic is than usual here at this hour is
divided by its mean absolute deviation there at that time of day (`spread`): what a quiet hour never does, a road that
queues on some days does every week. In such units a residual is its own logarithm of likelihood under a Laplace
distribution, up to a constant, so those of several windows and stations add up to a joint one:

in time     with a short memory, as in a cumulative sum (E. S. Page, 'Continuous inspection schemes', Biometrika 41,
            1954) and in Trigg's tracking signal
in space    with part of the sums of the next stations upstream, into which the queue grows, and downstream; they count
            for no more than the station's own

What was forecast for a window, which alerts tell beside what is usual, is the usual with the recent deviation, smoothed
exponentially. All memories are in minutes, so that the rule is the same for windows of any length.
"""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from shared.alerts.detection.persistence import Latch
from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Floats
from shared.traffic.neighbours import Neighbours
from shared.traffic.usual.running import RunningUsual

CRAWL_MPH = 2.0
"""Below it a detector's mean says nothing that differs."""
PER_DAY = timedelta(days=1)
FIVE_MINUTES = timedelta(minutes=5)
MOST_UNUSUAL = 40.0
"""Enough for the greatest ratio of speeds; what adds up beyond it would only take long to forget."""
AROUND = timedelta(minutes=30)
"""How much speed varies is that of so long before and after: few days have told of one window."""

SPREAD_AT_FIRST = 0.1
"""Of the logarithm of speed, until a second day tells."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How the evidence is put together; chosen on the first parts of three networks (docs/alerts.md).

    `upstream` and `downstream` say what of the next stations' sums counts, `memory` what five minutes leave of a sum,
    `least_spread` is added to how much the logarithm of speed varies, `forecast_share` is what five minutes change of
    the recent deviation. Where a window is no more unusual than `usual_again`, nothing is evident whatever came before.
    Below `clear` times the threshold an alarm ends.
    """

    upstream: float = 0.5
    downstream: float = 0.5
    memory: float = 0.6
    least_spread: float = 0.1
    forecast_share: float = 0.25
    clear: float = 0.5
    usual_again: float = 0.5
    learning_limit: float = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class ResidualState:
    """What is usual, the recent deviation (`late`), the sum of what is unusual (`surprise`), the latch: see above.

    (levels, sensors) each.
    """

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
        weights, fives = self.weights, PER_DAY / self.per_day / FIVE_MINUTES
        known = self._known(seen.slot, state)
        value = np.log(np.maximum(seen.speed_mph, CRAWL_MPH))[None, :]
        slower = known - value
        told = np.isfinite(slower)
        kept = weights.memory**fives
        # What one window of five minutes adds to a sum, any number of windows in five minutes add.
        unusual = np.maximum(slower, 0.0) / self._varies(seen.slot, state)
        added = (1 - kept) / (1 - weights.memory) * unusual
        surprise = np.minimum(kept * state.surprise + np.where(told, added, 0.0), MOST_UNUSUAL)
        going_on = np.where(unusual < weights.usual_again, 0.0, surprise)
        score = self._evidence(np.where(told, going_on, np.nan))
        latch = state.latch.after(score >= self.thresholds, score < weights.clear * self.thresholds, told, 1)
        share = 1 - (1 - weights.forecast_share) ** fives
        return Verdict(latch.alarming, score), ResidualState(
            # Learnt from alarms, too, by as little as one day may: else a queue that has become daily alarmed for ever.
            state.usual.learned(
                seen.slot, value, np.broadcast_to(np.isfinite(value), known.shape), weights.learning_limit, known
            ),
            np.where(told, (1 - share) * state.late - share * slower, state.late),
            surprise,
            latch,
        )

    def _known(self, slot: int, state: ResidualState) -> Floats:
        """What is usual in a window, (levels, sensors), NaN where no other day has told of it yet.

        On the first day of its type the minutes before are all that is known, and no measure of what is usual.
        """
        usual, before = state.usual.at(slot), state.usual.told_before(slot)
        if usual is None or before is None:
            return np.full(state.late.shape, np.nan)
        return np.where(before, usual, np.nan)

    def _varies(self, slot: int, state: ResidualState) -> Floats:
        """How much the logarithm of speed varies in a window, (levels, sensors); wide where few days have told."""
        least = self.weights.least_spread
        spread = state.usual.spread(slot, max(1, round(AROUND * self.per_day / PER_DAY)))
        known = np.full(state.late.shape, np.nan) if spread is None else spread
        return least + np.nan_to_num(known, nan=SPREAD_AT_FIRST)

    def _evidence(self, sums: Floats) -> Floats:
        before, beyond = (np.nan_to_num(found) for found in (self.road.before(sums), self.road.beyond(sums)))
        # Neighbours confirm what a station tells; they do not tell it in its place.
        evidence: Floats = sums + np.minimum(self.weights.upstream * before + self.weights.downstream * beyond, sums)
        return evidence
