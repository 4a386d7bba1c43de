"""Which alarms and which slow traffic have one cause: footprints. Pure.

Alarms of neighbouring sensors on a carriageway (no further apart than the congestion rule's gap) are one footprint, and
so is the queue that they touch; a queue that touches an active incident alone is one, too. A queue whose congestion
alert was raised more than `OLD_QUEUE` before the incident is not its doing: the incident is inside it by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from shared.alerts.congestion.queues import CongestionRule, Queue, stretches
from shared.alerts.lifecycle.changes import assign
from shared.events.records import AlertId, SensorId, TrafficAlert
from shared.traffic.arrays import Flags
from shared.traffic.roadway import Roadway

OLD_QUEUE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What one incident covers: positions in road order, those of them that alarm, numbers of the queues in it."""

    positions: tuple[int, ...]
    alarmed: tuple[int, ...]
    queues: tuple[int, ...]
    sensor_ids: tuple[SensorId, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """One carriageway at one step: its queues, where it alarms, and its active alerts, oldest first.

    `heard` sensors have told a speed in the windows that the congestion rule looks at.
    """

    at: datetime
    road: Roadway
    rule: CongestionRule
    queues: Sequence[Queue]
    alarmed: Flags
    heard: Flags
    incidents: Sequence[TrafficAlert]
    congestion: Sequence[TrafficAlert]


def footprints(scene: Scene) -> list[Footprint]:
    """The footprints of a carriageway in road order."""
    index = scene.road.network.index
    owners = queue_owners(scene.congestion, scene.queues)
    parts: list[tuple[set[int], set[int], set[int]]] = [
        ({*map(int, stretch)}, {*map(int, stretch)}, set())
        for stretch in stretches(scene.road, scene.alarmed, scene.heard, scene.rule)
    ]
    for number, queue in enumerate(scene.queues):
        touching = [one for one in scene.incidents if not set(one.affected_sensors).isdisjoint(queue.sensor_ids)]
        since = min((one.raised_at for one in touching), default=scene.at)
        owner = owners.get(number)
        if owner is not None and since - owner.raised_at > OLD_QUEUE:
            continue
        mine = {int(scene.road.positions[index[sensor_id]]) for sensor_id in queue.sensor_ids}
        joined = [part for part in parts if part[0] & mine]
        if joined or touching:
            parts = [part for part in parts if not part[0] & mine]
            parts.append((mine.union(*(one[0] for one in joined)), *_united(joined, number)))
    return [
        Footprint(tuple(sorted(all_of)), tuple(sorted(alarmed)), tuple(sorted(queues)), _ids(scene.road, all_of))
        for all_of, alarmed, queues in sorted(parts, key=lambda part: min(part[0]))
    ]


def queue_owners(alerts: Sequence[TrafficAlert], queues: Sequence[Queue]) -> Mapping[int, TrafficAlert]:
    """Which congestion alert each queue belongs to, oldest alert first; queues of none are left out."""
    by_id: dict[AlertId, TrafficAlert] = {alert.alert_id: alert for alert in alerts}
    return {number: by_id[alert_id] for alert_id, number in assign(alerts, queues).items()}


def _united(parts: Sequence[tuple[set[int], set[int], set[int]]], number: int) -> tuple[set[int], set[int]]:
    return set().union(*(part[1] for part in parts)), {number}.union(*(part[2] for part in parts))


def _ids(road: Roadway, positions: set[int]) -> tuple[SensorId, ...]:
    return tuple(road.sensors[position].sensor_id for position in np.sort(list(positions)))
