"""The profile of a sensor that the training did not have, from those that it had. Pure."""

import numpy as np

from services.predictor.inputs.arrays import Booleans, Floats
from shared.networks.network import Network, Sensor, great_circle_miles

NEAREST = 4
HALF_MILE = 0.5
FALLBACK_MPH = 60.0
"""What is usual where nothing is known of any sensor."""


def has_profile(profile_mph: Floats) -> Booleans:
    """Which sensors have a profile, (slots, N) mph to (N,)."""
    known: Booleans = ~np.isnan(profile_mph).any(axis=0)
    return known


def completed(network: Network, profile_mph: Floats) -> Floats:
    """The profile, (slots, N) mph, without NaN: a sensor that has none gets that of sensors like it.

    Those are the nearest ones on the same freeway in the same direction, else the nearest of all, weighted by the
    inverse of their distance (Shepard's interpolation).
    """
    known = has_profile(profile_mph)
    if known.all():
        return profile_mph
    filled = profile_mph.copy()
    if not known.any():
        return np.full_like(profile_mph, FALLBACK_MPH)
    donors = np.flatnonzero(known)
    for row in np.flatnonzero(~known):
        rows, weights = _nearest(network, network.sensors[row], donors)
        filled[:, row] = profile_mph[:, rows] @ weights
    return filled


def _nearest(network: Network, sensor: Sensor, donors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    mine = [row for row in donors if network.sensors[row].road_name == sensor.road_name]
    miles = np.array([_miles(sensor, network.sensors[row]) for row in mine or donors])
    order = np.argsort(miles, kind="stable")[:NEAREST]
    weights = 1 / (miles[order] + HALF_MILE)
    return np.array(mine or donors)[order], weights / weights.sum()


def _miles(one: Sensor, other: Sensor) -> float:
    if one.road_name == other.road_name:
        return abs(one.travel_miles - other.travel_miles)
    return great_circle_miles(one.latitude, one.longitude, other.latitude, other.longitude)
