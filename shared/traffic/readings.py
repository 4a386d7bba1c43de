"""Which readings are fit to be learned from or judged by: those that ingest takes, and that were observed. Pure.

And which speeds are none: detectors of an empty road report a speed of 0, the mean of no vehicle, beside a volume and
an occupancy of 0. Taken for a standstill, every quiet night would be a jam.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared.events.quantities import SHARE, SPEED, VOLUME, ValueRange
from shared.traffic.arrays import Flags, Floats

MIN_SHARE_OBSERVED = 0.5
"""What was observed by less than half of it is mostly imputed, and no truth."""


CRAWL_MPH = 5.0
"""Below it a vehicle that passes covers the loop for some seconds."""
EMPTY_OCCUPANCY = 0.005
"""A second and a half of five minutes: at a crawl, less than one vehicle."""


def speed_of_traffic(speed_mph: float | None, volume_vehicles: float | None, occupancy: float | None) -> float | None:
    """The speed of a reading; `None` where it has none, or is the speed of nobody.

    That it is, where it is below a crawl, and of volume and occupancy at least one is known and both, as far as they
    are known, say that nobody passed.
    """
    if speed_mph is None or speed_mph >= CRAWL_MPH or (volume_vehicles is None and occupancy is None):
        return speed_mph
    passed = (volume_vehicles or 0.0) > 0.0 or (occupancy or 0.0) >= EMPTY_OCCUPANCY
    return speed_mph if passed else None


def speeds_of_nobody(
    speed_mph: ArrayLike, volume_vehicles: ArrayLike | None = None, occupancy: ArrayLike | None = None
) -> Flags:
    """Of many readings, NaN where missing, which speeds `speed_of_traffic` does not take."""
    speed = np.asarray(speed_mph, dtype=np.float64)
    unknown = np.full(speed.shape, np.nan)
    volume = unknown if volume_vehicles is None else np.asarray(volume_vehicles, dtype=np.float64)
    covered = unknown if occupancy is None else np.asarray(occupancy, dtype=np.float64)
    known = ~(np.isnan(volume) & np.isnan(covered))
    # Every comparison is false for NaN.
    flags: Flags = (speed < CRAWL_MPH) & known & ~(volume > 0.0) & ~(covered >= EMPTY_OCCUPANCY)
    return flags


@dataclass(slots=True)
class LeftOut:
    """How many readings there were, and how many of them are no truth and why. Without any measure it is no reading."""

    readings: int = 0
    out_of_range: int = 0
    imputed: int = 0

    def add(self, heard: Flags, unfit: "Unfit") -> None:
        """Count readings; `heard` says which of them have a measure."""
        self.readings += int(np.count_nonzero(heard))
        self.out_of_range += int(np.count_nonzero(heard & unfit.out_of_range))
        self.imputed += int(np.count_nonzero(heard & unfit.imputed & ~unfit.out_of_range))

    def __str__(self) -> str:
        """One line that says what was left out; empty where nothing was."""
        told = []
        if self.out_of_range:
            told.append(f"{self.out_of_range:,} out of range (speeds not within {SPEED}), as ingest rejects them")
        if self.imputed:
            told.append(f"{self.imputed:,} imputed (observed by less than {MIN_SHARE_OBSERVED:.0%})")
        count = self.out_of_range + self.imputed
        share = count / self.readings if self.readings else 0.0
        return f"{count:,} of {self.readings:,} readings ({share:.1%}) left out: {'; '.join(told)}" if told else ""


@dataclass(frozen=True, slots=True, eq=False)
class Unfit:
    """Of some readings, flags: not within the ranges that ingest holds events to; mostly imputed."""

    out_of_range: Flags
    imputed: Flags

    @property
    def any(self) -> Flags:
        """Which are unfit for whatever reason."""
        return self.out_of_range | self.imputed


def unfit(
    speed_mph: ArrayLike,
    volume_vehicles: ArrayLike | None = None,
    occupancy: ArrayLike | None = None,
    share_observed: ArrayLike | None = None,
) -> Unfit:
    """Which readings are unfit: arrays of one shape, NaN where missing, `None` where a file does not have a measure.

    A reading is out of range as a whole where any of its measures is, as ingest rejects an event as a whole.
    """
    speed = np.asarray(speed_mph, dtype=np.float64)
    outside = _outside(speed, SPEED)
    for values, limits in ((volume_vehicles, VOLUME), (occupancy, SHARE), (share_observed, SHARE)):
        if values is not None:
            outside = outside | _outside(np.asarray(values, dtype=np.float64), limits)
    if share_observed is None:
        return Unfit(outside, np.zeros(speed.shape, dtype=np.bool_))
    # Every comparison is false for NaN: a share that is not known is no sign of imputation.
    return Unfit(outside, np.asarray(share_observed, dtype=np.float64) < MIN_SHARE_OBSERVED)


def _outside(values: Floats, limits: ValueRange) -> Flags:
    outside: Flags = (values < limits.least) | (values > limits.most)
    return outside
