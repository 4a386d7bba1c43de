"""The forecasts of one origin for a whole network, gathered from single records. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from shared.alerts.expectations.probability import probability_below
from shared.events.records import SensorId, TrafficPrediction
from shared.traffic.arrays import Floats
from shared.traffic.roadway import Roadway

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """What is expected at an origin `at`: arrays in road order, NaN where nothing was told.

    `minutes` (horizons,) ahead, ascending; `probability` (horizons, sensors) of slow traffic then; `predicted_mph`
    (horizons, sensors); `current_mph` (sensors,); `models` name and version of the model that spoke for each sensor.
    """

    at: datetime
    minutes: tuple[int, ...]
    probability: Floats
    predicted_mph: Floats
    current_mph: Floats
    models: tuple[tuple[str, str] | None, ...]

    def target(self, horizon: int) -> datetime:
        """The time that a horizon speaks of."""
        return self.at + self.minutes[horizon] * MINUTE


def outlook(road: Roadway, at: datetime, told: Mapping[SensorId, TrafficPrediction], slow_mph: float) -> Outlook:
    """Put the forecasts of one origin together; sensors that the network does not have are left out.

    Args:
        road: the layout of the network.
        at: the origin.
        told: what was forecast, by sensor.
        slow_mph: traffic below this speed is slow.
    """
    minutes = tuple(sorted({one.horizon_minutes for each in told.values() for one in each.horizons}))
    rows = {horizon: row for row, horizon in enumerate(minutes)}
    quantiles = np.full((3, len(minutes), len(road.sensors)), np.nan)
    current = np.full(len(road.sensors), np.nan)
    models: list[tuple[str, str] | None] = [None] * len(road.sensors)
    for position, sensor in enumerate(road.sensors):
        each = told.get(sensor.sensor_id)
        if each is None:
            continue
        models[position] = each.model_name, each.model_version
        if each.current_speed_mph is not None:
            current[position] = each.current_speed_mph
        for one in each.horizons:
            row = rows[one.horizon_minutes]
            quantiles[:, row, position] = one.predicted_speed_mph, one.lower_speed_mph, one.upper_speed_mph
    return Outlook(at, minutes, probability_below(slow_mph, *quantiles), quantiles[0], current, tuple(models))
