"""How bad traffic is where an incident is, in the measures of a queue. Pure."""

import numpy as np

from shared.alerts.congestion.queues import Queue
from shared.alerts.congestion.reference import CRAWL_MPH, mean_where_known, reference_mph
from shared.traffic.arrays import Floats
from shared.traffic.roadway import Roadway
from shared.traffic.usual.speeds import UsualSpeeds


def measured(road: Roadway, positions: tuple[int, ...], speeds_mph: Floats, usual: UsualSpeeds) -> Queue:
    """The stretch of these positions as a queue, by the newest speed of each sensor; 0 mph where none spoke.

    Args:
        road: the layout of the network.
        positions: in road order.
        speeds_mph: (points, sensors) mean speeds, oldest point first, NaN where missing.
        usual: what is usual at each sensor.
    """
    here = list(positions)
    speed = newest(speeds_mph)[here]
    miles = road.length_miles[here]
    sensors = tuple(road.sensors[position] for position in here)
    lanes = [sensor.lane_count for sensor in sensors if sensor.lane_count is not None]
    hours = miles / np.maximum(speed, CRAWL_MPH) - miles / reference_mph(usual.free_flow_mph[here])
    return Queue(
        road_name=sensors[0].road_name,
        sensors=sensors,
        detected=True,
        extent_miles=float(miles.sum()),
        mean_speed_mph=mean_where_known(speed, miles) or 0.0,
        delay_minutes=float(60 * np.nansum(np.maximum(hours, 0.0))),
        drop_mph=0.0,
        lanes=sum(lanes) / len(lanes) if lanes else None,
        evidence=1.0,
        free_flow_mph=mean_where_known(usual.free_flow_mph[here], miles),
    )


def newest(speeds_mph: Floats) -> Floats:
    """The newest speed that each sensor told: (sensors,), NaN where none."""
    latest = np.full(speeds_mph.shape[1], np.nan)
    for row in speeds_mph:
        latest = np.where(np.isfinite(row), row, latest)
    return latest
