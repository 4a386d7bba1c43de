"""What a queue costs in vehicle-hours, where flow is known. Pure.

PeMS' vehicle-hours of delay: volume times the time that its stretch takes at the present speed beyond that at free flow
(C. Chen, K. Petty, A. Skabardonis, P. Varaiya and Z. Jia, 'Freeway performance measurement system', Transportation
Research Record 1748, 2001). Counted are windows below `slow_mph` at the sensors of an alert.

The record carries the sum up to its `updated_at`; a change adds the windows after that. Windows further back than the
rule looks cannot be added any more, so an alert whose queue goes on costing is updated in time (`is_due`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from shared.alerts.congestion.reference import CRAWL_MPH
from shared.traffic.arrays import Flags, Floats

DUE = timedelta(minutes=30)
HOUR = timedelta(hours=1)
DUE_VEHICLE_HOURS = 1.0
DUE_SHARE = 0.01
DELAY_DIGITS = 1


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """Vehicle-hours of delay of each window at each sensor: (points, sensors), oldest first, NaN without flow."""

    at: datetime
    window: timedelta
    vehicle_hours: Floats

    @property
    def known(self) -> bool:
        """Whether flow is known anywhere."""
        return bool(np.isfinite(self.vehicle_hours).any())

    def since(self, when: datetime | None, sensors: Flags) -> float | None:
        """The sum at `sensors` over windows that end after `when`, `None` where no flow is known."""
        points = len(self.vehicle_hours)
        new = points if when is None else min(points, max(0, (self.at - when) // self.window))
        costs = self.vehicle_hours[points - new :, sensors]
        return float(np.nansum(costs)) if np.isfinite(costs).any() else None

    def per_hour(self, sensors: Flags, points: int) -> float | None:
        """Vehicle-hours that an hour costs at `sensors` as in the newest `points` windows.

        `None` where a sensor has told no flow in them: the others do not speak for it.
        """
        costs = self.vehicle_hours[-points:, sensors]
        told = np.isfinite(costs)
        if not costs.size or not told.any(axis=0).all():
            return None
        mean = np.where(told, costs, 0.0).sum(axis=0) / told.sum(axis=0)
        return float(mean.sum() * (HOUR / self.window))


def vehicle_hours(
    speed_mph: Floats, volume_vehicles: Floats, length_miles: Floats, reference_mph: Floats, slow_mph: float
) -> Floats:
    """Delay of each window at each sensor in vehicle-hours: (points, sensors), NaN without speed or flow.

    Args:
        speed_mph: (points, sensors) mean speeds.
        volume_vehicles: (points, sensors) vehicles on all lanes in the window.
        length_miles: (sensors,) stretch that a sensor speaks for.
        reference_mph: (sensors,) speed of free flow.
        slow_mph: faster windows cost nothing.
    """
    hours = length_miles / np.maximum(speed_mph, CRAWL_MPH) - length_miles / reference_mph
    costs: Floats = volume_vehicles * np.where(speed_mph < slow_mph, np.maximum(hours, 0.0), 0.0)
    return np.where(np.isfinite(speed_mph), costs, np.nan)


def added(so_far: float | None, more: float | None) -> float | None:
    """The sum, to a tenth of a vehicle-hour; `None` where neither is known."""
    return so_far if more is None else round((so_far or 0.0) + more, DELAY_DIGITS)


def is_due(so_far: float | None, more: float | None, age: timedelta, limit: timedelta) -> bool:
    """Whether `more`, what was not written for `age`, has to be written now, before windows are out of reach.

    It is written after half an hour, or after `limit` where that is shorter, when it is at least a vehicle-hour and a
    hundredth of what was written.
    """
    return age >= min(DUE, limit) and more is not None and more >= max(DUE_VEHICLE_HOURS, DUE_SHARE * (so_far or 0.0))
