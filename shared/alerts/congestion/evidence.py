"""Why there is a congestion alert: the rule, the drop of speed that it asks for, and the windows that show it. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from shared.alerts.congestion.queues import CongestionRule, Queue
from shared.alerts.lifecycle.changes import EVIDENCE_WINDOWS
from shared.events.records import AlertEvidence, MeasuredWindow
from shared.traffic.arrays import Floats
from shared.traffic.roadway import Roadway

RULE = "bottleneck"
MEASURE = "speed_drop_mph"


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """The windows that a step shows: `speed_mph` (points, sensors) and `usual_mph` (sensors,), in road order."""

    road: Roadway
    at: datetime
    speed_mph: Floats
    usual_mph: Floats
    rule: CongestionRule

    def evidence(self, queue: Queue) -> tuple[AlertEvidence, ...]:
        """The windows of the sensor where the rule holds most; nothing where it holds nowhere any more.

        What is usual is known for the newest window alone.
        """
        if queue.witness is None or queue.drop_mph < self.rule.drop_mph:
            return ()
        sensor_id = queue.witness.sensor_id
        position = self.road.positions[self.road.network.index[sensor_id]]
        speeds = self.speed_mph[-EVIDENCE_WINDOWS:, position]
        window: timedelta = self.road.network.window
        windows = tuple(
            MeasuredWindow(
                sensor_id=sensor_id,
                window_end=self.at - (len(speeds) - 1 - row) * window,
                speed_mph=_mph(speed),
                usual_mph=_mph(self.usual_mph[position]) if row == len(speeds) - 1 else None,
                forecast_mph=None,
            )
            for row, speed in enumerate(speeds)
        )
        return (AlertEvidence(RULE, MEASURE, round(queue.drop_mph, 1), self.rule.drop_mph, None, None, windows),)

    def newest_mph(self, queue: Queue) -> float:
        """The newest speed at that sensor, or that of the whole queue where the rule holds nowhere any more."""
        if queue.witness is None:
            return queue.mean_speed_mph
        speeds = self.speed_mph[:, self.road.positions[self.road.network.index[queue.witness.sensor_id]]]
        told = speeds[np.isfinite(speeds)]
        return float(told[-1]) if told.size else queue.mean_speed_mph


def _mph(speed: float) -> float | None:
    return round(float(speed), 1) if np.isfinite(speed) else None
