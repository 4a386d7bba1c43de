"""The profile of a sensor that the training did not have, from those that it had. Pure."""

from collections.abc import Mapping

import numpy as np

from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.network import EARTH_RADIUS_MILES, Network

NEAREST = 4
HALF_WEIGHT_MILES = 0.5
FALLBACK_MPH = 60.0
"""What is usual where nothing is known of any sensor."""


def has_profile(profile_mph: Floats) -> Flags:
    """Which sensors have a profile, (slots, N) mph to (N,)."""
    known: Flags = np.all(~np.isnan(profile_mph), axis=0)
    return known


def completed(network: Network, profile_mph: Floats) -> Floats:
    """The profile, (slots, N) mph, without NaN: a sensor that has none gets that of sensors like it.

    Those are the nearest ones on the same freeway in the same direction, else the nearest of all, weighted by the
    inverse of their distance (Shepard's interpolation).
    """
    known = has_profile(profile_mph)
    if known.all():
        return profile_mph
    if not known.any():
        return np.full_like(profile_mph, FALLBACK_MPH)
    filled = profile_mph.copy()
    travel = np.array([sensor.travel_miles for sensor in network.sensors])
    places = np.array([(sensor.latitude, sensor.longitude) for sensor in network.sensors])
    along = _donors_by_road(network, known)
    anywhere = np.flatnonzero(known)
    for row in np.flatnonzero(~known).tolist():
        donors = along.get(network.sensors[row].road_name)
        if donors is not None:
            miles = np.abs(travel[donors] - travel[row])
        else:
            donors, miles = anywhere, _miles_over_ground(places[row], places[anywhere])
        nearest = np.argsort(miles, kind="stable")[:NEAREST]
        weights = 1 / (miles[nearest] + HALF_WEIGHT_MILES)
        filled[:, row] = profile_mph[:, donors[nearest]] @ (weights / weights.sum())
    return filled


def _donors_by_road(network: Network, known: Flags) -> Mapping[str, Integers]:
    rows: dict[str, list[int]] = {}
    for row in np.flatnonzero(known).tolist():
        rows.setdefault(network.sensors[row].road_name, []).append(row)
    return {road: np.array(of, dtype=np.intp) for road, of in rows.items()}


def _miles_over_ground(here: Floats, there: Floats) -> Floats:
    """From one place to others near it, in degrees (latitude, longitude): degrees of longitude shrink with latitude."""
    north, east = np.radians(there - here).T
    miles: Floats = EARTH_RADIUS_MILES * np.hypot(north, east * np.cos(np.radians(here[0])))
    return miles
