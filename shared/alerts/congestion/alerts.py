"""What is said of queues, and when it is worth saying: congestion as one kind of alert. Pure.

- A detected queue that touches no active alert raises one.
- An alert is updated when something changed that an operator acts on (`Materiality`), not at each step.
- It is cleared when none of its sensors is in a queue any more, and when none has spoken for as long as the rule
  looks back: then with a message that says so. `shared.alerts.lifecycle.step` says which queue is whose.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.alerts.congestion.confidence import congestion_confidence
from shared.alerts.congestion.delay import Costs, added, is_due
from shared.alerts.congestion.duration import QueueSigns, congestion_duration, signs_of
from shared.alerts.congestion.evidence import Windows
from shared.alerts.congestion.messages import cleared_message, congestion_message, location_of
from shared.alerts.congestion.queues import Queue
from shared.alerts.congestion.reference import is_recurrent
from shared.alerts.congestion.severity import severity_of, severity_of_cost
from shared.alerts.lifecycle.board import AlertBoard, RoadAlerts
from shared.alerts.lifecycle.changes import (
    AlertContent,
    Listening,
    alert_id_of,
    cleared,
    raised,
    reached,
    updated,
    worst_of,
)
from shared.alerts.lifecycle.duration import Estimate
from shared.alerts.lifecycle.step import KindStep
from shared.events.records import AlertSeverity, SensorId, TrafficAlert
from shared.traffic.roadway import Roadway


@dataclass(frozen=True, slots=True)
class Materiality:
    """What makes a change worth an update, beside another severity: another length of the queue, another head."""

    extent_miles: float = 1.5
    extent_share: float = 0.5
    head_miles: float = 3.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What a step shows: its time, the queues in road order, the sensors, and the windows and what they cost."""

    at: datetime
    queues: Sequence[Queue]
    listening: Listening
    costs: Costs
    windows: Windows


def signs_at(board: AlertBoard, moment: Moment, queue: Queue, raised_at: datetime) -> QueueSigns:
    """What tells at a moment how long a queue will last whose alert was raised at `raised_at`."""
    windows, network = moment.windows, board.network
    here = [int(windows.road.positions[network.index[sensor_id]]) for sensor_id in queue.sensor_ids]
    past, miles = board.past(queue.head.sensor_id), windows.road.length_miles[here]
    return signs_of(
        queue, windows.speed_mph[:, here], miles, raised_at, moment.at, past, network, windows.rule.slow_mph
    )


@dataclass(frozen=True, slots=True)
class QueueStep(KindStep[Queue]):
    """The queues of one carriageway at one step; `there` are its congestion alerts."""

    board: AlertBoard
    road: Roadway
    moment: Moment
    material: Materiality
    there: RoadAlerts

    def begins(self, queue: Queue, _: Sequence[TrafficAlert], /) -> bool:
        """See `KindStep.begins`."""
        return queue.detected and (queue.lasting or not self._waits(queue))

    def _waits(self, queue: Queue) -> bool:
        """Whether an active alert is so near that this queue may soon be part of it."""
        network, near = self.board.network, self.moment.windows.rule.waiting_miles
        first, last = queue.sensors[0].travel_miles, queue.head.travel_miles
        return any(
            first - near <= network[sensor_id].travel_miles <= last + near
            for alert in self.there.active.values()
            for sensor_id in alert.affected_sensors
            if sensor_id in network.index
        )

    def raised(self, queue: Queue, /) -> TrafficAlert:
        """See `KindStep.raised`."""
        at, network_id = self.at, self.board.network.network_id
        recurrent = is_recurrent(queue.usual_share)
        content = self._content(
            queue,
            severity_of(queue, recurrent=recurrent, hourly_vehicle_hours=self._hourly(queue)),
            recurrent,
            self._lasts(queue, at),
            added(None, self._cost(None, queue)),
        )
        alert_id = alert_id_of(self.board.alert_type, network_id, queue.head.sensor_id, at)
        return raised(alert_id, network_id, self.board.alert_type, at, content)

    def updated(self, alert: TrafficAlert, queue: Queue, /, *, crowded: bool) -> TrafficAlert | None:
        """See `KindStep.updated`."""
        recurrent = is_recurrent(queue.usual_share, known=alert.recurrent)
        severity = severity_of(queue, alert.severity, recurrent=recurrent, hourly_vehicle_hours=self._hourly(queue))
        cost = self._cost(alert, queue)
        age = (self.at - alert.raised_at) / timedelta(minutes=1)
        outlived = alert.estimated_duration_minutes is not None and age >= alert.estimated_duration_minutes
        unwritten = self.at - alert.updated_at
        told = self.moment.listening.look_back - self.board.network.window
        material = severity is not alert.severity or self._moved(alert, queue)
        if not (crowded or outlived or material or is_due(alert.delay_vehicle_hours, cost, unwritten, told)):
            return None
        lasts = self._lasts(queue, alert.raised_at)
        content = self._content(queue, severity, recurrent, lasts, added(alert.delay_vehicle_hours, cost))
        return updated(alert, self.at, content)

    def _content(
        self,
        queue: Queue,
        severity: AlertSeverity,
        recurrent: bool | None,  # noqa: FBT001 - a value of three, not a switch
        lasts: Estimate,
        delay_vehicle_hours: float | None,
    ) -> AlertContent:
        return AlertContent(
            severity=severity,
            message=congestion_message(queue, self.road.landmarks, recurrent=recurrent),
            location=location_of(queue, self.road.landmarks),
            latitude=queue.head.latitude,
            longitude=queue.head.longitude,
            affected_sensors=queue.sensor_ids,
            confidence_score=congestion_confidence(self.moment.windows.newest_mph(queue), queue.extent_miles),
            evidence=self.moment.windows.evidence(queue),
            lasts=lasts,
            delay_vehicle_hours=delay_vehicle_hours,
            recurrent=recurrent,
            worst_severity=severity_of_cost(delay_vehicle_hours),
        )

    def _hourly(self, queue: Queue) -> float | None:
        return self.moment.costs.per_hour(self.road.flags(queue.sensor_ids), self.moment.windows.rule.recent_points)

    def _lasts(self, queue: Queue, raised_at: datetime) -> Estimate:
        return congestion_duration(signs_at(self.board, self.moment, queue, raised_at))

    def _moved(self, alert: TrafficAlert, queue: Queue) -> bool:
        known = self.road.extent_miles(alert.affected_sensors)
        change = abs(queue.extent_miles - known)
        if change >= max(self.material.extent_miles, self.material.extent_share * known):
            return True
        head = alert.affected_sensors[-1]
        index = self.board.network.index
        if head not in index:
            return True
        return abs(self.board.network[head].travel_miles - queue.head.travel_miles) >= self.material.head_miles

    def without(self, alert: TrafficAlert, survivor: TrafficAlert | None) -> str | None:
        """See `KindStep.without`."""
        message = self.moment.listening.message(alert, survivor)
        return message or cleared_message(alert, self.at - alert.raised_at)

    def cleared(self, alert: TrafficAlert, message: str) -> TrafficAlert:
        """See `KindStep.cleared`; what it cost until now is written with it."""
        cost = added(alert.delay_vehicle_hours, self._cost(alert, None))
        worst = worst_of(reached(alert), severity_of_cost(cost))
        return cleared(replace(alert, delay_vehicle_hours=cost, worst_severity=worst), self.at, message)

    def _cost(self, alert: TrafficAlert | None, queue: Queue | None) -> float | None:
        """Vehicle-hours that the alert does not say yet; what is at sensors of other alerts, these count."""
        if not self.moment.costs.known:
            return None
        mine: set[SensorId] = set() if alert is None else set(alert.affected_sensors)
        ours = mine.union(() if queue is None else queue.sensor_ids)
        others = {
            sensor_id
            for other in self.there.active.values()
            if alert is None or other.alert_id != alert.alert_id
            for sensor_id in other.affected_sensors
        }
        return self.moment.costs.since(None if alert is None else alert.updated_at, self.road.flags(ours - others))
