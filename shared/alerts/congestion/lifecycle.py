"""From queues to alerts that are raised, updated and cleared. Pure: a function of the records and the queues.

- A detected queue that touches no standing alert raises one. Its id is made of the network, the sensor at its head and
  the end of the window that raised it, so the same windows raise the same alerts.
- A queue belongs to the oldest alert whose sensors it shares: alerts whose queues grow together become that one.
- An alert whose queue falls apart keeps the part that shares most sensors with it; a part that is detected by itself
  raises its own.
- An alert is updated when something changed that an operator acts on (`Materiality`), not at each step.
- It is cleared when none of its sensors stands in a queue any more, and when none has spoken for as long as the rule
  looks back: then with a message that says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.alerts.congestion.delay import Costs, added, is_due
from shared.alerts.congestion.evidence import Windows
from shared.alerts.congestion.normal import is_recurrent
from shared.alerts.congestion.queues import Queue
from shared.alerts.congestion.severity import severity_of
from shared.alerts.congestion.wording import (
    cleared_message,
    congestion_message,
    doubted_message,
    location_of,
    merged_message,
    removed_message,
    silent_message,
)
from shared.alerts.lifecycle.board import AlertBoard, Carriageway
from shared.alerts.lifecycle.confidence import congestion_confidence
from shared.alerts.lifecycle.duration import Estimate, congestion_duration
from shared.alerts.roadway import Flags, Roadway
from shared.events.records import AlertId, AlertStatus, SensorId, TrafficAlert
from shared.traffic.calendar import is_day_off


@dataclass(frozen=True, slots=True)
class Materiality:
    """What makes a change worth an update, beside another severity: another length of the queue, another head."""

    extent_miles: float = 1.5
    extent_share: float = 0.5
    head_miles: float = 2.0


@dataclass(frozen=True, slots=True)
class Moment:
    """What a step shows: its time, the queues in road order, and the windows and what they cost.

    `heard` sensors have spoken within `look_back`, `believed` ones are in order.
    """

    at: datetime
    queues: Sequence[Queue]
    heard: Flags
    believed: Flags
    look_back: timedelta
    costs: Costs
    windows: Windows


def advance(board: AlertBoard, road: Roadway, moment: Moment, material: Materiality) -> list[list[TrafficAlert]]:
    """What a step changes: one list for each carriageway where it changes anything, to be written together.

    The board is left as it is. Nothing changes on a carriageway that has seen this step or a later one.
    """
    queues: dict[str, list[Queue]] = {}
    for queue in moment.queues:
        queues.setdefault(queue.road_name, []).append(queue)
    changes = []
    for name in sorted(queues.keys() | {name for name, there in board.roads.items() if there.standing}):
        there = board.roads.get(name, Carriageway())
        if there.changed_at is None or moment.at > there.changed_at:
            changed = _Step(board, road, moment, material, there).changes(queues.get(name, []))
            if changed:
                changes.append(changed)
    return changes


@dataclass(frozen=True, slots=True)
class _Step:
    board: AlertBoard
    road: Roadway
    moment: Moment
    material: Materiality
    there: Carriageway

    def changes(self, queues: list[Queue]) -> list[TrafficAlert]:
        """Cleared ones first, then updates, then new ones, so that no sensor has two alerts on the way."""
        standing = sorted(self.there.standing.values(), key=lambda alert: (alert.raised_at, alert.alert_id))
        owned = assign(standing, queues)
        owners = {number: alert for alert in standing if (number := owned.get(alert.alert_id)) is not None}
        raised = [queue for number, queue in enumerate(queues) if queue.detected and number not in owners]
        cleared = [self._ended(alert, queues, owners) for alert in standing if alert.alert_id not in owned]
        updated = []
        for number, alert in owners.items():
            others = {
                sensor_id
                for other, queue in enumerate(queues)
                if other != number and (other in owners or queue.detected)
                for sensor_id in queue.sensor_ids
            }
            change = self._grown(alert, queues[number], crowded=not others.isdisjoint(alert.affected_sensors))
            if change is not None:
                updated.append(change)
        return [*cleared, *updated, *map(self._raised, raised)]

    def _raised(self, queue: Queue) -> TrafficAlert:
        at, network_id = self.moment.at, self.board.network.network_id
        recurrent = is_recurrent(queue.usual_share)
        lasts = self._lasts(queue, at, 0.0)
        return TrafficAlert(
            alert_id=AlertId(f"{self.board.alert_type}-{network_id}-{queue.head.sensor_id}-{at:%Y%m%dT%H%M}"),
            network_id=network_id,
            alert_type=self.board.alert_type,
            severity=severity_of(queue, recurrent=recurrent),
            status=AlertStatus.RAISED,
            revision=1,
            message=congestion_message(queue, self.road.landmarks, recurrent=recurrent),
            location=location_of(queue, self.road.landmarks),
            raised_at=at,
            updated_at=at,
            cleared_at=None,
            latitude=queue.head.latitude,
            longitude=queue.head.longitude,
            affected_sensors=queue.sensor_ids,
            estimated_duration_minutes=lasts.median_minutes,
            confidence_score=self._confidence(queue),
            delay_vehicle_hours=added(None, self._cost(None, queue)),
            recurrent=recurrent,
            estimated_duration_lower_minutes=lasts.lower_minutes,
            estimated_duration_upper_minutes=lasts.upper_minutes,
            evidence=self.moment.windows.evidence(queue),
        )

    def _grown(self, alert: TrafficAlert, queue: Queue, *, crowded: bool) -> TrafficAlert | None:
        recurrent = is_recurrent(queue.usual_share, standing=alert.recurrent)
        severity = severity_of(queue, alert.severity, recurrent=recurrent)
        cost = self._cost(alert, queue)
        age = (self.moment.at - alert.raised_at) / timedelta(minutes=1)
        outlived = alert.estimated_duration_minutes is not None and age >= alert.estimated_duration_minutes
        unwritten = self.moment.at - alert.updated_at
        told = self.moment.look_back - self.board.network.window
        material = severity is not alert.severity or self._moved(alert, queue)
        if not (crowded or outlived or material or is_due(alert.delay_vehicle_hours, cost, unwritten, told)):
            return None
        lasts = self._lasts(queue, alert.raised_at, age)
        return replace(
            alert,
            severity=severity,
            status=AlertStatus.UPDATED,
            revision=alert.revision + 1,
            message=congestion_message(queue, self.road.landmarks, recurrent=recurrent),
            location=location_of(queue, self.road.landmarks),
            updated_at=self.moment.at,
            latitude=queue.head.latitude,
            longitude=queue.head.longitude,
            affected_sensors=queue.sensor_ids,
            estimated_duration_minutes=lasts.median_minutes,
            confidence_score=self._confidence(queue),
            delay_vehicle_hours=added(alert.delay_vehicle_hours, cost),
            recurrent=recurrent,
            estimated_duration_lower_minutes=lasts.lower_minutes,
            estimated_duration_upper_minutes=lasts.upper_minutes,
            evidence=self.moment.windows.evidence(queue) or alert.evidence,
        )

    def _lasts(self, queue: Queue, raised_at: datetime, age_minutes: float) -> Estimate:
        network = self.board.network
        local = raised_at.astimezone(network.time_zone)
        past = self.board.past_minutes(queue.head.sensor_id)
        return congestion_duration(local, past, age_minutes, day_off=is_day_off(network, local.date()))

    def _confidence(self, queue: Queue) -> float:
        return congestion_confidence(self.moment.windows.newest_mph(queue), queue.extent_miles)

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

    def _ended(self, alert: TrafficAlert, queues: list[Queue], owners: dict[int, TrafficAlert]) -> TrafficAlert:
        touching = _touching(alert.affected_sensors, queues)
        survivor = next((owners[number] for number in touching if number in owners), None)
        sensors = self.road.flags(alert.affected_sensors)
        if survivor is not None:
            message = merged_message(alert, survivor)
        elif not sensors.any():
            message = removed_message(alert)
        elif not (sensors & self.moment.heard).any():
            message = silent_message(alert, self.moment.look_back)
        elif not (sensors & self.moment.believed).any():
            message = doubted_message(alert)
        else:
            message = cleared_message(alert, self.moment.at - alert.raised_at)
        return replace(
            alert,
            status=AlertStatus.CLEARED,
            revision=alert.revision + 1,
            message=message,
            updated_at=self.moment.at,
            cleared_at=self.moment.at,
            delay_vehicle_hours=added(alert.delay_vehicle_hours, self._cost(alert, None)),
        )

    def _cost(self, alert: TrafficAlert | None, queue: Queue | None) -> float | None:
        """Vehicle-hours that the alert does not say yet; what other alerts stand for they count themselves."""
        if not self.moment.costs.known:
            return None
        mine: set[SensorId] = set() if alert is None else set(alert.affected_sensors)
        ours = mine.union(() if queue is None else queue.sensor_ids)
        others = {
            sensor_id
            for other in self.there.standing.values()
            if alert is None or other.alert_id != alert.alert_id
            for sensor_id in other.affected_sensors
        }
        return self.moment.costs.since(None if alert is None else alert.updated_at, self.road.flags(ours - others))


class Covering(Protocol):
    """What covers sensors: a queue, or what else an alert can own."""

    @property
    def sensor_ids(self) -> tuple[SensorId, ...]:
        """Ids of the sensors, upstream first."""
        ...


def assign(standing: Sequence[TrafficAlert], queues: Sequence[Covering]) -> dict[AlertId, int]:
    """Which queue each alert keeps, oldest alert first; one that finds none left has ended."""
    owned: dict[AlertId, int] = {}
    for alert in standing:
        free = [number for number in _touching(alert.affected_sensors, queues) if number not in owned.values()]
        if free:
            owned[alert.alert_id] = free[0]
    return owned


def _touching(sensors: Sequence[SensorId], queues: Sequence[Covering]) -> list[int]:
    """Numbers of the queues that share sensors, most shared first, of equals the one furthest downstream."""
    mine = set(sensors)
    shared = {number: len(mine.intersection(queue.sensor_ids)) for number, queue in enumerate(queues)}
    return sorted((number for number, count in shared.items() if count), key=lambda number: (-shared[number], -number))
