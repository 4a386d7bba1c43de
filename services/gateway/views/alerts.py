"""The current state of every alert. Pure."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from services.gateway.views.known import require_alert
from shared.events.records import AlertActionKind, AlertId, AlertSeverity, AlertType, NetworkId, SensorId, TrafficAlert


@dataclass(frozen=True, slots=True)
class AlertQuery:
    """What a client asks for; `None` does not restrict. `after`: when the last one before was raised, and its id."""

    limit: int
    network_id: NetworkId | None = None
    severity: AlertSeverity | None = None
    alert_type: AlertType | None = None
    active: bool | None = None
    acknowledged: bool | None = None
    predicted: bool | None = None
    sensors: AbstractSet[tuple[NetworkId, SensorId]] | None = None
    after: tuple[datetime, AlertId] | None = None

    def matches(self, alert: TrafficAlert) -> bool:
        """Whether the alert is asked for."""
        return (
            (self.network_id is None or alert.network_id == self.network_id)
            and (self.severity is None or alert.severity is self.severity)
            and (self.alert_type is None or alert.alert_type is self.alert_type)
            and (self.active is None or alert.active is self.active)
            and (self.acknowledged is None or is_acknowledged(alert) is self.acknowledged)
            and (self.predicted is None or (alert.expected_at is not None) is self.predicted)
            and self._is_there(alert)
        )

    def _is_there(self, alert: TrafficAlert) -> bool:
        sensors = self.sensors
        return sensors is None or any((alert.network_id, each) in sensors for each in alert.affected_sensors)


def is_acknowledged(alert: TrafficAlert) -> bool:
    """Whether an operator said that it is seen."""
    return any(action.kind is AlertActionKind.ACKNOWLEDGE for action in alert.actions)


class AlertsView:
    """At most `max_alerts` alerts, each in its highest revision; the ones cleared longest ago are forgotten first."""

    def __init__(self, max_alerts: int) -> None:
        self._max_alerts = max_alerts
        self._alerts: dict[AlertId, TrafficAlert] = {}
        self._by_time: list[tuple[datetime, AlertId]] = []
        self._changed: dict[AlertId, None] = {}

    def __len__(self) -> int:
        return len(self._alerts)

    def get(self, alert_id: AlertId) -> TrafficAlert | None:
        """One alert; `None` where there is none, or no longer."""
        return self._alerts.get(alert_id)

    def apply(self, alert: TrafficAlert) -> bool:
        """Take one alert in; returns whether it changed anything.

        Raises:
            RejectedEventError: a value is outside the API's bounds.
        """
        require_alert(alert)
        present = self._alerts.get(alert.alert_id)
        if present is not None:
            if present.revision >= alert.revision:
                return False
            self._drop_time(present)
        self._alerts[alert.alert_id] = alert
        insort(self._by_time, (alert.raised_at, alert.alert_id))
        self._changed[alert.alert_id] = None
        if len(self._alerts) > self._max_alerts:
            self.forget(min(self._alerts.values(), key=lambda other: (other.active, other.updated_at)).alert_id)
        return True

    def forget(self, alert_id: AlertId) -> bool:
        """Drop one alert, as a tombstone on the topic asks; returns whether it was there."""
        present = self._alerts.pop(alert_id, None)
        if present is None:
            return False
        self._drop_time(present)
        self._changed[alert_id] = None
        return True

    def _drop_time(self, alert: TrafficAlert) -> None:
        del self._by_time[bisect_left(self._by_time, (alert.raised_at, alert.alert_id))]

    def take_changes(self) -> tuple[list[TrafficAlert], list[AlertId]]:
        """Since the last call: the alerts that changed, and the ids of those that were forgotten."""
        changed = [self._alerts[alert_id] for alert_id in self._changed if alert_id in self._alerts]
        gone = [alert_id for alert_id in self._changed if alert_id not in self._alerts]
        self._changed.clear()
        return changed, gone

    def find(self, query: AlertQuery) -> Iterator[TrafficAlert]:
        """At most `limit` alerts, the last raised first."""
        left = query.limit
        end = len(self._by_time) if query.after is None else bisect_left(self._by_time, query.after)
        for _, alert_id in islice(reversed(self._by_time), len(self._by_time) - end, None):
            alert = self._alerts[alert_id]
            if query.matches(alert):
                if left == 0:
                    return
                left -= 1
                yield alert
