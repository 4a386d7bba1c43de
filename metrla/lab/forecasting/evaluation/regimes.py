"""The regimes that errors are told apart by: free flow, onset, congestion, recovery. Pure.

When a sensor is congested says `shared.forecasting.calibration.congestion`, from its speeds in the training part.
A pair of origin and target is free flow or congested where both are, an onset where only the target is congested, a
recovery where only the origin is.
As the target decides too, regimes say where errors come from; nobody knows them in advance. What can be known is the
regime that a forecast announces, with the forecast in place of the target: confidence is judged by that.
"""

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from shared.traffic.arrays import Flags, Floats


class Regime(IntEnum):
    """What traffic does between an origin and its target."""

    FREE_FLOW = 0
    ONSET = 1
    CONGESTED = 2
    RECOVERY = 3

    @property
    def label(self) -> str:
        """As people read it: 'free flow'."""
        return self.name.lower().replace("_", " ")


def regimes(now_mph: Floats, then_mph: Floats, below_mph: Floats) -> NDArray[np.intp]:
    """The `Regime` of each pair, (origins, sensors, horizons); meaningless where a speed is missing.

    Args:
        now_mph: (origins, sensors), the last speed known at the origin.
        then_mph: (origins, sensors, horizons), the actual or the forecast speed.
        below_mph: (sensors,), see `congested_below`.
    """
    slow_now: Flags = (now_mph < below_mph)[:, :, None]
    slow_then: Flags = then_mph < below_mph[:, None]
    return np.select(
        (~slow_now & slow_then, slow_now & slow_then, slow_now & ~slow_then),
        (Regime.ONSET, Regime.CONGESTED, Regime.RECOVERY),
        Regime.FREE_FLOW,
    ).astype(np.intp)
