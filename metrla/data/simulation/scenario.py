"""What happens on a simulated day beside the usual traffic: incidents and rain, the ground truth. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from metrla.data.simulation.roads import Indices
from shared.events.records import SensorId
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.roadway import DEFAULT_LANES

# Capacity that remains, by lanes of the carriageway, with the shoulder, one, two or three lanes blocked:
# Highway Capacity Manual 2010, exhibit 10-17.
REMAINING_CAPACITY = {
    2: (0.81, 0.35, 0.0, 0.0),
    3: (0.83, 0.49, 0.17, 0.0),
    4: (0.85, 0.58, 0.25, 0.13),
    5: (0.87, 0.65, 0.40, 0.20),
    6: (0.89, 0.71, 0.50, 0.26),
}
LANES_BLOCKED_ODDS = (0.30, 0.55, 0.15)

INCIDENTS_PER_MILE_AND_DAY = 0.07
INCIDENT_MEDIAN_MINUTES, INCIDENT_SPREAD = 35.0, 0.5
INCIDENT_MINUTES = (10.0, 120.0)
# Incidents of a simulated day (it starts at 03:00) fall between 05:00 and 23:00, so that none outlives its day.
FIRST_INCIDENT_HOUR, LAST_INCIDENT_HOUR = 2.0, 20.0

RAIN_DAYS_SHARE = 0.09
RAIN_SPEED_LOSS, RAIN_CAPACITY_LOSS = 0.13, 0.11
RAIN_RAMP = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that blocks lanes just downstream of a sensor over [start, end).

    `lanes_blocked` 0 is the shoulder. The queue that it makes grows upstream and outlives it.
    """

    sensor_id: SensorId
    start: datetime
    end: datetime
    lanes_blocked: int = 1

    def remaining_capacity(self, lane_count: int | None) -> float:
        """Share of the capacity that stays open."""
        lanes = min(max(lane_count or DEFAULT_LANES, min(REMAINING_CAPACITY)), max(REMAINING_CAPACITY))
        # A closed road would never move again in the model's queue: some traffic always trickles through.
        return max(0.05, REMAINING_CAPACITY[lanes][min(max(self.lanes_blocked, 0), 3)])


@dataclass(frozen=True, slots=True)
class Rain:
    """Rain over the whole network in [start, end); `intensity` (0-1) scales what it takes from speed and capacity."""

    start: datetime
    end: datetime
    intensity: float = 0.6


@dataclass(frozen=True, slots=True)
class Scenario:
    """The ground truth of some time."""

    incidents: tuple[Incident, ...] = ()
    rain: tuple[Rain, ...] = ()


def draw_scenario(network: Network, start: datetime, rng: np.random.Generator) -> Scenario:
    """Draw the incidents and the rain of one day that starts at `start` (UTC)."""
    miles = sum(road[-1].travel_miles - road[0].travel_miles for road in network.carriageways.values())
    incidents = []
    for _ in range(int(rng.poisson(miles * INCIDENTS_PER_MILE_AND_DAY))):
        # Twice as many by day as in the hours around it.
        hour = float(rng.triangular(FIRST_INCIDENT_HOUR, rng.choice((5.0, 14.0)), LAST_INCIDENT_HOUR))
        minutes = INCIDENT_MEDIAN_MINUTES * float(np.exp(rng.normal(0, INCIDENT_SPREAD)))
        begins = start + timedelta(minutes=round(hour * 60))
        incidents.append(
            Incident(
                sensor_id=network.sensors[int(rng.integers(len(network.sensors)))].sensor_id,
                start=begins,
                end=begins + timedelta(minutes=round(min(max(minutes, INCIDENT_MINUTES[0]), INCIDENT_MINUTES[1]))),
                lanes_blocked=int(rng.choice(len(LANES_BLOCKED_ODDS), p=LANES_BLOCKED_ODDS)),
            )
        )
    rain: tuple[Rain, ...] = ()
    if rng.random() < RAIN_DAYS_SHARE:
        begins = start + timedelta(minutes=round(rng.uniform(0, 16 * 60)))
        rain = (Rain(begins, begins + timedelta(minutes=round(rng.uniform(60, 420))), float(rng.uniform(0.3, 1.0))),)
    return Scenario(tuple(sorted(incidents, key=lambda incident: incident.start)), rain)


def rain_intensity(rain: Sequence[Rain], seconds: Floats, origin: datetime) -> Floats:
    """Intensity at each of `seconds` after `origin`; it rises and falls over twenty minutes."""
    intensity = np.zeros(len(seconds))
    ramp = RAIN_RAMP.total_seconds()
    for spell in rain:
        starts, ends = (spell.start - origin).total_seconds(), (spell.end - origin).total_seconds()
        shape = np.clip(np.minimum(seconds - starts, ends - seconds) / ramp, 0.0, 1.0)
        intensity = np.maximum(intensity, spell.intensity * shape)
    return intensity


def block_lanes(
    capacity: Floats,
    incidents: Sequence[Incident],
    network: Network,
    cell_after: Indices,
    seconds: Floats,
    origin: datetime,
) -> None:
    """Lower `capacity` (times x cells) in place where and while lanes are blocked."""
    for incident in incidents:
        row = network.index[incident.sensor_id]
        during = (seconds >= (incident.start - origin).total_seconds()) & (
            seconds < (incident.end - origin).total_seconds()
        )
        remaining = incident.remaining_capacity(network.sensors[row].lane_count)
        capacity[during, cell_after[row]] = np.minimum(capacity[during, cell_after[row]], remaining)
