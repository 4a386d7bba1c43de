"""What was learned of a network's sensors, as it holds for one step. Pure."""

from dataclasses import dataclass

from shared.traffic.arrays import Flags
from shared.traffic.usual.speeds import UsualSpeeds


@dataclass(frozen=True, slots=True, eq=False)
class LearnedSensors:
    """What holds for one window: (sensors,) each in `network.sensors` order.

    `speeds` has the usual speed of this window, by type of day and time of day, and as free flow the 85th percentile of
    off-peak speeds; `believed` says which sensors' readings are to be believed.
    """

    speeds: UsualSpeeds
    believed: Flags
