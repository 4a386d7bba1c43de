"""Units: what one is in another. Records carry theirs in the names of their fields."""

METRES_PER_MILE = 1609.344
