"""The alerts of this process as they are published, with the actions on them. Decides and does no I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from structlog.stdlib import BoundLogger

from shared.alerts.actions.rule import acted, as_published, as_watched, is_full, is_lasting
from shared.events.records import AlertAction, AlertId, NetworkId, TrafficAlert

log: BoundLogger = structlog.stdlib.get_logger(__name__)

MAX_ENDED = 5000
"""Alerts that are over are kept for remarks on them; those that ended first are forgotten first."""


@dataclass
class _Network:
    published: dict[AlertId, TrafficAlert] = field(default_factory=dict)
    ended: dict[AlertId, None] = field(default_factory=dict)
    tried: int = 0


@dataclass
class AlertActions:
    """Puts actions into alerts, and comes between what detectors say and what is published.

    Actions are kept as they are on the log and tried again whenever a network is taken in hand: those that the record
    has already change nothing.
    """

    _networks: dict[NetworkId, _Network] = field(default_factory=dict)
    _actions: dict[NetworkId, list[AlertAction]] = field(default_factory=dict)

    def recall(self, network_ids: Iterable[NetworkId], alerts: Sequence[TrafficAlert]) -> list[TrafficAlert]:
        """Take networks in hand with the alerts on the log, in the order of their last change.

        Returns:
            Those alerts as the detectors are to see them.
        """
        for network_id in network_ids:
            self._networks[network_id] = _Network()
        for alert in alerts:
            if alert.network_id in self._networks:
                self._keep(alert)
        return [as_watched(alert) for alert in alerts]

    def forget(self, network_ids: Iterable[NetworkId]) -> None:
        """Let go of networks that are no longer ours."""
        for network_id in network_ids:
            self._networks.pop(network_id, None)

    def put(self, action: AlertAction) -> None:
        """Take one action in from the log."""
        self._actions.setdefault(action.network_id, []).append(action)

    def restart(self) -> None:
        """Drop the actions: all of the log is about to come again."""
        self._actions.clear()
        for network in self._networks.values():
            network.tried = 0

    def published(self, changes: Iterable[TrafficAlert]) -> Iterator[TrafficAlert]:
        """What detectors' changes become on the log; what is withheld is left out."""
        for change in changes:
            network = self._networks.setdefault(change.network_id, _Network())
            alert = as_published(change, network.published.get(change.alert_id))
            if alert is not None:
                self._keep(alert)
                yield alert

    def due(self, network_id: NetworkId, at: datetime | None) -> Iterator[TrafficAlert]:
        """What the actions that were not tried before change; `at` is the network's event time, `None`: not known."""
        network, actions = self._networks.get(network_id), self._actions.get(network_id, ())
        if network is None:
            return
        for action in actions[network.tried :]:
            alert = network.published.get(action.alert_id)
            if alert is None:
                log.info("no such alert any more", alert=action.alert_id, action=action.action_id)
                continue
            if is_full(alert):
                log.warning("an alert has as many actions as it may", alert=action.alert_id, action=action.action_id)
            changed = acted(alert, action, alert.updated_at if at is None else at)
            if changed is not None:
                self._keep(changed)
                yield changed
        network.tried = len(actions)

    def networks(self) -> Sequence[NetworkId]:
        """The networks in hand."""
        return list(self._networks)

    def _keep(self, alert: TrafficAlert) -> None:
        network = self._networks[alert.network_id]
        network.published[alert.alert_id] = alert
        if not alert.active and not is_lasting(alert):
            network.ended[alert.alert_id] = None
            if len(network.ended) > MAX_ENDED:
                oldest = next(iter(network.ended))
                del network.ended[oldest], network.published[oldest]
