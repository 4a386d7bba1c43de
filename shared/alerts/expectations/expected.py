"""What the forecasts of a partition let expect, as changes of alerts. Pure.

All predictions of a network are in the partition of its id, so an origin is judged when all its sensors have spoken,
or a later origin came, or nothing has come for a while.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.alerts.expectations.alerts import UNKNOWN_AFTER, ExpectationDetector
from shared.alerts.expectations.outlook import Outlook, outlook
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.lifecycle.changes import RoadChanges
from shared.events.records import NetworkId, SensorId, TrafficAlert, TrafficPrediction
from shared.traffic.assembler import Strangers

ORIGINS_BACK = 3
"""A restart reads back more origins than this: the last that was judged, the one before it, and one in hand."""


@dataclass
class _Expectations:
    """One network: its alerts, and what it waits to judge.

    `since` is the monotonic time of its last forecast, `measured` of the last that rests on a new reading, seconds.
    """

    board: AlertBoard
    since: float = 0.0
    measured: float = 0.0
    waiting: dict[datetime, dict[SensorId, TrafficPrediction]] = field(default_factory=dict)
    newest: datetime | None = None
    before: Outlook | None = None
    judged: datetime | None = None


class ExpectedAlerts:
    """What the alert detector does with a partition of predictions while it is ours.

    Each origin of each network is judged once; forecasts that are corrected later count no more. An origin at which no
    sensor was measured is passed over: forecasts go on in the silence of a network, and are no sign of life.

    Predictions of networks that do not belong to this partition are passed over, and the log says so: once they were
    spread by sensor. The forecasts of the next origin take their place. Predictions of sensors that are not in the
    network (any more) are passed over as well.

    Args:
        detectors: one for each network.
        boards: the expectations that the log knows, of the networks of this partition.
        settle_seconds: wall time without a further forecast after which an incomplete origin is judged.
        silence_seconds: wall time without any forecast of a network that rests on a new reading after which its
            expectations are cleared.
        covered: sensors of active alerts of other kinds.
        published: what becomes of changes on their way to the log.
        on_close: is called when the partition is no longer ours.
        clocks_off: the sensors of a network whose clocks are off: forecasts from what they say count no more than that.
    """

    def __init__(
        self,
        detectors: Mapping[NetworkId, ExpectationDetector],
        boards: Mapping[NetworkId, AlertBoard],
        *,
        settle_seconds: float,
        silence_seconds: float,
        covered: Callable[[NetworkId], Iterable[SensorId]],
        published: Callable[[Iterable[TrafficAlert]], Iterable[TrafficAlert]],
        on_close: Callable[[], object] = lambda: None,
        clocks_off: Callable[[NetworkId], Collection[SensorId]] = lambda _: (),
    ) -> None:
        self._detectors = detectors
        self._networks = {network_id: _Expectations(board) for network_id, board in boards.items()}
        self._settle_seconds = settle_seconds
        self._silence_seconds = silence_seconds
        self._covered = covered
        self._published = published
        self._on_close = on_close
        self._clocks_off = clocks_off
        self._elsewhere = Strangers("forecasts outside the partition of their network")
        self._unknown = Strangers("forecasts of sensors that their network does not have")

    def enough(self, records: Sequence[TrafficPrediction]) -> bool:
        """Whether each network of ours that is in `records` at all is there for more origins than a restart needs."""
        origins: dict[NetworkId, set[datetime]] = {}
        for record in records:
            origins.setdefault(record.network_id, set()).add(record.timestamp)
        return all(len(some) > ORIGINS_BACK for name, some in origins.items() if name in self._networks)

    def rebuild(self, records: Sequence[TrafficPrediction], now: float) -> None:
        """Take in what was forecast before the committed offset; what of it is not judged for sure becomes due."""
        for network in self._networks.values():
            network.since = network.measured = now
        for record in records:
            self._take(record, now)
        for network in self._networks.values():
            # Origins that a later one has passed were judged before the restart; the last such is the one before. The
            # records that were in hand when the process died may belong to that one, so it is judged again.
            network.waiting = {at: told for at, told in network.waiting.items() if not _silent(told.values())}
            past = [at for at in sorted(network.waiting) if network.newest is not None and network.newest > at]
            for at in past[:-1]:
                network.before, network.judged = self._outlook(network, at), at

    def close(self) -> None:
        """See `Processing.close`."""
        self._on_close()

    def handle(self, records: Sequence[TrafficPrediction], now: float) -> Sequence[RoadChanges]:
        """Take forecasts in; returns what the origins that are complete by them change."""
        touched = {record.network_id for record in records if self._take(record, now)}
        return [change for network_id in sorted(touched) for change in self._due(network_id, now)]

    def tick(self, now: float) -> Sequence[RoadChanges]:
        """What changes because time has passed: origins settle, networks without forecasts lose their expectations."""
        changes: list[RoadChanges] = []
        for network_id, network in self._networks.items():
            changes += self._due(network_id, now)
            active = network.board.active()
            if active and now - network.measured >= self._silence_seconds:
                last = max(alert.updated_at for alert in active)
                at = (last if network.judged is None else max(network.judged, last)) + UNKNOWN_AFTER
                changes += self._kept(network, self._detectors[network_id].silence(network.board, at))
        return changes

    @property
    def active(self) -> int:
        """How many expectations are active."""
        return sum(len(network.board.active()) for network in self._networks.values())

    def _take(self, record: TrafficPrediction, now: float) -> bool:
        """Whether the record counts: only answers for sensors of our networks do, not those of models beside."""
        network = self._networks.get(record.network_id)
        if network is None:
            self._elsewhere.meet(record, network_known=False)
            return False
        if not record.serving:
            return False
        if record.sensor_id not in self._detectors[record.network_id].network.index:
            self._unknown.meet(record, network_known=True)
            return False
        at = record.timestamp
        network.since = now
        if record.current_speed_mph is not None:
            network.measured = now
            network.newest = at if network.newest is None else max(at, network.newest)
        if network.judged is None or at > network.judged:
            told = network.waiting.setdefault(at, {})
            known = told.get(record.sensor_id)
            if known is None or record.revision > known.revision:
                told[record.sensor_id] = record
        return True

    def _due(self, network_id: NetworkId, now: float) -> Iterator[RoadChanges]:
        network = self._networks[network_id]
        sensors = len(self._detectors[network_id].network.sensors)
        settled = now - network.since >= self._settle_seconds
        for at in sorted(network.waiting):
            passed = network.newest is not None and network.newest > at
            if not (settled or passed or len(network.waiting[at]) >= sensors):
                return
            yield from self._judged(network, at)

    def _judged(self, network: _Expectations, at: datetime) -> Iterator[RoadChanges]:
        network_id = network.board.network.network_id
        if _silent(network.waiting[at].values()):
            # What is usual is no news, and ends nothing. Should its windows come after all, they are judged.
            del network.waiting[at]
            return
        now = self._outlook(network, at)
        changes = self._detectors[network_id].changes(network.board, now, network.before, self._covered(network_id))
        network.before, network.judged = now, at
        yield from self._kept(network, changes)

    def _outlook(self, network: _Expectations, at: datetime) -> Outlook:
        network_id = network.board.network.network_id
        detector, off = self._detectors[network_id], self._clocks_off(network_id)
        told = {sensor: forecast for sensor, forecast in network.waiting.pop(at).items() if sensor not in off}
        return outlook(detector.road, at, told, detector.rule.congestion.slow_mph)

    def _kept(self, network: _Expectations, changes: Iterable[Sequence[TrafficAlert]]) -> Iterator[RoadChanges]:
        for alerts in changes:
            network.board.apply(alerts)
            if published := tuple(self._published(alerts)):
                yield RoadChanges(published)


def _silent(told: Iterable[TrafficPrediction]) -> bool:
    """Whether none of the forecasts of an origin rests on a speed that was measured at it."""
    return all(one.current_speed_mph is None for one in told)
