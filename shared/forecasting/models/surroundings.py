"""Means over the neighbours of each sensor, as the network hears them: how much an edge counts is learned. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.events.records import SensorId
from shared.forecasting.inputs.links import links
from shared.forecasting.models.perceptron import Mean
from shared.traffic.arrays import Compact, Integers
from shared.traffic.network import Network

DENSE_UP_TO = 1024
LEAST_TOTAL = 1e-6
EDGES_AT_ONCE = 4096
"""What they hear fits into a processor's cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Edges of the road graph as rows of sensors, (edges,) each: `rows` hear `columns`, with any positive weights."""

    rows: Integers
    columns: Integers
    weights: Compact

    @classmethod
    def of(cls, network: Network) -> "tuple[Edges, Edges]":
        """Those that hear downstream, and those that hear upstream, in one order."""
        begins, ends, weights = links(network)
        return cls(begins, ends, weights.astype(np.float32)), cls(ends, begins, weights.astype(np.float32))

    def weighted(self, factors: NDArray[np.float32]) -> "Edges":
        """The same with other weights."""
        return Edges(self.rows, self.columns, self.weights * factors)


def mean_of(edges: Edges, sensors: int) -> Mean:
    """Weighted mean over the neighbours: (N, …) of (N, …).

    One matrix product for a small network; for a large one a small product for each sensor, all sensors with equally
    many neighbours together, so that time and memory grow linearly with the sensors.
    """
    total = np.bincount(edges.rows, edges.weights, minlength=sensors)
    shares = (edges.weights / np.maximum(total, LEAST_TOTAL)[edges.rows]).astype(np.float32)
    if sensors <= DENSE_UP_TO:
        matrix = np.zeros((sensors, sensors), dtype=np.float32)
        np.add.at(matrix, (edges.rows, edges.columns), shares)
        return lambda values: (matrix @ values.reshape(sensors, -1)).reshape(values.shape)
    groups = list(_by_degree(edges.rows, edges.columns, shares))

    def gathered(values: Compact) -> Compact:
        flat = values.reshape(sensors, -1)
        mean = np.zeros_like(flat)
        for rows, columns, weights in groups:
            mean[rows] = (weights @ flat[columns])[:, 0]
        return mean.reshape(values.shape)

    return gathered


def _by_degree(rows: Integers, columns: Integers, shares: Compact) -> Iterator[tuple[Integers, Integers, Compact]]:
    """Sensors (n,) that have equally many neighbours, these (n, degree), and their shares (n, 1, degree)."""
    order = np.argsort(rows, kind="stable")
    columns, shares = columns[order], shares[order]
    hearing, first, degrees = np.unique(rows[order], return_index=True, return_counts=True)
    for degree in np.unique(degrees).tolist():
        alike = np.flatnonzero(degrees == degree)
        size = max(1, EDGES_AT_ONCE // degree)
        for start in range(0, len(alike), size):
            some = alike[start : start + size]
            edges = first[some, None] + np.arange(degree)
            yield hearing[some], columns[edges], shares[edges][:, None]


def learned_factors(network: Network, sensors: Sequence[SensorId], pairs: Integers, logs: Compact) -> Compact:
    """How much more each link of `network` counts than its weight says, (links,): 1 where the training had none.

    Args:
        network: to be served.
        sensors: those of the training.
        pairs: rows of `sensors`, (edges, 2), of the edges that the training had.
        logs: of their factors, (edges,).
    """
    learned = {
        (sensors[begin], sensors[end]): log for (begin, end), log in zip(pairs.tolist(), logs.tolist(), strict=True)
    }
    begins, ends, _ = links(network)
    names = [sensor.sensor_id for sensor in network.sensors]
    found = [learned.get((names[begin], names[end]), 0.0) for begin, end in zip(begins, ends, strict=True)]
    return np.exp(np.array(found, dtype=np.float32))
