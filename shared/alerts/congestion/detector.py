"""One step of a network in, the changes of its congestion alerts out. Pure."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from shared.alerts.congestion.alerts import Materiality, Moment, QueueStep
from shared.alerts.congestion.delay import Costs, vehicle_hours
from shared.alerts.congestion.evidence import Windows
from shared.alerts.congestion.queues import CongestionRule, Queue, find_queues, heard_sensors
from shared.alerts.congestion.reference import reference_mph
from shared.alerts.learned.sensors import LearnedSensors
from shared.alerts.lifecycle.board import AlertBoard, RoadAlerts
from shared.alerts.lifecycle.changes import Listening, by_road, changes_by_road
from shared.events.records import AlertType, TrafficAlert
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.roadway import roadway
from shared.traffic.usual.speeds import UsualSpeeds


class CongestionDetector:
    """Applies the bottleneck rule to a network, step by step; keeps no state but the layout of the roads."""

    alert_type = AlertType.CONGESTION

    def __init__(self, network: Network, rule: CongestionRule, material: Materiality) -> None:
        self.network = network
        self.rule = rule
        self.material = material
        self.road = roadway(network)

    def changes(
        self,
        board: AlertBoard,
        at: datetime,
        speed_mph: Floats,
        share_observed: Floats,
        volume_vehicles: Floats | None = None,
        learned: LearnedSensors | None = None,
    ) -> list[list[TrafficAlert]]:
        """What the step that ends at `at` changes, one list for each carriageway.

        Args:
            board: the alerts on the log; it is not changed.
            at: end of the newest window, UTC.
            speed_mph: (points, sensors) mean speeds, oldest first, in `network.sensors` order, NaN where missing.
            share_observed: (points, sensors) part of each window that was observed, 0-1, NaN where it did not come.
            volume_vehicles: (points, sensors) vehicles on all lanes, NaN where unknown; `None`: nowhere known.
            learned: what was learned of the sensors, as it holds for the newest window; `None`: nothing, and all
                of them are believed.
        """
        moment = self.look(board.active(), at, speed_mph, share_observed, volume_vehicles, learned)

        def change(_: str, there: Sequence[RoadAlerts], queues: Sequence[Queue]) -> list[TrafficAlert]:
            return self.on_road(board, moment, there[0], queues)

        return changes_by_road([board], moment.at, by_road(moment.queues, lambda queue: queue.road_name), change)

    def look(
        self,
        active: Sequence[TrafficAlert],
        at: datetime,
        speed_mph: Floats,
        share_observed: Floats,
        volume_vehicles: Floats | None = None,
        learned: LearnedSensors | None = None,
    ) -> Moment:
        """What the step that ends at `at` shows, see `changes`; `active` are all alerts that queues belong to."""
        points, road = self.rule.points, self.road
        told = speed_mph[:, road.columns]
        believed = np.ones(len(road.sensors), np.bool_) if learned is None else learned.believed[road.columns]
        longer = np.where(believed, told, np.nan)
        speed = longer[-points:]
        volume = np.full_like(speed, np.nan) if volume_vehicles is None else volume_vehicles[-points:, road.columns]
        usual = UsualSpeeds.unknown(len(road.sensors)) if learned is None else learned.speeds.along(road)
        members = road.flags(sensor_id for alert in active for sensor_id in alert.affected_sensors)
        cost = vehicle_hours(speed, volume, road.length_miles, reference_mph(usual.free_flow_mph), self.rule.leave_mph)
        return Moment(
            at=at,
            queues=find_queues(road, longer, share_observed[-points:, road.columns], members, self.rule, usual),
            listening=Listening(road, heard_sensors(told[-points:]), believed, points * self.network.window),
            costs=Costs(at, self.network.window, cost),
            windows=Windows(road, at, speed, usual.usual_mph, self.rule),
        )

    def on_road(
        self, board: AlertBoard, moment: Moment, there: RoadAlerts, queues: Sequence[Queue]
    ) -> list[TrafficAlert]:
        """What the queues of one carriageway change; `there` are its alerts on `board`, which is left as it is."""
        step = QueueStep(moment.at, board, self.road, moment, self.material, there)
        return step.advance(there, queues).changes

    def silence(self, board: AlertBoard, since: datetime) -> list[list[TrafficAlert]]:
        """What changes when the whole network has said nothing for as long as the rule looks back, from `since` on."""
        nothing = np.full((self.rule.points, len(self.network.sensors)), np.nan)
        return self.changes(board, since + self.rule.points * self.network.window, nothing, nothing)
