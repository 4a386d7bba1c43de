"""Distributions of residuals as counts on a grid: their quantiles, and how thin groups lean on their parents. Pure.

Counts add up, so a group's are the sum of those of the groups below it, and nothing is sorted.
"""

from collections.abc import Callable
from math import prod

import numpy as np

from shared.traffic.arrays import Floats, Integers

FINEST, WIDEST, HALF = 0.5, 100.0, 120
LEAN = 100.0
"""The number of pairs that weigh as much as what the parent group says: residuals of one hour are not independent."""

_REACH = float(np.arcsinh(WIDEST / FINEST))
EDGES: Floats = FINEST * np.sinh(np.linspace(-_REACH, _REACH, 2 * HALF + 1))
"""Of the grid: steps of 0.03 around 0, of 5 % of the value further out."""
BINS = len(EDGES) - 1


def places(values: Floats) -> Integers:
    """The bin that each value falls in; what lies beyond the grid falls in the outermost ones."""
    place = np.floor((np.arcsinh(values / FINEST) + _REACH) * (HALF / _REACH)).astype(np.intp)
    return np.clip(place, 0, BINS - 1)


def counts(group: Integers, place: Integers, groups: int, weight: Floats | None = None) -> Floats:
    """How many values of each group fall into each bin, or the sum of their weights: (groups, BINS), of flat arrays."""
    found = np.bincount(group * BINS + place, weight, minlength=groups * BINS)
    return found.reshape(groups, BINS).astype(np.float64)


def quantile(histogram: Floats, share: float, beyond: float = 0.0) -> Floats:
    """The quantile of counts (…, BINS): (…), interpolated within its bin, NaN where there is nothing.

    `beyond` counts values above all others: 1 is the finite-sample correction of split conformal prediction.
    """
    below = np.cumsum(histogram, axis=-1)
    total = below[..., -1]
    rank = np.minimum(share * (total + beyond), total)
    place = np.minimum((below < rank[..., None]).sum(axis=-1), BINS - 1)
    inside = np.take_along_axis(histogram, place[..., None], axis=-1)[..., 0]
    before = np.take_along_axis(below, place[..., None], axis=-1)[..., 0] - inside
    part = np.divide(rank - before, inside, out=np.ones_like(rank), where=inside > 0)
    found = EDGES[place] + np.clip(part, 0.0, 1.0) * (EDGES[place + 1] - EDGES[place])
    return np.where(total > 0, found, np.nan)


def shrunken(
    sums: Floats, shape: tuple[int, ...], statistic: Callable[[Floats], Floats], groups: Integers | None = None
) -> Floats:
    """A statistic of every group, where one with few pairs leans on the group it is part of.

    A group of n pairs weighs n / (n + `LEAN`), as in the empirical Bayes of Bühlmann's credibility theory ('Experience
    rating and credibility', ASTIN Bulletin 4, 1967).

    Args:
        sums: (n, K), of the groups that have any pairs, the K of a group sum to their number.
        shape: of the taxonomy, the coarsest first.
        statistic: makes (…) of (…, K).
        groups: the number of each in the whole taxonomy, (n,), ascending; else they are all there.

    Returns:
        The statistic of all groups, flat.
    """
    here = np.arange(len(sums)) if groups is None else groups
    value = statistic(sums.sum(axis=0, keepdims=True))
    for level in range(1, len(shape) + 1):
        # Most groups of a fine taxonomy are empty: whatever is done is done to the others alone.
        part = here // prod(shape[level:])
        first = np.flatnonzero(np.diff(part, prepend=-1))
        own, some = np.add.reduceat(sums, first, axis=0), part[first]
        pairs = own.sum(axis=-1)
        weight = pairs / (pairs + LEAN)
        value = np.repeat(value, shape[level - 1])
        value[some] = weight * np.nan_to_num(statistic(own)) + (1 - weight) * value[some]
    return value
