"""What is usual at each sensor in one window, as everybody is told it. Pure."""

from dataclasses import dataclass

import numpy as np

from shared.traffic.arrays import Floats
from shared.traffic.roadway import Roadway


@dataclass(frozen=True, slots=True, eq=False)
class UsualSpeeds:
    """Speeds of one window: (sensors,) mph, NaN where not known.

    Attributes:
        usual_mph: what is usual at that time of the week.
        free_flow_mph: what is usual while traffic does not hinder.
    """

    usual_mph: Floats
    free_flow_mph: Floats

    @classmethod
    def unknown(cls, sensors: int) -> "UsualSpeeds":
        """Nothing is known."""
        nothing = np.full(sensors, np.nan)
        return cls(nothing, nothing)

    def along(self, road: Roadway) -> "UsualSpeeds":
        """The same in road order, where it was in `network.sensors` order."""
        return UsualSpeeds(self.usual_mph[road.columns], self.free_flow_mph[road.columns])
