"""Quantities: what one unit is in another, and the values that there can be.

Records carry units in the names of their fields.
"""

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""What instants are counted from, and windows are aligned to."""

METRES_PER_MILE = 1609.344

FREE_FLOW_MPH = 60.0
"""Free flow on a freeway where that of a sensor is not known: the speed against which PeMS reckons delay."""

MIN_SPEED_MPH, MAX_SPEED_MPH = 0.0, 120.0
"""Speeds outside these are no traffic: ingest rejects them, no forecast reaches beyond them, the API promises so."""
