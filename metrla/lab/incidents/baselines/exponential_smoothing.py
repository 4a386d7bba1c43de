"""Double exponential smoothing. Pure.

A. R. Cook and D. E. Cleveland, 'Detection of freeway capacity-reducing incidents by traffic-stream measurements',
Transportation Research Record 495 (1974): Brown's double exponential smoothing forecasts the next interval; the sum of
its errors in units of their mean absolute deviation, the tracking signal, stays near zero until traffic changes. The
variable is occupancy; without it, speed with its sign turned.
"""

from dataclasses import dataclass

import numpy as np

from metrla.lab.incidents.baselines.standard_normal_deviate import MAX_FROZEN_WINDOWS
from shared.alerts.detection.persistence import Latch
from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Floats

DEVIATION_FLOOR_OCCUPANCY, DEVIATION_FLOOR_MPH = 0.004, 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Smoothed:
    """Once and twice smoothed values, sum of errors, their mean absolute deviation, latch: (levels, sensors) each."""

    once: Floats
    twice: Floats
    error_sum: Floats
    deviation: Floats
    latch: Latch


@dataclass(frozen=True, eq=False)
class DoubleExponentialSmoothing:
    """An alarm where the tracking signal passes `signals` (levels, sensors); smoothing stands still meanwhile.

    `alpha` smooths values, `error_alpha` the deviation. The sum forgets a part of itself in every window
    (`memory`), as in Trigg's form: errors of a forecast that lags behind a slow rise would add up for hours.
    """

    signals: Floats
    alpha: float = 0.3
    error_alpha: float = 0.1
    memory: float = 0.8
    windows: int = 1
    on_speed: bool = False
    name: str = "double exponential smoothing"

    def initial(self) -> Smoothed:
        """Nothing seen yet."""
        shape = self.signals.shape
        unknown, zero = np.full(shape, np.nan), np.zeros(shape)
        return Smoothed(unknown, unknown, zero, unknown, Latch.open(*shape))

    def step(self, seen: Observation, state: Smoothed) -> tuple[Verdict, Smoothed]:
        """One window."""
        value = -seen.speed_mph if self.on_speed else seen.occupancy
        told = np.isfinite(value)
        floor = DEVIATION_FLOOR_MPH if self.on_speed else DEVIATION_FLOOR_OCCUPANCY
        ratio = self.alpha / (1 - self.alpha)
        forecast = 2 * state.once - state.twice + ratio * (state.once - state.twice)
        error = np.nan_to_num(value - forecast)
        total = np.where(told, self.memory * state.error_sum + error, state.error_sum)
        deviation = np.maximum(np.where(np.isnan(state.deviation), np.abs(error), state.deviation), floor)
        signal = total / deviation
        # A sensor that has just begun to speak has no forecast yet.
        latch = state.latch.after(signal >= self.signals, signal < self.signals / 2, told, self.windows)
        learns = told & ~latch.freezes(MAX_FROZEN_WINDOWS)
        first = np.isnan(state.once)
        once = np.where(first, value, self.alpha * value + (1 - self.alpha) * state.once)
        twice = np.where(first, value, self.alpha * once + (1 - self.alpha) * state.twice)
        spread = np.where(
            first | np.isnan(state.deviation),
            np.maximum(np.abs(error), floor),
            self.error_alpha * np.abs(error) + (1 - self.error_alpha) * state.deviation,
        )
        return Verdict(latch.alarming, signal), Smoothed(
            np.where(learns, once, state.once),
            np.where(learns, twice, state.twice),
            total,
            np.where(learns, spread, state.deviation),
            latch,
        )
