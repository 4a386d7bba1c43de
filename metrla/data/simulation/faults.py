"""What goes wrong between the road and the log: faults of sensors and of their delivery. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from metrla.data.simulation.days import DayTraffic
from shared.events.records import SensorId
from shared.traffic.network import Network

# A late or repeated reading comes at most this long after its time: well within the lateness that windows wait for.
MAX_DELAY = timedelta(minutes=3)
FAULTY_SHARE = 0.02
FAULT_MINUTES = (30, 180)
NOISE_MPH = 14.0
NOISY_RANGE_MPH = (0.5, 110.0)
TOUCHED_SHARE = 0.3

Delays = npt.NDArray[np.int16]


class FaultKind(StrEnum):
    """How a sensor fails."""

    DEAD = "dead"
    STUCK = "stuck"
    NOISY = "noisy"
    OUT_OF_ORDER = "out-of-order"
    DUPLICATED = "duplicated"


@dataclass(frozen=True, slots=True)
class SensorFault:
    """One sensor that fails in one way over [start, end)."""

    sensor_id: SensorId
    kind: FaultKind
    start: datetime
    end: datetime


@dataclass(frozen=True)
class DayReadings:
    """What the feed makes of one day; arrays are steps x sensors, NaN where no reading is sent.

    `delay` is by how many intervals a reading comes late; `copy` is the number of intervals after which it comes again,
    0 for never.
    """

    traffic: DayTraffic
    faults: tuple[SensorFault, ...]
    delay: Delays
    copy: Delays

    @property
    def delivered_in_order(self) -> bool:
        """Whether every reading of the day comes once and at its time."""
        return not self.delay.any() and not self.copy.any()


def draw_faults(
    network: Network, start: datetime, kinds: Collection[FaultKind], share: float, rng: np.random.Generator
) -> tuple[SensorFault, ...]:
    """Draw which sensors fail on the day from `start`: each one in each of `kinds` with probability `share`."""
    faults = []
    for kind in FaultKind:
        # Drawn for every kind, so that asking for one more does not change the others.
        fails = rng.random(len(network.sensors)) < share
        begins = rng.integers(0, 20 * 60, len(network.sensors))
        lasts = rng.integers(*FAULT_MINUTES, len(network.sensors))
        if kind in kinds:
            for row in np.flatnonzero(fails):
                at = start + timedelta(minutes=int(begins[row]))
                faults.append(
                    SensorFault(network.sensors[row].sensor_id, kind, at, at + timedelta(minutes=int(lasts[row])))
                )
    return tuple(faults)


def apply_faults(
    traffic: DayTraffic, faults: Sequence[SensorFault], network: Network, rng: np.random.Generator
) -> DayReadings:
    """Let sensors fail; without faults the readings are the traffic."""
    delay = np.zeros(traffic.speed_mph.shape, dtype=np.int16)
    copy = np.zeros_like(delay)
    if not faults:
        return DayReadings(traffic, (), delay, copy)
    speed, volume, occupancy = traffic.speed_mph.copy(), traffic.volume.copy(), traffic.occupancy.copy()
    noise = rng.standard_normal(speed.shape) * NOISE_MPH
    touched = rng.random(speed.shape) < TOUCHED_SHARE
    lag = rng.integers(1, 1 + max_delay_steps(network), speed.shape)
    for fault in faults:
        row = network.index[fault.sensor_id]
        span = _span(fault, traffic.start, network.reading_interval, len(speed))
        if span.start >= span.stop:
            continue
        if fault.kind is FaultKind.OUT_OF_ORDER:
            delay[span, row] = np.where(touched[span, row], lag[span, row], 0)
        elif fault.kind is FaultKind.DUPLICATED:
            copy[span, row] = np.where(touched[span, row], lag[span, row], 0)
        elif fault.kind is FaultKind.NOISY:
            speed[span, row] = np.clip(speed[span, row] + noise[span, row], *NOISY_RANGE_MPH)
        else:
            for measure in (speed, volume, occupancy):
                measure[span, row] = np.nan if fault.kind is FaultKind.DEAD else measure[span.start, row]
    distorted = replace(traffic, speed_mph=speed, volume=volume, occupancy=occupancy)
    return DayReadings(distorted, tuple(faults), delay, copy)


def max_delay_steps(network: Network) -> int:
    """By how many reading intervals a reading may come late: at least one."""
    return max(1, MAX_DELAY // network.reading_interval)


def _span(fault: SensorFault, start: datetime, interval: timedelta, steps: int) -> slice:
    first = -((start - fault.start) // interval)
    stop = -((start - fault.end) // interval)
    return slice(min(max(first, 0), steps), min(max(stop, 0), steps))
