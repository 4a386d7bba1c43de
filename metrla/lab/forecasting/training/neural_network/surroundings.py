"""Means over the neighbours of each sensor, as the network hears them, for JAX: learned weights, and slopes of them.

A matrix for a small network. For a large one, whose matrix would have more zeros than fit into memory, values are
gathered: all sensors with about equally many neighbours together, and the slopes likewise along the edges turned
around, because adding up what is scattered is slow on a CPU.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from shared.forecasting.models.perceptron import Array, Mean
from shared.forecasting.models.surroundings import DENSE_UP_TO, LEAST_TOTAL, Edges
from shared.traffic.arrays import Integers

LearnedMean: TypeAlias = Callable[[Array], Mean]
"""The mean, with edges that count as much as these logarithms, (edges,), say."""


def means_of(edges: Edges, sensors: int) -> LearnedMean:
    """For the edges of one side of a network."""
    return _matrix(edges, sensors) if sensors <= DENSE_UP_TO else _gathered(edges, sensors)


def _matrix(edges: Edges, sensors: int) -> LearnedMean:
    def learned(logs: Array) -> Mean:
        weights = jnp.asarray(edges.weights) * jnp.exp(logs)
        matrix = jnp.zeros((sensors, sensors)).at[edges.rows, edges.columns].add(weights)
        shares = matrix / jnp.maximum(matrix.sum(1, keepdims=True), LEAST_TOTAL)
        return lambda values: (shares @ values.reshape(sensors, -1)).reshape(values.shape)

    return learned


def _gathered(edges: Edges, sensors: int) -> LearnedMean:
    forth, back = _by_degree(edges.rows, sensors), _by_degree(edges.columns, sensors)

    @jax.custom_vjp
    def weighted(shares: Array, values: Array) -> Array:
        return _sums(forth, edges.columns, shares, values)

    def ahead(shares: Array, values: Array) -> tuple[Array, tuple[Array, Array]]:
        return weighted(shares, values), (shares, values)

    def behind(kept: tuple[Array, Array], slope: Array) -> tuple[Array, Array]:
        shares, values = kept
        of_shares = (slope[edges.rows] * values[edges.columns]).sum(1)
        return of_shares, _sums(back, edges.rows, shares, slope)

    weighted.defvjp(ahead, behind)

    def learned(logs: Array) -> Mean:
        weights = jnp.asarray(edges.weights) * jnp.exp(logs)
        total = jnp.zeros(sensors).at[edges.rows].add(weights)
        shares = weights / jnp.maximum(total, LEAST_TOTAL)[edges.rows]
        return lambda values: weighted(shares, values.reshape(sensors, -1)).reshape(values.shape)

    return learned


class _Groups(NamedTuple):
    """The edges of each sensor, (sensors, 2^k) for sensors of about equal degree, and in which row each sensor then is.

    Where a sensor has fewer edges, one more than there are stands for none.
    """

    edges: Sequence[Integers]
    place: Integers


def _by_degree(owner: Integers, sensors: int) -> _Groups:
    order = np.append(np.argsort(owner, kind="stable"), len(owner))
    degrees = np.bincount(owner, minlength=sensors)
    first = np.concatenate([[0], np.cumsum(degrees)[:-1]])
    # Few groups: each is compiled apart.
    sizes = np.where(degrees > 0, 2 ** np.ceil(np.log2(np.maximum(degrees, 1))), 0).astype(np.intp)
    edges, members = [], []
    for size in np.unique(sizes).tolist():
        alike = np.flatnonzero(sizes == size)
        members.append(alike)
        nth = np.arange(size)
        edges.append(order[np.where(nth < degrees[alike][:, None], first[alike][:, None] + nth, len(owner))])
    place = np.empty(sensors, dtype=np.intp)
    place[np.concatenate(members)] = np.arange(sensors)
    return _Groups(edges, place)


def _sums(groups: _Groups, heard: Integers, shares: Array, values: Array) -> Array:
    shares, heard = jnp.append(shares, 0.0), np.append(heard, 0)
    sums = [jnp.einsum("nd,ndf->nf", shares[edges], values[heard[edges]]) for edges in groups.edges]
    return jnp.concatenate(sums)[groups.place]
