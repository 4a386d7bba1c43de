"""What the roads before and after a sensor look like: weighted means over the sensors linked to it. Pure.

Links are the edges of the published graph, from one freeway to another as well: not `shared.traffic.neighbours`, which
follow each other on one carriageway.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.network import Edge, Network

MOST_LINKED = 8
REACH_MILES = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Linked:
    """Rows and weights of the sensors linked to each on one side: (sensors, `MOST_LINKED`), weight 0 where none."""

    rows: Integers
    weights: Floats

    def mean(self, values: Floats, seen: Flags) -> Floats:
        """Weighted mean of those of their values that were seen, 0 where none was: from (…, N) to (…, sensors)."""
        total, weight = np.zeros((2, *values.shape[:-1], len(self.rows)))
        known, heard = np.where(seen, values, 0.0), seen.astype(np.float64)
        for rows, weights in zip(self.rows.T, self.weights.T, strict=True):
            total += known.take(rows, axis=-1) * weights
            weight += heard.take(rows, axis=-1) * weights
        mean: Floats = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
        return mean


@dataclass(frozen=True, slots=True, eq=False)
class Sides:
    """What is linked downstream and upstream."""

    downstream: Linked
    upstream: Linked

    def around(self, sensors: Integers) -> "tuple[Sides, Integers]":
        """Those of some sensors, in rows of these and of all that are linked to them; and which sensors those rows are.

        So that whoever works on a few sensors of a large network looks at their neighbourhood alone.
        """
        both = self.downstream, self.upstream
        linked = np.concatenate([side.rows[sensors][side.weights[sensors] > 0] for side in both])
        rows = np.concatenate([sensors, np.setdiff1d(linked, sensors)])
        order = np.argsort(rows)
        # Where nothing is linked, the row is any and the weight 0.
        places = [np.searchsorted(rows, side.rows[sensors], sorter=order).clip(max=len(rows) - 1) for side in both]
        return Sides(*(Linked(order[at], side.weights[sensors]) for at, side in zip(places, both, strict=True))), rows


def sides_of(network: Network) -> Sides:
    """What is linked to each sensor: by the network's edges, or by its postmiles without any."""
    begins, ends, weights = links(network)
    onward = list(zip(begins.tolist(), ends.tolist(), weights.tolist(), strict=True))
    back = [(to, from_, weight) for from_, to, weight in onward]
    sensors = len(network.sensors)
    return Sides(_strongest(sensors, onward), _strongest(sensors, back))


def links(network: Network) -> tuple[Integers, Integers, Floats]:
    """Where each edge of the road graph begins and ends, as rows of sensors, and its weight: (edges,) each.

    Without edges, sensors of a carriageway within `REACH_MILES` are linked, the nearer the stronger. An edge from a
    sensor to itself, or without weight, is left out.
    """
    index = network.index
    edges = [edge for edge in network.edges or _along_carriageways(network) if edge.from_sensor != edge.to_sensor]
    weighty = [edge for edge in edges if edge.weight > 0]
    begins = np.array([index[edge.from_sensor] for edge in weighty], dtype=np.intp)
    ends = np.array([index[edge.to_sensor] for edge in weighty], dtype=np.intp)
    return begins, ends, np.array([edge.weight for edge in weighty], dtype=np.float64)


def _along_carriageways(network: Network) -> Iterable[Edge]:
    for sensor in network.sensors:
        for near in network.downstream(sensor.sensor_id, REACH_MILES):
            yield Edge(sensor.sensor_id, near.sensor.sensor_id, float(np.exp(-((near.miles / REACH_MILES) ** 2))))


def _strongest(sensors: int, links: Iterable[tuple[int, int, float]]) -> Linked:
    of: list[list[tuple[float, int]]] = [[] for _ in range(sensors)]
    for from_, to, weight in links:
        of[from_].append((-weight, to))
    rows = np.zeros((sensors, MOST_LINKED), dtype=np.intp)
    weights = np.zeros((sensors, MOST_LINKED))
    for sensor, linked in enumerate(of):
        for column, (negative, to) in enumerate(sorted(linked)[:MOST_LINKED]):
            rows[sensor, column], weights[sensor, column] = to, -negative
    return Linked(rows, weights)
