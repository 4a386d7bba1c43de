"""The advisory alerts of the networks that this process has in hand. Decides and does no I/O."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.alerts.advisories.alerts import AdvisoryDetector, Traffic
from shared.alerts.advisories.board import AdvisoryBoard, next_id, stem_of
from shared.alerts.advisories.current import CurrentAdvisories
from shared.alerts.advisories.reports import Detected, is_report
from shared.alerts.advisories.usual import UsualLookups, Wanted
from shared.events.records import AlertType, NetworkId, ProcessedTrafficAggregate, TrafficAdvisory, TrafficAlert
from shared.traffic.arrays import Floats

LIVE = timedelta(days=7)
"""A feed that fell silent no longer ago than this was about the present: the wall clock tells its time from then on."""


@dataclass(slots=True)
class _Held:
    board: AdvisoryBoard
    edition: int = -1
    at: datetime | None = None
    speed_mph: Floats | None = None
    detected: Detected = field(default_factory=dict)


@dataclass
class AnnouncedAlerts:
    """Judges advisories at every step of a network, and between steps when they change or when time passes.

    With `usual`, a sensor confirms nothing before it is known what is usual there.
    """

    detectors: Mapping[NetworkId, AdvisoryDetector]
    current: CurrentAdvisories = field(default_factory=CurrentAdvisories)
    usual: UsualLookups | None = None
    _held: dict[NetworkId, _Held] = field(default_factory=dict)

    def recall(self, network_id: NetworkId, alerts: Iterable[TrafficAlert]) -> None:
        """Take a network in hand, with the alerts that the log knows."""
        self._held[network_id] = _Held(AdvisoryBoard.rebuilt(network_id, alerts))

    def forget(self, network_id: NetworkId) -> None:
        """Let go of a network that is no longer ours."""
        self._held.pop(network_id, None)

    def step(
        self, network_id: NetworkId, at: datetime, speed_mph: Floats, detected: Detected | None = None
    ) -> Sequence[TrafficAlert]:
        """What a step changes, that ends at `at` with speeds (points, sensors) and what was detected of reports."""
        held = self._of(network_id)
        held.speed_mph, held.detected = speed_mph, detected or {}
        return self._judge(network_id, held, at)

    def reports(self, network_id: NetworkId, at: datetime) -> Mapping[str, TrafficAdvisory]:
        """The reported incidents of a network that hold at `at`, by the ids that their alerts have or will have."""
        if not self.current.complete:
            return {}
        newest = self._of(network_id).board.newest
        found: dict[str, TrafficAdvisory] = {}
        for advisory in self.current.of(network_id):
            if is_report(advisory) and advisory.holds_at(at):
                known = newest.get(stem_of(advisory))
                active = known is not None and known.active
                found[known.alert_id if known and active else next_id(stem_of(advisory), known)] = advisory
        return found

    def tick(self, network_id: NetworkId, at: datetime | None) -> Sequence[TrafficAlert]:
        """What changes between steps: by advisories that changed, or because it is `at` by now (`None`: unknown)."""
        held = self._of(network_id)
        if at is None or (held.edition == self.current.edition and held.at is not None and at <= held.at):
            return ()
        if held.at is not None and at > held.at:
            # Time passed without windows: the last ones say nothing any more.
            held.speed_mph, held.detected = None, {}
        return self._judge(network_id, held, at)

    def wanted(self) -> Iterator[Wanted]:
        """The sensors whose usual speeds are to be looked up."""
        if self.usual is not None:
            for held in self._held.values():
                yield from self.usual.wanted(held.board.active())

    def put_usual(self, wanted: Wanted, windows: Iterable[ProcessedTrafficAggregate]) -> None:
        """Take in what was found; the next tick goes by it."""
        if self.usual is not None:
            self.usual.put(wanted, self.detectors[wanted.network_id].network, windows)
        if wanted.network_id in self._held:
            self._held[wanted.network_id].edition = -1

    def active(self, alert_type: AlertType) -> int:
        """How many alerts of a type are active."""
        return sum(alert.alert_type is alert_type for held in self._held.values() for alert in held.board.active())

    def _judge(self, network_id: NetworkId, held: _Held, at: datetime) -> Sequence[TrafficAlert]:
        if not self.current.complete:
            return ()
        detector = self.detectors[network_id]
        traffic = None
        if held.speed_mph is not None:
            traffic = Traffic(held.speed_mph, None if self.usual is None else self.usual.at(detector.network, at))
        changed = detector.changes(held.board, self.current.of(network_id), at, traffic, held.detected)
        held.board.apply(changed)
        held.edition, held.at = self.current.edition, at
        return changed

    def _of(self, network_id: NetworkId) -> _Held:
        if network_id not in self._held:
            self._held[network_id] = _Held(AdvisoryBoard(network_id))
        return self._held[network_id]


def network_time(
    judged: datetime | None, silent_seconds: float, patience_seconds: float, wall: datetime | None
) -> datetime | None:
    """The event time of a network: that of its newest step, and of the clock once it is silent.

    Args:
        judged: end of the newest step, `None` before the first.
        silent_seconds: wall time since its last window.
        patience_seconds: from when on it counts as silent.
        wall: the wall clock, UTC; `None` where event time alone counts.

    Returns:
        The time, `None` where nothing is known yet.
    """
    if silent_seconds < patience_seconds:
        return judged
    if judged is None:
        return wall
    on = judged + timedelta(seconds=silent_seconds)
    return on if wall is None or wall - judged >= LIVE else max(on, wall)
