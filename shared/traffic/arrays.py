"""Names of the array types, for what is known of all sensors at once. Pure."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Compact: TypeAlias = NDArray[np.float32]
Integers: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]
