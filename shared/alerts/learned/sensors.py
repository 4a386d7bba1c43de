"""What was learned of a network's sensors, as it holds for one step. Pure."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from shared.alerts.learned.state import Learned
from shared.events.quantities import EPOCH
from shared.traffic.arrays import Flags
from shared.traffic.health.doubted import DoubtedSensor, DoubtedSensors
from shared.traffic.health.rules import Doubt
from shared.traffic.roadway import Roadway
from shared.traffic.usual.speeds import UsualSpeeds

LATEST_S = 2**37
"""Seconds since the epoch that a date can hold: what is beyond is no time."""


@dataclass(frozen=True, slots=True, eq=False)
class LearnedSensors:
    """What holds for one window: (sensors,) each in `network.sensors` order.

    `speeds` has the usual speed of this window, by type of day and time of day, and as free flow the 85th percentile of
    off-peak speeds; `believed` says which sensors' readings are to be believed.
    """

    speeds: UsualSpeeds
    believed: Flags


def doubted_sensors(road: Roadway, learned: Learned) -> DoubtedSensors:
    """Which sensors are not believed after the step that `learned` is of, why and since when."""
    lasting = learned.lasting
    since = np.clip(lasting.doubted_since, 0, LATEST_S)
    sensors = {
        road.sensors[position].sensor_id: DoubtedSensor(
            _doubt_of(int(lasting.doubt[position])), EPOCH + timedelta(seconds=int(since[position]))
        )
        for position in np.flatnonzero(lasting.doubt)
    }
    return DoubtedSensors(road.network.network_id, learned.step or EPOCH, sensors)


def _doubt_of(number: int) -> Doubt:
    """What a number on the log means; one that a later version wrote means that the sensor was doubted."""
    return Doubt(number) if number in set(Doubt) else Doubt.PROBATION
