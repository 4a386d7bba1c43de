"""Incidents of the simulator's traffic model put into recorded days: the ground truth is known. Pure.

The cell transmission model runs each day twice, with the incidents and without. Where the incident slows traffic in the
model, the recorded speed is scaled by the ratio of the two, but never below what the model itself gives; where it
frees the road downstream, recorded speed stays as it is, and so it does where the difference is small. Recorded gaps,
noise and other queues thus stay.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from metrla.data.simulation.scenario import Incident
from metrla.data.simulation.simulator import Simulator
from metrla.lab.incidents.truth import Disturbance
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.roadway import DEFAULT_LANES, Roadway

# Lanes of four: the shoulder and up to three lanes, as likely one as the other.
LANES_BLOCKED = (0, 1, 2, 3)
HALF_THE_ROAD = 0.5
FIRST_HOUR, LAST_HOUR = 6.0, 20.0
MEDIAN_MINUTES, SPREAD, SHORTEST, LONGEST = 40.0, 0.4, 20.0, 120.0
APART_HOURS, APART_MILES = 3.0, 8.0
"""Incidents of one day on one carriageway are at least so far apart, in time or in place."""
SLOWED_SHARE = 0.9
"""The model's own noise makes smaller differences."""
MAX_TRIES = 20_000


@dataclass(frozen=True, slots=True)
class Injected:
    """One incident, and the share of the lanes that it blocks."""

    incident: Incident
    lane_count: int

    @property
    def share_blocked(self) -> float:
        """Of the lanes, 0-1; a blocked shoulder blocks none."""
        return min(self.incident.lanes_blocked / self.lane_count, 1.0)

    @property
    def blocks_half(self) -> bool:
        """Whether half of the road or more is closed."""
        return self.share_blocked >= HALF_THE_ROAD


def draw_incidents(
    network: Network,
    days: list[datetime],
    count: int,
    rng: np.random.Generator,
    watched: npt.NDArray[np.bool_],
    start: datetime,
) -> list[Injected]:
    """Draw incidents of mixed size.

    Args:
        network: where they happen, just downstream of one of its sensors.
        days: local midnights, as instants, of the days to choose from.
        count: how many.
        rng: draws all.
        watched: (windows, sensors) in network order, whether a recorded speed is there: an incident is only put
            where its sensor speaks in the hour from its start on. What nobody measures nobody can detect.
        start: instant of the first of these windows.

    Raises:
        ValueError: they do not fit into the days.
    """
    drawn: list[Injected] = []
    hour = timedelta(hours=1) // network.window
    for _ in range(MAX_TRIES):
        if len(drawn) == count:
            return sorted(drawn, key=lambda one: one.incident.start)
        day = days[int(rng.integers(len(days)))]
        row = int(rng.integers(len(network.sensors)))
        begins = day + timedelta(minutes=float(np.round(60 * rng.uniform(FIRST_HOUR, LAST_HOUR))))
        minutes = float(np.clip(MEDIAN_MINUTES * np.exp(rng.normal(0, SPREAD)), SHORTEST, LONGEST))
        lanes = int(rng.choice(LANES_BLOCKED))
        window = (begins - start) // network.window
        sensor = network.sensors[row]
        incident = Incident(sensor.sensor_id, begins, begins + timedelta(minutes=round(minutes)), lanes)
        if watched[window : window + hour, row].all() and all(_apart(network, incident, one.incident) for one in drawn):
            drawn.append(Injected(incident, sensor.lane_count or DEFAULT_LANES))
    raise ValueError(f"{count} incidents do not fit into {len(days)} days: {len(drawn)} did")


def inject(network: Network, speed_mph: Floats, start: datetime, incidents: list[Incident], seed: int) -> Floats:
    """Recorded speeds (windows, sensors) in network order, from the instant `start` on, with incidents put in."""
    steps = len(speed_mph)
    calm = Simulator(network, seed, random_scenario=False).speeds(start, steps)
    upset = Simulator(network, seed, incidents=incidents, random_scenario=False).speeds(start, steps)
    with np.errstate(invalid="ignore"):
        ratio = upset / calm
        slowed = np.minimum(speed_mph, np.maximum(speed_mph * ratio, np.minimum(upset, speed_mph)))
        changed: Floats = np.where(ratio < SLOWED_SHARE, slowed, speed_mph)
    return changed


def disturbance_of(
    road: Roadway, one: Incident, start: datetime, upstream_miles: float, downstream_miles: float
) -> Disturbance:
    """What there is to detect of an injected incident: at which stations, from when on."""
    place = road.network[one.sensor_id]
    ahead = road.miles - place.travel_miles
    near = (ahead >= -upstream_miles) & (ahead <= downstream_miles)
    here = np.array([sensor.road_name == place.road_name for sensor in road.sensors])
    minutes = (one.start - start) / timedelta(minutes=1)
    window = road.network.window / timedelta(minutes=1)
    return Disturbance(frozenset(np.flatnonzero(here & near).tolist()), minutes, int(minutes // window))


def _apart(network: Network, one: Incident, other: Incident) -> bool:
    here, there = network[one.sensor_id], network[other.sensor_id]
    if here.road_name != there.road_name:
        return True
    far = abs(here.travel_miles - there.travel_miles) >= APART_MILES
    gap = max(one.start, other.start) - min(one.end, other.end)
    return far or gap >= timedelta(hours=APART_HOURS)
