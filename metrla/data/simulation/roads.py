"""The carriageways of a network as rows of cells, for the cell transmission model. Pure."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from shared.traffic.arrays import Floats
from shared.traffic.network import Network, Sensor, great_circle_miles

CELL_MILES = 0.3
# Road before the first sensor and after the last one, so that a queue has room and a bottleneck an exit.
LEAD_IN_MILES, LEAD_OUT_MILES = 2.4, 0.9
MILES_PER_BOTTLENECK = 4.5

FREE_FLOW_RANGE_MPH = (62.0, 69.0)
# Per lane, after the Highway Capacity Manual's range for California freeways.
CAPACITY_VEHICLES_PER_HOUR = 2000.0
# Speed of a shock wave in a queue, upstream. Loop data in California give 10 to 13 mph.
WAVE_MPH = 12.0
BOTTLENECK_CAPACITY_SHARE = (0.84, 0.93)
# How strongly a carriageway takes part in the peaks: some are busier than others, every day.
PEAK_STRENGTH = (0.7, 1.15)

Indices = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class CellRow:
    """The cells of one carriageway, upstream first: a slice of the row of all cells.

    `inbound`: its traffic drives towards the middle of the network, which is where the morning goes.
    `peak_strength` scales what its peaks add to the usual demand.
    """

    road_name: str
    first_cell: int
    cell_count: int
    first_mile: float
    inbound: bool
    peak_strength: float

    def cell_at(self, travel_miles: float) -> int:
        """Cell that holds a position on this carriageway; positions off its ends fall in the end cells."""
        along = int((travel_miles - self.first_mile) / CELL_MILES)
        return self.first_cell + min(max(along, 0), self.cell_count - 1)


@dataclass(frozen=True)
class Roads:
    """All cells of a network side by side. Arrays are per cell but `sensor_cell`, which is per sensor in network order.

    `capacity_share` is what geometry leaves of the capacity: 1, less at a bottleneck. `road_of_cell` numbers the
    carriageways.
    """

    carriageways: tuple[CellRow, ...]
    free_flow_mph: Floats
    capacity_share: Floats
    road_of_cell: Indices
    sensor_cell: Indices
    road_of_sensor: Indices

    @property
    def entries(self) -> Indices:
        """First cell of each carriageway."""
        return np.array([road.first_cell for road in self.carriageways])


def lay_out(network: Network, seed: int) -> Roads:
    """Cut each carriageway into cells of 0.3 miles and place free-flow speeds and bottlenecks by `seed`."""
    rng = np.random.default_rng([seed, 1])
    middle = (
        float(np.mean([sensor.latitude for sensor in network.sensors])),
        float(np.mean([sensor.longitude for sensor in network.sensors])),
    )
    roads: list[CellRow] = []
    sensor_cell = np.zeros(len(network.sensors), dtype=np.intp)
    road_of_sensor = np.zeros(len(network.sensors), dtype=np.intp)
    free_flow: list[Floats] = []
    capacity: list[Floats] = []
    first_cell = 0
    for number, (road_name, along) in enumerate(network.carriageways.items()):
        first_mile = along[0].travel_miles - LEAD_IN_MILES
        miles = along[-1].travel_miles + LEAD_OUT_MILES - first_mile
        road = CellRow(
            road_name=road_name,
            first_cell=first_cell,
            cell_count=int(np.ceil(miles / CELL_MILES)),
            first_mile=first_mile,
            inbound=_is_inbound(along, middle),
            peak_strength=float(rng.uniform(*PEAK_STRENGTH)),
        )
        roads.append(road)
        for sensor in along:
            row = network.index[sensor.sensor_id]
            sensor_cell[row] = road.cell_at(sensor.travel_miles)
            road_of_sensor[row] = number
        free_flow.append(_free_flow(road.cell_count, rng))
        capacity.append(_capacity(road, along, rng))
        first_cell += road.cell_count
    return Roads(
        carriageways=tuple(roads),
        free_flow_mph=np.concatenate(free_flow),
        capacity_share=np.concatenate(capacity),
        road_of_cell=np.repeat(np.arange(len(roads)), [road.cell_count for road in roads]),
        sensor_cell=sensor_cell,
        road_of_sensor=road_of_sensor,
    )


def _is_inbound(along: tuple[Sensor, ...], middle: tuple[float, float]) -> bool:
    start, end = along[0], along[-1]
    return great_circle_miles(end.latitude, end.longitude, *middle) < great_circle_miles(
        start.latitude, start.longitude, *middle
    )


def _free_flow(cells: int, rng: np.random.Generator) -> Floats:
    knots = rng.uniform(*FREE_FLOW_RANGE_MPH, size=max(2, cells // 6 + 2))
    return np.interp(np.arange(cells), np.linspace(0, cells, len(knots)), knots)


def _capacity(road: CellRow, along: tuple[Sensor, ...], rng: np.random.Generator) -> Floats:
    """Bottlenecks lie between two sensors: the one before sees the queue, the one after sees it dissolve."""
    share = np.ones(road.cell_count)
    gaps = list(pairwise(along))
    wanted = max(1, round((along[-1].travel_miles - along[0].travel_miles) / MILES_PER_BOTTLENECK))
    for gap in rng.permutation(len(gaps))[:wanted]:
        before, after = gaps[gap]
        place = before.travel_miles + rng.uniform(0.3, 0.6) * (after.travel_miles - before.travel_miles)
        share[road.cell_at(place) - road.first_cell] = rng.uniform(*BOTTLENECK_CAPACITY_SHARE)
    return share
