"""Means over the neighbours of each sensor, as the network hears them: how much an edge counts is learned. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.predictor.inputs.arrays import Compact, Integers
from services.predictor.inputs.neighbours import links
from services.predictor.models.network import Mean
from shared.events.records import SensorId
from shared.networks.network import Network

DENSE_UP_TO = 1024
LEAST_TOTAL = 1e-6


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

    One matrix product for a small network; for a large one the edges are walked in as many rounds as the busiest
    sensor has neighbours, so that time and memory grow linearly with the sensors.
    """
    total = np.bincount(edges.rows, edges.weights, minlength=sensors)
    shares = (edges.weights / np.maximum(total, LEAST_TOTAL)[edges.rows]).astype(np.float32)
    if sensors <= DENSE_UP_TO:
        matrix = np.zeros((sensors, sensors), dtype=np.float32)
        np.add.at(matrix, (edges.rows, edges.columns), shares)
        return lambda values: (matrix @ values.reshape(sensors, -1)).reshape(values.shape)
    rounds = _rounds(edges.rows, edges.columns, shares)

    def walked(values: Compact) -> Compact:
        mean = np.zeros_like(values)
        for rows, columns, weights in rounds:
            mean[rows] += values[columns] * weights.reshape(-1, *(1 for _ in values.shape[1:]))
        return mean

    return walked


def _rounds(rows: Integers, columns: Integers, shares: Compact) -> Sequence[tuple[Integers, Integers, Compact]]:
    order = np.argsort(rows, kind="stable")
    rows, columns, shares = rows[order], columns[order], shares[order]
    first = np.searchsorted(rows, rows)
    place = np.arange(len(rows)) - first
    return [
        (rows[at], columns[at], shares[at]) for at in (place == turn for turn in range(int(place.max(initial=-1)) + 1))
    ]


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
