"""Names of the array types, for what is known of all sensors at once, and how they are divided. Pure."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Compact: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]


def ratio(total: Floats, count: Floats) -> Floats:
    """`total` by `count` in the shape of both, NaN where the count is nothing."""
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
