"""What the sensors show where an advisory holds. Pure.

An advisory is confirmed when traffic at its sensors is congested: below `slow_mph` in two of the last three windows, as
in the congestion rule, and, where it is known what is usual there at that hour, slower than that by `BEYOND_MPH`. A
queue that is there every day at this hour confirms nothing. Once confirmed it stays so until none of its sensors
has been below `leave_mph` in its last four windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np

from shared.alerts.congestion.queues import CongestionRule, slow_sensors
from shared.alerts.lifecycle.changes import EVIDENCE_WINDOWS
from shared.events.records import AlertEvidence, MeasuredWindow
from shared.traffic.arrays import Flags, Floats
from shared.traffic.network import Network, Sensor

RULE, MEASURE = "advisory", "share_of_sensors_congested"
DIGITS = 3
BEYOND_MPH = 10.0
LEAST_SHARE = 0.1
"""Part of the sensors heard that must be congested: of a storm over a hundred sensors one slow one says nothing."""
MOST = 0.5
"""From this part of the sensors on, it is worse by two steps."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What is seen at an advisory's sensors: how many were heard and are congested, and how fast these are.

    `usual_mph` is what is usual at those, `None` where unknown.
    """

    heard: int
    congested: int
    speed_mph: float | None
    usual_mph: float | None

    @property
    def confirmed(self) -> bool:
        """Whether enough of the sensors are congested."""
        return self.congested > 0 and self.congested >= LEAST_SHARE * self.heard

    @property
    def steps(self) -> int:
        """By how many steps it is worse than its publisher says."""
        if not self.confirmed:
            return 0
        return 2 if self.congested >= MOST * self.heard else 1


NOTHING_SEEN = Confirmation(0, 0, None, None)


def look_at(
    speed_mph: Floats, usual_mph: Floats | None, columns: Sequence[int], rule: CongestionRule, *, confirmed: bool
) -> Confirmation:
    """What is seen at some sensors.

    Args:
        speed_mph: (points, sensors) mean speeds, oldest first, NaN where missing.
        usual_mph: (sensors,) what is usual at this hour, NaN where unknown; `None` where nothing is known.
        columns: which sensors.
        rule: thresholds.
        confirmed: whether the advisory was confirmed before, so that its sensors leave later than others join.
    """
    speed = speed_mph[-rule.points :, list(columns)]
    observed = np.isfinite(speed).any(axis=0)
    if not observed.any():
        return NOTHING_SEEN
    nobody: Flags = np.zeros(len(columns), dtype=np.bool_)
    recent = speed[-rule.recent_points :]
    counts = np.isfinite(recent).sum(axis=0)
    mean = np.where(counts > 0, np.nansum(recent, axis=0) / np.maximum(counts, 1), np.nan)
    usual = np.full(len(columns), np.nan) if usual_mph is None else usual_mph[list(columns)]
    slow: Flags = slow_sensors(speed, nobody, rule) & ~(mean > usual - BEYOND_MPH)
    if confirmed and not slow.any():
        slow = slow_sensors(speed, ~nobody, rule)
    if not slow.any():
        return Confirmation(int(observed.sum()), 0, None, None)
    here, there = mean[slow & np.isfinite(mean)], usual[slow & np.isfinite(usual)]
    return Confirmation(
        heard=int(observed.sum()),
        congested=int(slow.sum()),
        speed_mph=float(here.mean()) if here.size else None,
        usual_mph=float(there.mean()) if there.size else None,
    )


class Measured(Protocol):
    """Speeds (points, sensors) in the order of the network's sensors; (sensors,) what is usual now, where known."""

    @property
    def speed_mph(self) -> Floats:
        """Oldest first, NaN where missing."""

    @property
    def usual_mph(self) -> Floats | None:
        """NaN or infinite where unknown."""


def recorded(
    found: Confirmation, network: Network, sensors: Sequence[Sensor], at: datetime, measured: Measured
) -> tuple[AlertEvidence, ...]:
    """The evidence for a record, with the newest windows of the slowest sensors; none where no sensor was heard.

    Args:
        found: what is seen.
        network: of the sensors.
        sensors: those of the advisory, in road order.
        at: end of the newest window.
        measured: what it is seen in.
    """
    if not found.heard:
        return ()
    columns = [network.index[sensor.sensor_id] for sensor in sensors]
    speed = measured.speed_mph[-1, columns]
    usual = np.full(len(columns), np.nan) if measured.usual_mph is None else measured.usual_mph[columns]
    windows = tuple(
        MeasuredWindow(sensors[place].sensor_id, at, _known(speed[place]), _known(usual[place]), None)
        for place in sorted(np.argsort(speed, kind="stable")[:EVIDENCE_WINDOWS])
    )
    share = round(found.congested / found.heard, DIGITS)
    return (AlertEvidence(RULE, MEASURE, share, LEAST_SHARE, None, None, windows),)


def _known(speed_mph: float) -> float | None:
    return float(speed_mph) if np.isfinite(speed_mph) else None
