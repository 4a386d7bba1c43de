"""Which readings are fit to be learned from or judged by: those that ingest takes, and that were observed. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from shared.events.quantities import SHARE, SPEED, VOLUME, ValueRange
from shared.traffic.arrays import Flags, Floats

MIN_SHARE_OBSERVED = 0.5
"""What was observed by less than half of it is mostly imputed, and no truth."""


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
