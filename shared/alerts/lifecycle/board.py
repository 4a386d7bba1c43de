"""The alerts of one network, rebuilt from the records on the log and kept from those sent. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain

from shared.alerts.lifecycle.duration import MAX_SAMPLES
from shared.events.records import AlertId, AlertType, SensorId, TrafficAlert
from shared.traffic.network import Network

ELSEWHERE = ""
"""The carriageway of an alert none of whose sensors is in the network any more."""


REWOUND = timedelta(days=1)
"""An event time this far behind an alert's last change is that of another feed, a replay say, not of a restart."""


def is_past(alert: TrafficAlert, at: datetime) -> bool:
    """Whether a moment at `at` has had its effect on an alert that changes by itself, not with its carriageway.

    A moment may change it that is the same as that of its last change: what it is about changes between steps, too.
    """
    return alert.updated_at - REWOUND < at < alert.updated_at


@dataclass(slots=True)
class RoadAlerts:
    """The alerts on one carriageway: the active ones, and the event time of the newest change of any."""

    active: dict[AlertId, TrafficAlert] = field(default_factory=dict)
    changed_at: datetime | None = None

    def is_news(self, at: datetime) -> bool:
        """Whether a step at `at` has not had its effect here already."""
        return self.changed_at is None or at > self.changed_at


@dataclass
class AlertBoard:
    """What is known of one network's alerts of one type: nothing but what the records themselves say.

    A carriageway's changes of one step reach the log together or not at all, so a step at or before `changed_at` of a
    carriageway has had all its effect there already.
    """

    network: Network
    alert_type: AlertType
    roads: dict[str, RoadAlerts] = field(default_factory=dict)
    _past: dict[SensorId, list[tuple[datetime, datetime]]] = field(default_factory=dict)

    @classmethod
    def rebuilt(cls, network: Network, alert_type: AlertType, log: Iterable[TrafficAlert]) -> "AlertBoard":
        """The board that a log of alert records leaves, of whatever networks and types, in whatever order per alert."""
        latest: dict[AlertId, TrafficAlert] = {}
        for alert in log:
            if alert.network_id == network.network_id and alert.alert_type is alert_type:
                known = latest.get(alert.alert_id)
                if known is None or alert.revision > known.revision:
                    latest[alert.alert_id] = alert
        board = cls(network, alert_type)
        board.apply(sorted(latest.values(), key=lambda alert: (alert.updated_at, alert.alert_id)))
        return board

    def apply(self, changes: Sequence[TrafficAlert]) -> None:
        """Take in what was sent."""
        for alert in changes:
            road = self.roads.setdefault(self.road_of(alert), RoadAlerts())
            road.changed_at = alert.updated_at if road.changed_at is None else max(road.changed_at, alert.updated_at)
            if alert.active:
                road.active[alert.alert_id] = alert
            else:
                road.active.pop(alert.alert_id, None)
                self._remember(alert)

    def active(self) -> Sequence[TrafficAlert]:
        """Every active alert, oldest first."""
        everywhere = chain.from_iterable(road.active.values() for road in self.roads.values())
        return sorted(everywhere, key=lambda alert: (alert.raised_at, alert.alert_id))

    def past(self, head: SensorId) -> Sequence[tuple[datetime, datetime]]:
        """When the last alerts whose queue began at `head` were raised and cleared, oldest first."""
        return self._past.get(head, ())

    def past_minutes(self, head: SensorId) -> Sequence[float]:
        """How long they were active."""
        return [(cleared_at - raised_at) / timedelta(minutes=1) for raised_at, cleared_at in self.past(head)]

    def road_of(self, alert: TrafficAlert) -> str:
        """The carriageway of an alert."""
        index: Mapping[SensorId, int] = self.network.index
        here = next((sensor_id for sensor_id in alert.affected_sensors if sensor_id in index), None)
        return ELSEWHERE if here is None else self.network[here].road_name

    def _remember(self, alert: TrafficAlert) -> None:
        if alert.cleared_at is not None and alert.affected_sensors:
            past = self._past.setdefault(alert.affected_sensors[-1], [])
            past.append((alert.raised_at, alert.cleared_at))
            del past[:-MAX_SAMPLES]
