"""What the sensors show of an advisory, as the alert's record keeps it. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import numpy as np

from shared.alerts.advisories.evidence import LEAST_SHARE, Evidence
from shared.events.records import AlertEvidence, MeasuredWindow
from shared.traffic.arrays import Floats
from shared.traffic.network import Network, Sensor

RULE, MEASURE = "advisory", "share_of_sensors_congested"
MAX_WINDOWS = 12
DIGITS = 3


class Measured(Protocol):
    """Speeds (points, sensors) in the order of the network's sensors; (sensors,) what is usual now, where known."""

    @property
    def speed_mph(self) -> Floats:
        """Oldest first, NaN where missing."""

    @property
    def usual_mph(self) -> Floats | None:
        """NaN or infinite where unknown."""


def recorded(
    found: Evidence, network: Network, sensors: Sequence[Sensor], at: datetime, measured: Measured
) -> tuple[AlertEvidence, ...]:
    """The evidence for a record, with the newest windows of the slowest sensors; none where no sensor was heard.

    Args:
        found: what is seen.
        network: of the sensors.
        sensors: those of the advisory, in road order.
        at: end of the newest window.
        measured: what it is seen in.
    """
    if not found.heard:
        return ()
    columns = [network.index[sensor.sensor_id] for sensor in sensors]
    speed = measured.speed_mph[-1, columns]
    usual = np.full(len(columns), np.nan) if measured.usual_mph is None else measured.usual_mph[columns]
    windows = tuple(
        MeasuredWindow(sensors[place].sensor_id, at, _known(speed[place]), _known(usual[place]), None)
        for place in sorted(np.argsort(speed, kind="stable")[:MAX_WINDOWS])
    )
    share = round(found.congested / found.heard, DIGITS)
    return (AlertEvidence(RULE, MEASURE, share, LEAST_SHARE, None, None, windows),)


def _known(speed_mph: float) -> float | None:
    return float(speed_mph) if np.isfinite(speed_mph) else None
