"""What the roads before and after a sensor look like: weighted means over its neighbours in the road graph. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from services.predictor.inputs.arrays import Booleans, Floats, Integers
from shared.networks.network import Edge, Network

MOST_NEIGHBOURS = 8
REACH_MILES = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Rows and weights of some sensors' neighbours on one side: (sensors, `MOST_NEIGHBOURS`), weight 0 where none."""

    rows: Integers
    weights: Floats

    def mean(self, values: Floats, seen: Booleans) -> Floats:
        """Weighted mean of the neighbours' values that were seen, 0 where none was: from (…, N) to (…, sensors)."""
        total, weight = np.zeros((2, *values.shape[:-1], len(self.rows)))
        for column in range(self.rows.shape[1]):
            rows, weights = self.rows[:, column], self.weights[:, column]
            heard = seen[..., rows] * weights
            total += np.where(heard > 0, values[..., rows], 0.0) * heard
            weight += heard
        return np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """Neighbours downstream and upstream."""

    downstream: Neighbours
    upstream: Neighbours

    def of(self, sensors: slice) -> "Sides":
        """Those of some sensors."""
        return Sides(
            *(Neighbours(side.rows[sensors], side.weights[sensors]) for side in (self.downstream, self.upstream))
        )


def neighbours(network: Network) -> Sides:
    """Neighbours downstream and upstream of each sensor: by the network's edges, or by its postmiles without any."""
    edges = tuple(network.edges) or tuple(_along_carriageways(network))
    index = network.index
    onward = [(index[edge.from_sensor], index[edge.to_sensor], edge.weight) for edge in edges]
    back = [(to, from_, weight) for from_, to, weight in onward]
    return Sides(_strongest(len(index), onward), _strongest(len(index), back))


def _along_carriageways(network: Network) -> Iterable[Edge]:
    for sensor in network.sensors:
        for near in network.downstream(sensor.sensor_id, REACH_MILES):
            yield Edge(sensor.sensor_id, near.sensor.sensor_id, float(np.exp(-((near.miles / REACH_MILES) ** 2))))


def _strongest(sensors: int, links: Iterable[tuple[int, int, float]]) -> Neighbours:
    of: list[list[tuple[float, int]]] = [[] for _ in range(sensors)]
    for from_, to, weight in links:
        if from_ != to and weight > 0:
            of[from_].append((-weight, to))
    rows = np.zeros((sensors, MOST_NEIGHBOURS), dtype=np.intp)
    weights = np.zeros((sensors, MOST_NEIGHBOURS))
    for sensor, linked in enumerate(of):
        for column, (negative, to) in enumerate(sorted(linked)[:MOST_NEIGHBOURS]):
            rows[sensor, column], weights[sensor, column] = to, -negative
    return Neighbours(rows, weights)
