"""Puts operators' actions between the detectors of a processor and the log. Decides and does no I/O."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.alerts.actions.desk import ActionDesk
from shared.alerts.processor import AlertProcessor, RoadChanges
from shared.events.records import NetworkId, ProcessedTrafficAggregate, TrafficAlert


@dataclass
class ActionProcessor:
    """An `AlertProcessor` whose changes pass the desk, and that says what actions change.

    The changes of a carriageway still reach the log together; what the desk withholds is no longer among them.
    """

    detection: AlertProcessor
    desk: ActionDesk
    _times: dict[NetworkId, datetime] = field(default_factory=dict)
    _held: dict[int, tuple[NetworkId, ...]] = field(default_factory=dict)

    def recall(
        self, partition: int, network_ids: Iterable[NetworkId], alerts: Sequence[TrafficAlert]
    ) -> list[TrafficAlert]:
        """Take the networks of a partition in hand, before `rebuild`; returns the alerts as detectors are to see them.

        Args:
            partition: of the windows.
            network_ids: of the networks whose windows it carries.
            alerts: as the log knows them, of whatever networks, in the order of their last change.
        """
        self._held[partition] = tuple(network_ids)
        return self.desk.recall(self._held[partition], alerts)

    def enough(self, records: Sequence[ProcessedTrafficAggregate]) -> bool:
        """See `Processor.enough`."""
        return self.detection.enough(records)

    def rebuild(self, partition: int, records: Sequence[ProcessedTrafficAggregate], now: float) -> None:
        """See `Processor.rebuild`."""
        self._note(records)
        self.detection.rebuild(partition, records, now)

    def forget(self, partition: int) -> None:
        """See `Processor.forget`."""
        self.desk.forget(self._held.pop(partition, ()))
        self.detection.forget(partition)

    def handle(self, partition: int, records: Sequence[ProcessedTrafficAggregate], now: float) -> Sequence[RoadChanges]:
        """See `Processor.handle`."""
        self._note(records)
        return list(self._published(self.detection.handle(partition, records, now)))

    def tick(self, now: float) -> Sequence[RoadChanges]:
        """What changes because time has passed, or because operators did something."""
        changes = list(self._published(self.detection.tick(now)))
        for network_id in self.desk.networks():
            due = self.desk.due(network_id, self._times.get(network_id))
            changes.extend(RoadChanges((alert,)) for alert in due)
        return changes

    def _published(self, changes: Iterable[RoadChanges]) -> Iterator[RoadChanges]:
        for change in changes:
            alerts = tuple(self.desk.published(change.alerts))
            if alerts or change.learned:
                yield RoadChanges(alerts, change.learned)

    def _note(self, records: Sequence[ProcessedTrafficAggregate]) -> None:
        """The step before the newest window is judged for sure, so its end is the present of the network."""
        for record in records:
            known = self._times.get(record.network_id, record.window_start)
            self._times[record.network_id] = max(known, record.window_start)
