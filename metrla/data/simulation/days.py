"""Whole simulated days: from seed, date and scenario to what every sensor measures. Pure.

A simulated day runs from 03:00 to 03:00 on the network's clock, when roads are empty enough to forget the day before,
so each day is a function of seed and date alone and days can be made in any order, several at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import numpy.typing as npt

from metrla.data.simulation.demand import demand_shares
from metrla.data.simulation.flow import Conditions, run
from metrla.data.simulation.roads import Roads
from metrla.data.simulation.scenario import (
    RAIN_CAPACITY_LOSS,
    RAIN_SPEED_LOSS,
    Incident,
    Rain,
    Scenario,
    block_lanes,
    draw_scenario,
    rain_intensity,
)
from shared.traffic import calendar
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

DAY_BEGINS = time(3)
MAX_MOVE_SECONDS = 15.0

# Effective length of a vehicle over a loop, for occupancy.
VEHICLE_MILES = 22.0 / 5280.0
# Traffic slows a little before capacity; the triangular diagram alone would not show it.
CROWDING_LOSS = 0.11
FREE_FLOW_DENSITY = 31.0
# Discharge of a bottleneck wavers: this is where stop-and-go waves start.
WAVER_SPREAD, WAVER_MINUTES = 0.045, 6
SPEED_NOISE_MPH, SLOW_NOISE_MPH, SLOW_NOISE_MINUTES = 1.3, 0.9, 15
SPEED_RANGE_MPH = (3.0, 85.0)

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class DayTraffic:
    """What the sensors of a network measure in one simulated day; arrays are steps x sensors.

    `volume` counts vehicles over all lanes in one reading interval, `occupancy` is 0 to 1.
    """

    start: datetime
    scenario: Scenario
    speed_mph: Values
    volume: Values
    occupancy: Values


@dataclass(frozen=True)
class World:
    """What does not change from day to day."""

    network: Network
    seed: int
    roads: Roads
    incidents: tuple[Incident, ...]
    rain: tuple[Rain, ...]
    random_scenario: bool


def day_start(day: date, network: Network) -> datetime:
    """Instant (UTC) at which a simulated day begins."""
    return datetime.combine(day, DAY_BEGINS, network.time_zone).astimezone(UTC)


def simulated_day(instant: datetime, network: Network) -> date:
    """The simulated day that an instant belongs to: it begins at `DAY_BEGINS`, not at midnight."""
    local = instant.astimezone(network.time_zone)
    return local.date() if local.time() >= DAY_BEGINS else local.date() - timedelta(days=1)


def simulate_days(world: World, days: Sequence[date]) -> list[DayTraffic]:
    """Simulate days side by side. The result for a day does not depend on which others are made with it."""
    interval = world.network.reading_interval.total_seconds()
    starts = [day_start(day, world.network) for day in days]
    lengths = [
        round((day_start(day + timedelta(days=1), world.network) - start).total_seconds() / interval)
        for day, start in zip(days, starts, strict=True)
    ]
    steps = max(lengths)
    seconds: Floats = np.arange(steps, dtype=np.float64) * interval
    scenarios = [_scenario(world, day, start) for day, start in zip(days, starts, strict=True)]
    parts = [
        _conditions(world, day, start, scenario, seconds)
        for day, start, scenario in zip(days, starts, scenarios, strict=True)
    ]
    conditions = Conditions(*(np.stack(part, axis=1) for part in zip(*parts, strict=True)))
    flow, density = run(world.roads, conditions, int(np.ceil(interval / MAX_MOVE_SECONDS)), interval)
    return [
        _measure(world, day, start, scenario, flow[:length, column], density[:length, column])
        for column, (day, start, scenario, length) in enumerate(zip(days, starts, scenarios, lengths, strict=True))
    ]


def _generator(world: World, day: date, purpose: int) -> np.random.Generator:
    return np.random.default_rng([world.seed, purpose, day.toordinal()])


def _scenario(world: World, day: date, start: datetime) -> Scenario:
    drawn = draw_scenario(world.network, start, _generator(world, day, 2)) if world.random_scenario else Scenario()
    end = start + timedelta(days=1)
    return Scenario(
        incidents=tuple(
            sorted(
                (*drawn.incidents, *(one for one in world.incidents if one.start < end and one.end > start)),
                key=lambda incident: (incident.start, incident.sensor_id),
            )
        ),
        rain=(*drawn.rain, *(one for one in world.rain if one.start < end and one.end > start)),
    )


def _conditions(
    world: World, day: date, start: datetime, scenario: Scenario, seconds: Floats
) -> tuple[Floats, Floats, Floats]:
    roads, network, rng = world.roads, world.network, _generator(world, day, 3)
    knots = np.append(np.arange(0, seconds[-1], 300.0), seconds[-1])
    shares = demand_shares(
        [(start + timedelta(seconds=float(knot))).astimezone(network.time_zone) for knot in knots],
        roads.carriageways,
        calendar.day_of(network, day),
        rng,
    )
    demand = np.stack([np.interp(seconds, knots, column) for column in shares.T], axis=1)
    wet = rain_intensity(scenario.rain, seconds, start)
    bottlenecks = np.flatnonzero(roads.capacity_share < 1.0)
    capacity = np.tile(roads.capacity_share, (len(seconds), 1))
    capacity[:, bottlenecks] *= 1 + _wander(rng, seconds, WAVER_MINUTES, len(bottlenecks)) * WAVER_SPREAD
    capacity *= 1 - RAIN_CAPACITY_LOSS * wet[:, None]
    cell_after = np.minimum(roads.sensor_cell + 1, len(roads.free_flow_mph) - 1)
    block_lanes(capacity, scenario.incidents, network, cell_after, seconds, start)
    return demand, capacity, 1 - RAIN_SPEED_LOSS * wet


def _wander(rng: np.random.Generator, seconds: Floats, minutes: float, columns: int) -> Floats:
    """Noise of unit spread that changes over `minutes`: random values at knots, straight lines between them."""
    knots = np.arange(int(90_000 / (60 * minutes)) + 2) * 60.0 * minutes
    values = rng.standard_normal((columns, len(knots)))
    wandering = np.zeros((len(seconds), columns))
    for column, row in enumerate(values):
        wandering[:, column] = np.interp(seconds, knots, row)
    return wandering


def _measure(world: World, day: date, start: datetime, scenario: Scenario, flow: Floats, density: Floats) -> DayTraffic:
    rng = _generator(world, day, 4)
    interval = world.network.reading_interval.total_seconds()
    seconds: Floats = np.arange(len(flow), dtype=np.float64) * interval
    lanes = np.array([sensor.lane_count or 4 for sensor in world.network.sensors])
    crowding = 1 - CROWDING_LOSS * np.minimum(density / FREE_FLOW_DENSITY, 1.0) ** 2
    speed = flow / np.maximum(density, 1e-9) * crowding
    # Few vehicles in an interval make a noisy mean.
    vehicles = flow * lanes * interval / 3600.0
    spread = SPEED_NOISE_MPH * np.clip(np.sqrt(12.0 / np.maximum(vehicles, 1.0)), 0.4, 2.0)
    noise = rng.standard_normal(flow.shape) * spread
    noise += _wander(rng, seconds, SLOW_NOISE_MINUTES, flow.shape[1]) * SLOW_NOISE_MPH
    # A queue is no less noisy for being slow, but its noise is bounded by its speed.
    speed = np.clip(speed + noise * np.minimum(1.0, speed / 25.0), *SPEED_RANGE_MPH)
    counted = rng.poisson(np.maximum(vehicles, 0.0))
    vehicles_per_mile = counted / np.maximum(vehicles, 1e-9) * flow / speed
    occupancy = np.clip(vehicles_per_mile * VEHICLE_MILES, 0.0, 1.0)
    return DayTraffic(
        start, scenario, speed.astype(np.float32), counted.astype(np.float32), occupancy.astype(np.float32)
    )
