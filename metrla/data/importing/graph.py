"""Edges from road distances. Pure.

Source: Y. Li, R. Yu, C. Shahabi, Y. Liu, 'Diffusion convolutional recurrent neural network', ICLR 2018, section 4.1.
"""

from collections.abc import Mapping, Sequence
from math import exp, sqrt

from shared.events.records import SensorId
from shared.traffic.network import Edge

KERNEL_THRESHOLD = 0.1

Pair = tuple[SensorId, SensorId]


def gaussian_edges(
    metres: Mapping[Pair, float], order: Sequence[SensorId], threshold: float = KERNEL_THRESHOLD
) -> tuple[Edge, ...]:
    """Weights exp(-(d/s)^2) of at least `threshold`, s the standard deviation of all distances given.

    Args:
        metres: road distance of each pair for which one is known, a sensor to itself included if the file has it.
        order: sensors in network order; edges come in this order, without loops.
        threshold: weights below it are no edge.
    """
    mean = sum(metres.values()) / len(metres)
    spread = sqrt(sum((distance - mean) ** 2 for distance in metres.values()) / len(metres))
    if spread == 0.0:
        spread = mean or 1.0
    rows = {sensor_id: row for row, sensor_id in enumerate(order)}
    weighed = (
        Edge(start, end, exp(-((distance / spread) ** 2)), distance)
        for (start, end), distance in metres.items()
        if start != end
    )
    return tuple(
        sorted(
            (edge for edge in weighed if edge.weight >= threshold),
            key=lambda edge: (rows[edge.from_sensor], rows[edge.to_sensor]),
        )
    )
