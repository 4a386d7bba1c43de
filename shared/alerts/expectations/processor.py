"""Forecasts in, changes of expected congestion out: what the worker drives. Decides and does no I/O.

Predictions are keyed by sensor, so an origin of a network is spread over the partitions of their topic: it is judged
when all its sensors have spoken, or every partition that carries some of them is past it, or nothing has come for a
while. It takes the process that has all partitions; one that has only some collects and judges nothing.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.alerts.expectations.detector import UNKNOWN_AFTER, ExpectationDetector
from shared.alerts.expectations.outlook import Outlook, outlook
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.processor import RoadChanges
from shared.events.records import NetworkId, SensorId, TrafficAlert, TrafficPrediction

ORIGINS_KEPT = 24
"""Partitions may be so many origins apart."""


@dataclass
class _Watch:
    """One network: `carriers` are the partitions of its sensors, `since` the wall time of its last forecast."""

    board: AlertBoard
    carriers: frozenset[int]
    since: float = 0.0
    waiting: dict[datetime, dict[SensorId, TrafficPrediction]] = field(default_factory=dict)
    newest: dict[int, datetime] = field(default_factory=dict)
    before: Outlook | None = None
    judged: datetime | None = None


@dataclass
class ExpectationProcessor:
    """Judges each origin of each network once; forecasts that are corrected later count no more.

    Args:
        detectors: one for each network.
        carrier: the partition that carries a sensor's predictions.
        settle_seconds: wall time without a further forecast after which an incomplete origin is judged.
        silence_seconds: wall time without any forecast of a network after which its expectations are cleared.
        covered: sensors of standing alerts of other kinds.
        published: what becomes of changes on their way to the log.
    """

    detectors: Mapping[NetworkId, ExpectationDetector]
    carrier: Callable[[SensorId], int]
    settle_seconds: float
    silence_seconds: float
    covered: Callable[[NetworkId], Iterable[SensorId]]
    published: Callable[[Iterable[TrafficAlert]], Iterable[TrafficAlert]]
    _watches: dict[NetworkId, _Watch] = field(default_factory=dict, init=False)
    _held: set[int] = field(default_factory=set, init=False)
    _caught_up: set[NetworkId] = field(default_factory=set, init=False)

    def recall(self, boards: Mapping[NetworkId, AlertBoard]) -> None:
        """Take the expectations that the log knows, before `rebuild`."""
        for network_id, board in boards.items():
            if network_id not in self._watches:
                sensors = self.detectors[network_id].network.sensors
                carriers = frozenset(self.carrier(sensor.sensor_id) for sensor in sensors)
                self._watches[network_id] = _Watch(board, carriers)
            self._watches[network_id].board = board

    def enough(self, records: Sequence[TrafficPrediction]) -> bool:
        """Whether each network that is in `records` is there for more origins than partitions may be apart."""
        origins: dict[NetworkId, set[datetime]] = {}
        for record in records:
            origins.setdefault(record.network_id, set()).add(record.timestamp)
        return all(len(some) > ORIGINS_KEPT for name, some in origins.items() if name in self.detectors)

    def rebuild(self, partition: int, records: Sequence[TrafficPrediction], now: float) -> None:
        """Take in what was forecast before the committed offset; what of it is not judged for sure becomes due."""
        self._held.add(partition)
        for watch in self._watches.values():
            watch.since = now
        for record in records:
            self._take(partition, record, now)

    def forget(self, partition: int) -> None:
        """Judge nothing until the partition is back: its sensors are missing. What they said remains true."""
        self._held.discard(partition)
        self._caught_up.clear()
        for watch in self._watches.values():
            watch.newest.pop(partition, None)
            watch.judged = watch.before = None

    def handle(self, partition: int, records: Sequence[TrafficPrediction], now: float) -> Sequence[RoadChanges]:
        """Take forecasts in; returns what the origins that are complete by them change."""
        touched = {record.network_id for record in records if self._take(partition, record, now)}
        return [change for network_id in sorted(touched) for change in self._due(network_id, now)]

    def tick(self, now: float) -> Sequence[RoadChanges]:
        """What changes because time has passed: origins settle, networks without forecasts lose their expectations."""
        changes: list[RoadChanges] = []
        for network_id, watch in self._watches.items():
            changes += self._due(network_id, now)
            standing = watch.board.standing() if self._ready(network_id) else ()
            if standing and now - watch.since >= self.silence_seconds:
                last = max(alert.updated_at for alert in standing)
                at = (last if watch.judged is None else max(watch.judged, last)) + UNKNOWN_AFTER
                changes += self._kept(watch, self.detectors[network_id].silence(watch.board, at))
        return changes

    @property
    def standing(self) -> int:
        """How many expectations stand."""
        return sum(len(watch.board.standing()) for watch in self._watches.values())

    def _take(self, partition: int, record: TrafficPrediction, now: float) -> bool:
        """Whether the record counts: only the answers of the network do, not those of models beside it."""
        watch = self._watches.get(record.network_id)
        if watch is None or not record.serving:
            return False
        at = record.timestamp
        watch.since = now
        watch.newest[partition] = max(at, watch.newest.get(partition, at))
        if watch.judged is None or at > watch.judged:
            told = watch.waiting.setdefault(at, {})
            known = told.get(record.sensor_id)
            if known is None or record.revision > known.revision:
                told[record.sensor_id] = record
        return True

    def _ready(self, network_id: NetworkId) -> bool:
        return self._watches[network_id].carriers <= self._held

    def _due(self, network_id: NetworkId, now: float) -> Iterator[RoadChanges]:
        watch = self._watches[network_id]
        if not self._ready(network_id):
            for at in sorted(watch.waiting)[: -2 * ORIGINS_KEPT]:
                del watch.waiting[at]
            return
        if network_id not in self._caught_up:
            self._catch_up(network_id)
        sensors = len(self.detectors[network_id].network.sensors)
        settled = now - watch.since >= self.settle_seconds
        for at in sorted(watch.waiting):
            if not (settled or len(watch.waiting[at]) >= sensors or self._passed(watch, at)):
                return
            yield from self._judged(watch, at)

    def _passed(self, watch: _Watch, at: datetime) -> bool:
        return all(partition in watch.newest and watch.newest[partition] > at for partition in watch.carriers)

    def _catch_up(self, network_id: NetworkId) -> None:
        """What every partition is past was judged before the restart; the last such origin is the one before."""
        watch = self._watches[network_id]
        self._caught_up.add(network_id)
        past = [at for at in sorted(watch.waiting) if self._passed(watch, at)]
        # Records that were in hand when the process died are not among these.
        for at in past[:-1]:
            watch.before, watch.judged = self._outlook(watch, at), at

    def _judged(self, watch: _Watch, at: datetime) -> Iterator[RoadChanges]:
        network_id = watch.board.network.network_id
        now = self._outlook(watch, at)
        changes = self.detectors[network_id].changes(watch.board, now, watch.before, self.covered(network_id))
        watch.before, watch.judged = now, at
        yield from self._kept(watch, changes)

    def _outlook(self, watch: _Watch, at: datetime) -> Outlook:
        detector = self.detectors[watch.board.network.network_id]
        return outlook(detector.road, at, watch.waiting.pop(at), detector.rule.congestion.slow_mph)

    def _kept(self, watch: _Watch, changes: Iterable[Sequence[TrafficAlert]]) -> Iterator[RoadChanges]:
        for alerts in changes:
            watch.board.apply(alerts)
            if published := tuple(self.published(alerts)):
                yield RoadChanges(published)
