"""Quantities: what one unit is in another, and the values that there can be.

Records carry units in the names of their fields.
"""

METRES_PER_MILE = 1609.344

MIN_SPEED_MPH, MAX_SPEED_MPH = 0.0, 120.0
"""Speeds outside these are no traffic: ingest rejects them, no forecast reaches beyond them, the API promises so."""
