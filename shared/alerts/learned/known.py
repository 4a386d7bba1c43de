"""What is known of a network's sensors at one step. Pure."""

from dataclasses import dataclass

from shared.traffic.arrays import Flags, Floats


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What was learned, as it holds for one window: (sensors,) each in `network.sensors` order, NaN where not known.

    `usual_mph` is the usual speed of this window, by type of day and time of day; `free_flow_mph` the 85th percentile
    of off-peak speeds; `believed` says which detectors' readings are to be believed.
    """

    usual_mph: Floats
    free_flow_mph: Floats
    believed: Flags
