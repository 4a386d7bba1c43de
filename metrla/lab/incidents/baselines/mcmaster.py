"""The McMaster algorithm: where a station lies in the plane of flow and occupancy, and why. Pure.

B. N. Persaud, F. L. Hall and L. M. Hall, 'Congestion identification aspects of the McMaster incident detection
algorithm', Transportation Research Record 1287 (1990); its cause after A. I. Gall and F. L. Hall, 'Distinguishing
between incident congestion and recurrent congestion: a proposed logic', Transportation Research Record 1232 (1989).
Free traffic lies on a narrow band whose lower edge (LUD, lower uncongested data) grows with occupancy to the critical
one. Below the band, or past that occupancy, a station is congested. Its cause lies before the next station if that one
is free; it is a bottleneck and no incident if traffic there flows at capacity.
"""

from dataclasses import dataclass

import numpy as np

from shared.alerts.detection.persistence import Latch
from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Flags, Floats
from shared.traffic.neighbours import Neighbours

MIN_WINDOWS_TO_FIT = 100
FREE_ABOVE_MPH = 50.0


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """The band of free traffic of each sensor: all (sensors,), NaN where too little was seen.

    Free flow (vehicles per window) is `linear` x occupancy + `quadratic` x occupancy squared, give or take `spread`,
    up to `critical_occupancy`; `capacity` is the flow that shows a bottleneck at work.
    """

    linear: Floats
    quadratic: Floats
    spread: Floats
    critical_occupancy: Floats
    capacity: Floats


def fit_template(speed_mph: Floats, occupancy: Floats, volume: Floats) -> Template:
    """Fit the band by least squares to the windows (windows, sensors) in which traffic was free."""
    fitted = np.full((5, speed_mph.shape[1]), np.nan)
    for sensor in range(speed_mph.shape[1]):
        free = (speed_mph[:, sensor] >= FREE_ABOVE_MPH) & np.isfinite(occupancy[:, sensor] + volume[:, sensor])
        if free.sum() < MIN_WINDOWS_TO_FIT:
            continue
        x, y = occupancy[free, sensor], volume[free, sensor]
        terms = np.stack([x, x**2], axis=1)
        linear, quadratic = np.linalg.lstsq(terms, y, rcond=None)[0]
        fitted[:, sensor] = (
            linear,
            quadratic,
            float(np.std(y - terms @ (linear, quadratic))),
            float(np.quantile(x, 0.999)),
            0.9 * float(np.quantile(y, 0.999)),
        )
    return Template(*fitted)


@dataclass(frozen=True, eq=False)
class McMaster:
    """Congestion two windows in a row with its cause before the next station.

    Args:
        road: next stations.
        template: the band of free traffic.
        spreads: (levels, sensors) how many spreads below the band's middle its lower edge lies.
    """

    road: Neighbours
    template: Template
    spreads: Floats
    windows: int = 2
    name: str = "McMaster"

    def initial(self) -> Latch:
        """No alarm."""
        return Latch.open(*self.spreads.shape)

    def step(self, seen: Observation, state: Latch) -> tuple[Verdict, Latch]:
        """One window."""
        band = self.template
        middle = band.linear * seen.occupancy + band.quadratic * seen.occupancy**2
        below = (middle - seen.volume) / band.spread
        congested = (below > self.spreads) | (seen.occupancy > band.critical_occupancy)
        told = np.isfinite(below)
        beyond = self.road.beyond(np.where(told, congested, np.nan))
        at_capacity = self.road.beyond(np.where(told, seen.volume / band.capacity, np.nan)) >= 1
        cause_here: Flags = (beyond == 0) & ~at_capacity
        latch = state.after(congested & cause_here, ~congested, told & np.isfinite(beyond), self.windows)
        return Verdict(latch.alarming, np.broadcast_to(below, self.spreads.shape)), latch
