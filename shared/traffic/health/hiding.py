"""Which of its last readings a forecast does not see, because they are doubted: it takes them for missing. Pure.

Of a sensor that repeats itself the first readings are no better than the one by which it was found out.
"""

import numpy as np

from shared.traffic.arrays import Flags, Floats
from shared.traffic.health.rules import TENTH, Doubt, Reasons


def hidden(speed_mph: Floats, doubt: Reasons) -> Flags:
    """Which readings are doubted, by what was known when the last of them came: (B, windows, N).

    Args:
        speed_mph: (B, windows, N), oldest first, NaN where missing.
        doubt: what was wrong with each when it came, see `Doubt`, in the same shape.
    """
    found: Flags = doubt != Doubt.NONE
    stuck = doubt == Doubt.STUCK
    if not stuck.any():
        return found
    found = found.copy()
    follows = np.full(speed_mph[:, 0].shape, np.nan)
    for row in reversed(range(speed_mph.shape[1])):
        now = speed_mph[:, row]
        found[:, row] |= np.abs(now - follows) < TENTH
        # The speed of a run that was found out goes on backwards, over windows without a reading, until another comes.
        follows = np.where(
            np.isnan(now), follows, np.where(stuck[:, row] | (np.abs(now - follows) < TENTH), now, np.nan)
        )
    return found


def without_doubted(speed_mph: Floats, doubt: Reasons | None) -> Floats:
    """The history with NaN for what is doubted, (B, windows, N); `None`: nothing is."""
    if doubt is None or not doubt.any():
        return speed_mph
    return np.where(hidden(speed_mph, doubt), np.nan, speed_mph)


def learned_speed(speed_mph: Floats, doubt: Reasons) -> Floats:
    """What is learned of the oldest of some windows, (N,): its speed, NaN where it is hidden by what came after it.

    Args:
        speed_mph: (windows, N): that one, and all that come before it is learned.
        doubt: what was wrong with each when it came.
    """
    learned: Floats = without_doubted(speed_mph[None], doubt[None])[0, 0]
    return learned
