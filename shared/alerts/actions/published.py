"""Operators' actions between what windows show and what is published. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from shared.alerts.actions.alerts import AlertActions
from shared.alerts.lifecycle.changes import RoadChanges
from shared.alerts.observed.alerts import ObservedAlerts
from shared.events.records import NetworkId, ProcessedTrafficAggregate


class PublishedAlerts:
    """The observed alerts of a partition as they are published: changes take actions in, and actions make changes, too.

    The changes of a carriageway still reach the log together; what the actions withhold is no longer among them.

    Args:
        observed: what the windows show.
        actions: those of operators, with the networks of this partition in hand.
        network_ids: of the networks that belong to this partition.
        on_close: is called when the partition is no longer ours.
    """

    def __init__(
        self,
        observed: ObservedAlerts,
        actions: AlertActions,
        network_ids: Iterable[NetworkId],
        on_close: Callable[[], object] = lambda: None,
    ) -> None:
        self.observed = observed
        self._actions = actions
        self._networks = dict.fromkeys(network_ids)
        self._times: dict[NetworkId, datetime] = {}
        self._on_close = on_close

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """See `Processing.enough`."""
        return self.observed.enough(records)

    def rebuild(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> None:
        """See `Processing.rebuild`."""
        self._note(records)
        self.observed.rebuild(records, now)

    def close(self) -> None:
        """See `Processing.close`."""
        self._actions.forget(self._networks)
        self.observed.close()
        self._on_close()

    def handle(self, records: Sequence[ProcessedTrafficAggregate], now: float) -> Sequence[RoadChanges]:
        """See `Processing.handle`."""
        self._note(records)
        return list(self._published(self.observed.handle(records, now)))

    def tick(self, now: float) -> Sequence[RoadChanges]:
        """What changes because time has passed, or because operators did something."""
        changes = list(self._published(self.observed.tick(now)))
        for network_id in self._networks:
            due = self._actions.due(network_id, self._times.get(network_id))
            changes.extend(RoadChanges((alert,)) for alert in due)
        return changes

    def _published(self, changes: Iterable[RoadChanges]) -> Iterator[RoadChanges]:
        for change in changes:
            alerts = tuple(self._actions.published(change.alerts))
            if alerts or change.learned:
                yield RoadChanges(alerts, change.learned)

    def _note(self, records: Sequence[ProcessedTrafficAggregate]) -> None:
        """The step before the newest window is judged for sure, so its end is the present of the network."""
        for record in records:
            known = self._times.get(record.network_id, record.window_start)
            self._times[record.network_id] = max(known, record.window_start)
