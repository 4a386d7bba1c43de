"""Advisories and a moment in, changes of alerts out. Pure: a function of the advisories, the alerts and the speeds.

- An advisory that holds raises an alert of its type, whose id derives from the advisory's.
- The alert is updated when the advisory changes and when the sensors confirm it or no longer do.
- It is cleared when the advisory ends, is withdrawn or postponed. Where the advisory holds again after that, it raises
  another alert with a number behind the id.
- A moment at or before an alert's last change has had its effect on it; steps that come again after a restart
  therefore change nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from shared.alerts.advisories.board import AdvisoryBoard, next_id, stem_of
from shared.alerts.advisories.confirmation import NOTHING_SEEN, RULE, Confirmation, look_at, recorded
from shared.alerts.advisories.messages import (
    CONFIRMED_BY,
    announced,
    gone_message,
    location_of,
    over_message,
    postponed_message,
    seen,
    withdrawn_message,
)
from shared.alerts.advisories.reports import Detected
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.lifecycle.board import is_past
from shared.alerts.lifecycle.changes import AlertContent, cleared, raised, updated
from shared.events.records import (
    AlertEvidence,
    AlertSeverity,
    AlertType,
    SensorId,
    TrafficAdvisory,
    TrafficAlert,
)
from shared.traffic.arrays import Floats
from shared.traffic.network import Network, Sensor, great_circle_miles

ANNOUNCED, CONFIRMED = 0.5, 0.9
"""Confidence in what only a publisher says, and in what the sensors show as well."""
NEAR_MILES = 1.0
_SEVERITIES = tuple(AlertSeverity)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Speeds (points, sensors) in the order of the network's sensors; (sensors,) what is usual now, where known."""

    speed_mph: Floats
    usual_mph: Floats | None = None


@dataclass(frozen=True, slots=True)
class _Shown:
    severity: AlertSeverity
    confidence: float
    words: str
    evidence: tuple[AlertEvidence, ...]


@dataclass(frozen=True, slots=True)
class _Sight:
    at: datetime
    traffic: Traffic | None
    detected: Detected


class AdvisoryDetector:
    """Judges the advisories of one network; keeps no state."""

    def __init__(self, network: Network, rule: CongestionRule) -> None:
        self.network = network
        self.rule = rule
        along = (sensor for _, road in sorted(network.carriageways.items()) for sensor in road)
        self._order = {sensor.sensor_id: place for place, sensor in enumerate(along)}

    def changes(
        self,
        board: AdvisoryBoard,
        advisories: Iterable[TrafficAdvisory],
        at: datetime,
        traffic: Traffic | None,
        detected: Detected | None = None,
    ) -> list[TrafficAlert]:
        """What changes at `at` (event time, UTC); the board is left as it is.

        Args:
            board: the newest alert of each advisory.
            advisories: all of the network, those withdrawn as well.
            at: the present event time.
            traffic: the newest windows; `None` where there are none, and then what was confirmed stays so.
            detected: what a detector sees of reported incidents.
        """
        seen_by_detector = detected or {}
        changed: list[TrafficAlert] = []
        known_stems = set()
        for advisory in advisories:
            stem = stem_of(advisory)
            known_stems.add(stem)
            alert = self._judged(advisory, stem, board.newest.get(stem), _Sight(at, traffic, seen_by_detector))
            if alert is not None:
                changed.append(alert)
        for stem, alert in board.newest.items():
            if alert.active and stem not in known_stems and not is_past(alert, at):
                changed.append(cleared(alert, at, gone_message(alert)))
        return sorted(changed, key=lambda alert: (alert.active, alert.alert_id))

    def _judged(
        self, advisory: TrafficAdvisory, stem: str, known: TrafficAlert | None, sight: _Sight
    ) -> TrafficAlert | None:
        at = sight.at
        if known is not None and (is_past(known, at) or (not known.active and at == known.updated_at)):
            return None
        if not advisory.holds_at(at):
            return (
                cleared(known, at, _last_word(known, advisory, at, self.network.time_zone))
                if known and known.active
                else None
            )
        sensors = self._sensors(advisory)
        if not sensors:
            return None
        if known is not None and known.active:
            return self._updated(advisory, known, sensors, sight)
        alert_id = next_id(stem, known)
        shown = self._shown(advisory, sensors, sight, None, alert_id)
        content = self._content(advisory, sensors, shown, at)
        return raised(alert_id, advisory.network_id, AlertType(advisory.advisory_type), at, content)

    def _updated(
        self,
        advisory: TrafficAdvisory,
        known: TrafficAlert,
        sensors: Sequence[Sensor],
        sight: _Sight,
    ) -> TrafficAlert | None:
        shown = self._shown(advisory, sensors, sight, known, known.alert_id)
        # What a detector saw of it stays its evidence, beside what is measured now.
        rules = {entry.rule for entry in shown.evidence}
        kept = tuple(entry for entry in known.evidence if entry.rule not in rules)
        shown = replace(shown, evidence=(*shown.evidence, *kept))
        fresh = updated(known, sight.at, self._content(advisory, sensors, shown, known.raised_at))
        # Speeds in the message change all the time; only the rest is worth an update.
        same = (
            fresh.severity is known.severity
            and fresh.confidence_score == known.confidence_score
            and known.message.startswith(announced(advisory, fresh.location, self.network.time_zone))
            and fresh.affected_sensors == known.affected_sensors
            and fresh.estimated_duration_minutes == known.estimated_duration_minutes
            and not rules.difference({entry.rule for entry in known.evidence}, {RULE})
        )
        return None if same else fresh

    def _content(
        self, advisory: TrafficAdvisory, sensors: Sequence[Sensor], shown: _Shown, raised_at: datetime
    ) -> AlertContent:
        location, here = location_of(sensors), _nearest(sensors, advisory)
        return AlertContent(
            severity=shown.severity,
            message=announced(advisory, location, self.network.time_zone) + shown.words,
            location=location,
            latitude=here.latitude,
            longitude=here.longitude,
            affected_sensors=tuple(sensor.sensor_id for sensor in sensors),
            confidence_score=shown.confidence,
            evidence=shown.evidence,
            estimated_duration_minutes=_minutes(raised_at, advisory.ends_at),
        )

    def _shown(
        self,
        advisory: TrafficAdvisory,
        sensors: Sequence[Sensor],
        sight: _Sight,
        known: TrafficAlert | None,
        alert_id: str,
    ) -> _Shown:
        """What the sensors make of it. Silence changes nothing; a confirmed alert only gets worse until it is not."""
        traffic, detected = sight.traffic, sight.detected.get(alert_id, ())
        was = known is not None and known.confidence_score >= CONFIRMED
        found = self._confirmation(sensors, traffic, confirmed=was)
        steps = max(found.steps, int(bool(detected)))
        worse = _SEVERITIES[min(_SEVERITIES.index(advisory.severity) + steps, len(_SEVERITIES) - 1)]
        if known is not None and was and (found.confirmed or not found.heard):
            worse = max(worse, known.severity, key=_SEVERITIES.index)
            if not found.heard:
                return _Shown(worse, known.confidence_score, "".join(known.message.partition(CONFIRMED_BY)[1:]), ())
        confidence = CONFIRMED if found.confirmed or detected else ANNOUNCED
        measured = () if traffic is None else recorded(found, self.network, sensors, sight.at, traffic)
        return _Shown(worse, confidence, seen(found, detected=bool(detected)), (*detected, *measured))

    def _confirmation(self, sensors: Sequence[Sensor], traffic: Traffic | None, *, confirmed: bool) -> Confirmation:
        if traffic is None:
            return NOTHING_SEEN
        columns = [self.network.index[sensor.sensor_id] for sensor in sensors]
        return look_at(traffic.speed_mph, traffic.usual_mph, columns, self.rule, confirmed=confirmed)

    def _sensors(self, advisory: TrafficAdvisory) -> list[Sensor]:
        """The sensors in road order; where it names none, those near its place, or all where it has no place."""
        named: list[SensorId] = [name for name in advisory.affected_sensors if name in self.network.index]
        if not advisory.affected_sensors:
            here = advisory.latitude, advisory.longitude
            named = [
                sensor.sensor_id
                for sensor in self.network.sensors
                if here[0] is None
                or here[1] is None
                or great_circle_miles(here[0], here[1], sensor.latitude, sensor.longitude) <= NEAR_MILES
            ]
        return [self.network[name] for name in sorted(set(named), key=self._order.__getitem__)]


def _last_word(alert: TrafficAlert, advisory: TrafficAdvisory, at: datetime, zone: ZoneInfo) -> str:
    if advisory.withdrawn:
        return withdrawn_message(alert, advisory.source)
    if at < advisory.starts_at:
        return postponed_message(alert, advisory, zone)
    return over_message(alert, at - alert.raised_at)


def _nearest(sensors: Sequence[Sensor], advisory: TrafficAdvisory) -> Sensor:
    """The sensor nearest to the advisory's place, which may lie far off the roads; the middle one where it has none."""
    latitude, longitude = advisory.latitude, advisory.longitude
    if latitude is None or longitude is None:
        return sensors[len(sensors) // 2]
    return min(sensors, key=lambda each: great_circle_miles(latitude, longitude, each.latitude, each.longitude))


def _minutes(raised_at: datetime, ends_at: datetime | None) -> float | None:
    return None if ends_at is None else max(0.0, (ends_at - raised_at) / timedelta(minutes=1))
