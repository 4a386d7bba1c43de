"""Incidents that somebody reported: where a detector would see them, so that both are one alert. Pure.

A report is an advisory of CHP's dispatchers, or an accident or hazard in CIFS. Its alert is the one alert of its
incident: what a detector finds near it while it holds confirms it, and raises none of its own.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from shared.events.records import AdvisoryType, AlertEvidence, TrafficAdvisory
from shared.traffic.arrays import Flags
from shared.traffic.roadway import Roadway

REPORTING = ("chp-", "cifs-")
"""How ids of advisories begin that were read from documents of these formats."""
UPSTREAM_MILES, DOWNSTREAM_MILES = 2.0, 0.5
"""How far from its place an incident shows, as in the evaluation of the detectors: its queue grows upstream."""

Zones = Mapping[str, Flags]
"""(sensors,) in road order, where a detector sees the incident of a report, by the id of the report's alert."""
Detected = Mapping[str, tuple[AlertEvidence, ...]]
"""Why a detector takes it for an incident, by the same id."""


def is_report(advisory: TrafficAdvisory) -> bool:
    """Whether an advisory tells of an incident, not of a game or a parade."""
    return advisory.advisory_type is AdvisoryType.EVENT and advisory.advisory_id.startswith(REPORTING)


def zone_of(road: Roadway, advisory: TrafficAdvisory) -> Flags:
    """The sensors (sensors,) where it shows: those that it names, and `UPSTREAM_MILES` before and beyond them."""
    zone = road.flags(advisory.affected_sensors)
    for position in np.flatnonzero(zone):
        ahead = road.miles - road.miles[position]
        near = (road.road == road.road[position]) & (ahead >= -UPSTREAM_MILES) & (ahead <= DOWNSTREAM_MILES)
        zone = zone | near
    return zone


def report_at(zones: Zones, positions: Iterable[int]) -> str | None:
    """The report whose incident shows at some of these positions, the first by id where there are several."""
    here = list(positions)
    return next((alert_id for alert_id, zone in sorted(zones.items()) if zone[here].any()), None)
