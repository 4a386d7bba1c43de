"""A published file of readings, one step after the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from metrla.data.feeds.files.times import TimeReading


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """What a file says for one time; values in the order of `sensor_ids`, NaN where there is none.

    Measures that a file does not carry at all are `None`. `volume` counts vehicles, `occupancy` and `share_observed`
    are 0 to 1. `time` is aware where the file gives an offset, else naive: of the clock of the zone
    of `ReadingsFile.reading`, or the network's.
    """

    time: datetime
    sensor_ids: Sequence[str]
    speed_mph: Sequence[float]
    volume_vehicles: Sequence[float] | None = None
    occupancy: Sequence[float] | None = None
    share_observed: Sequence[float] | None = None


class ReadingsFile(Protocol):
    """A published file. Reading it is lazy and takes bounded memory; each call of `steps` begins anew."""

    path: Path
    reading: TimeReading
    # METR-LA and PEMS-BAY write 0 mph where a detector reported nothing; PeMS files leave it blank.
    zero_is_missing: bool

    def sensor_ids(self) -> Sequence[str]:
        """The sensors of the file, in its order."""
        ...

    def times(self) -> Iterator[datetime]:
        """The times of all steps, in the order of the file, without reading more than it must."""
        ...

    def extent(self) -> tuple[datetime, datetime]:
        """The first and the last of them."""
        ...

    def steps(self) -> Iterator[RecordedStep]:
        """All steps, in the order of the file."""
        ...
