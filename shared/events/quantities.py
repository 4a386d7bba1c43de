"""Quantities: what one unit is in another, and the values that there can be, one range for each kind of field.

Records carry units in the names of their fields.
"""

from dataclasses import dataclass

METRES_PER_MILE = 1609.344

MIN_SPEED_MPH, MAX_SPEED_MPH = 0.0, 120.0
"""Speeds outside these are no traffic: ingest rejects them, no forecast reaches beyond them, the API promises so."""


@dataclass(frozen=True, slots=True)
class ValueRange:
    """The least and the greatest value, both allowed, and the unit as a message says it."""

    least: float
    most: float
    unit: str = ""

    def holds(self, value: float) -> bool:
        """Whether a value is in it; NaN is in none."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        return f"{self.least:.15g}-{self.most:.15g}{f' {self.unit}' if self.unit else ''}"


SPEED = ValueRange(MIN_SPEED_MPH, MAX_SPEED_MPH, "mph")
VOLUME = ValueRange(0.0, 1e6, "vehicles")
"""Of one reading: 20 lanes at 2,400 vehicles an hour each (the capacity of the Highway Capacity Manual) are 1.15
million in a day, and a reading is never of a whole day."""
SHARE = ValueRange(0.0, 1.0)
