"""The cell transmission model: traffic as a fluid with a triangular fundamental diagram. Pure.

Source: C. F. Daganzo, 'The cell transmission model', Transportation Research B 28 (1994) 269-287. Each cell sends what
it holds and what its capacity allows, and receives what room it has left; shock waves, queues that grow upstream and
their recovery follow from that alone. Freeways exchange no queues at junctions: ramps feed and
drain each carriageway evenly.
"""

from dataclasses import dataclass

import numpy as np

from metrla.data.simulation.roads import CAPACITY_VEHICLES_PER_HOUR, CELL_MILES, WAVE_MPH, Roads
from shared.traffic.arrays import Floats

# Share of the traffic that leaves, and is replaced, per mile of road.
RAMP_SHARE_PER_MILE = 0.07
# What a ramp can press into a full carriageway, as a share of the room there.
RAMP_PRIORITY = 0.10
# Vehicles that wait to enter at most, in hours of capacity; others take another road.
ENTRY_QUEUE_HOURS = 0.05
SECONDS_PER_HOUR = 3600.0


@dataclass(frozen=True)
class Conditions:
    """What drives one run, on a time grid: `steps` of demand and road state, days side by side.

    Shapes: `demand` steps x days x carriageways (share of capacity), `capacity` steps x days x cells (share),
    `free_flow` steps x days (factor).
    """

    demand: Floats
    capacity: Floats
    free_flow: Floats


def run(roads: Roads, conditions: Conditions, substeps: int, step_seconds: float) -> tuple[Floats, Floats]:
    """Move traffic through all days at once, from the free flow that the first demand makes.

    Args:
        roads: the cells.
        conditions: constant within each step.
        substeps: moves within a step; a move may be at most as long as the fastest vehicle needs for a cell.
        step_seconds: length of a step.

    Returns:
        Mean flow (vehicles per hour and lane) and mean density (vehicles per mile and lane) of the cells that hold a
        sensor: steps x days x sensors.
    """
    steps, days = conditions.free_flow.shape
    hours = step_seconds / substeps / SECONDS_PER_HOUR
    per_cell = hours / CELL_MILES
    entries, road = roads.entries, roads.road_of_cell
    leaving = RAMP_SHARE_PER_MILE * CELL_MILES
    jam = CAPACITY_VEHICLES_PER_HOUR * (1 / float(roads.free_flow_mph.mean()) + 1 / WAVE_MPH)
    is_exit = np.zeros(len(road), dtype=bool)
    is_exit[np.append(entries[1:], len(road)) - 1] = True

    density = CAPACITY_VEHICLES_PER_HOUR * conditions.demand[0][:, road] / roads.free_flow_mph
    waiting = np.zeros((days, len(entries)))
    flow_out = np.zeros((steps, days, len(roads.sensor_cell)))
    density_out = np.zeros_like(flow_out)
    inflow = np.empty_like(density)
    for step in range(steps):
        capacity = CAPACITY_VEHICLES_PER_HOUR * conditions.capacity[step]
        speed = roads.free_flow_mph * conditions.free_flow[step][:, None]
        wanted = CAPACITY_VEHICLES_PER_HOUR * conditions.demand[step]
        ramp = leaving * wanted[:, road]
        for _ in range(substeps):
            sending = np.minimum(speed * density, capacity)
            room = np.minimum(capacity, WAVE_MPH * np.maximum(jam - density, 0.0))
            joining = np.minimum(ramp, RAMP_PRIORITY * room)
            room -= joining
            inflow[:, 1:] = sending[:, :-1] * (1 - leaving)
            entering = wanted * (1 - leaving) + waiting / hours
            inflow[:, entries] = entering
            np.minimum(inflow, room, out=inflow)
            waiting = np.minimum(
                (entering - inflow[:, entries]) * hours, ENTRY_QUEUE_HOURS * CAPACITY_VEHICLES_PER_HOUR
            )
            outflow = np.empty_like(inflow)
            outflow[:, :-1] = inflow[:, 1:] / (1 - leaving)
            outflow[:, is_exit] = sending[:, is_exit]
            density_out[step] += density[:, roads.sensor_cell]
            flow_out[step] += outflow[:, roads.sensor_cell]
            density += per_cell * (inflow + joining - outflow)
    return flow_out / substeps, density_out / substeps
