"""A closed alert over the real detectors: withheld while its queue or its advisory lasts, then free to rise again."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.alert_detector.settings import AlertDetectorSettings
from shared.alerts.actions.alerts import AlertActions
from shared.alerts.actions.published import PublishedAlerts
from shared.alerts.actions.rule import is_closed, is_lasting
from shared.alerts.advisories.alerts import AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.lifecycle.changes import RoadChanges
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts, Recalled
from shared.events.records import (
    AdvisoryId,
    AlertAction,
    AlertActionKind,
    AlertSeverity,
    AlertStatus,
    AlertType,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAdvisory,
    TrafficAlert,
)
from tests.kit.announcements import advisory_of
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
JAM = {"E3": 25.0, "E4": 20.0}
NETWORK = network_of(
    *along("I-10 E", [f"E{number}" for number in range(8)], 0.5, 1 / 60, names="Exit {number}"), network_id="test"
)
WORKS = advisory_of(
    START,
    advisory_id=AdvisoryId("works"),
    network_id=NETWORK.network_id,
    severity=AlertSeverity.MEDIUM,
    ends_at=START + 10 * WINDOW,
    affected_sensors=(SensorId("E6"),),
)


def windows(step: int, slow: dict[str, float]) -> list[ProcessedTrafficAggregate]:
    start = START + step * WINDOW
    return [
        processed_window(NETWORK.network_id, sensor.sensor_id, start, slow.get(sensor.sensor_id, 65.0))
        for sensor in NETWORK.sensors
    ]


class Service:
    """A partition with actions, its logs of windows, of alerts and of actions."""

    def __init__(self, *advisories: TrafficAdvisory) -> None:
        self.advisories = {each.advisory_id: each for each in advisories}
        self.windows: list[ProcessedTrafficAggregate] = []
        self.actions: list[AlertAction] = []
        self.log: list[TrafficAlert] = []
        self.start()

    def start(self) -> None:
        """As after a crash: nothing is left but the logs."""
        settings = AlertDetectorSettings()
        network_id = NETWORK.network_id
        self.announced = AnnouncedAlerts({network_id: AdvisoryDetector(NETWORK, settings.rule)})
        self.announced.current.replace(self.advisories)
        detector = CongestionDetector(NETWORK, settings.rule, settings.materiality)
        rules = DetectionRules({network_id: detector}, 5.0, 1e9, self.announced)
        self.actions_on = AlertActions()
        latest = {alert.alert_id: alert for alert in self.log}
        alerts = sorted(latest.values(), key=lambda alert: (alert.updated_at, alert.alert_id))
        known = self.actions_on.recall([network_id], alerts)
        recalled = Recalled({network_id: AlertBoard.rebuilt(NETWORK, AlertType.CONGESTION, known)})
        self.announced.recall(network_id, known)
        self.service = PublishedAlerts(ObservedAlerts(rules, recalled), self.actions_on, [network_id])
        self.service.rebuild(self.windows, 0.0)
        for action in self.actions:
            self.actions_on.put(action)

    def steps(self, count: int, slow: dict[str, float] | None = None) -> list[TrafficAlert]:
        before = len(self.log)
        for _ in range(count):
            records = windows(len(self.windows) // len(NETWORK.sensors), slow or {})
            self.windows.extend(records)
            self._keep(self.service.handle(records, 0.0))
        return self.log[before:]

    def act(self, kind: AlertActionKind, alert: TrafficAlert) -> list[TrafficAlert]:
        name = f"{kind}-{len(self.actions)}"
        self.actions.append(AlertAction(name, alert.alert_id, alert.network_id, kind, START, "Dana", ""))
        self.actions_on.put(self.actions[-1])
        return self.tick()

    def tick(self) -> list[TrafficAlert]:
        before = len(self.log)
        self._keep(self.service.tick(0.0))
        return self.log[before:]

    def _keep(self, changes: Iterable[RoadChanges]) -> None:
        for change in changes:
            assert change.alerts
            self.log.extend(change.alerts)


@pytest.mark.parametrize("crashes", [False, True])
def test_a_closed_queue_is_not_raised_again_until_it_is_gone(*, crashes: bool) -> None:
    service = Service()
    (raised,) = service.steps(5, JAM)
    (closed,) = service.act(AlertActionKind.CLOSE, raised)
    assert is_closed(closed)
    assert closed.cleared_at == raised.raised_at
    if crashes:
        service.start()
    assert service.tick() == []
    # Longer, and worse: it is still the same queue.
    assert service.steps(6, JAM | {"E2": 12.0, "E1": 12.0, "E0": 12.0}) == []
    if crashes:
        service.start()
    (over,) = service.steps(12)
    assert (over.alert_id, over.cleared_at) == (raised.alert_id, closed.cleared_at)
    assert not is_lasting(over)
    if crashes:
        service.start()
    again = service.steps(5, JAM)
    assert [alert.status for alert in again] == [AlertStatus.RAISED]
    assert again[0].alert_id != raised.alert_id
    assert service.tick() == []


@pytest.mark.parametrize("crashes", [False, True])
def test_what_operators_say_stays_with_the_alert(*, crashes: bool) -> None:
    service = Service()
    (raised,) = service.steps(5, JAM)
    (seen,) = service.act(AlertActionKind.ACKNOWLEDGE, raised)
    assert (seen.status, seen.revision, seen.updated_at) == (AlertStatus.UPDATED, 2, raised.updated_at)
    if crashes:
        service.start()
    changes = service.steps(20, JAM | {"E2": 12.0, "E1": 12.0}) + service.steps(12)
    assert changes[-1].status is AlertStatus.CLEARED
    assert [alert.revision for alert in changes] == list(range(3, 3 + len(changes)))
    assert all(alert.actions == seen.actions for alert in changes)
    (remarked,) = service.act(AlertActionKind.COMMENT, raised)
    assert remarked == replace(
        changes[-1], revision=changes[-1].revision + 1, actions=(*seen.actions, service.actions[-1])
    )


@pytest.mark.parametrize("crashes", [False, True])
def test_a_closed_advisory_is_not_raised_again_while_it_holds(*, crashes: bool) -> None:
    service = Service(WORKS)
    (raised,) = service.steps(2)
    assert raised.alert_type is AlertType.CONSTRUCTION
    service.act(AlertActionKind.CLOSE, raised)
    if crashes:
        service.start()
    worse = replace(WORKS, severity=AlertSeverity.CRITICAL, title="Sinkhole")
    service.advisories[WORKS.advisory_id] = worse
    service.announced.current.take(worse)
    assert service.steps(5) == []
    if crashes:
        service.start()
    (over,) = service.steps(6)
    assert not is_lasting(over)
    later = replace(WORKS, starts_at=START + 15 * WINDOW, ends_at=START + 30 * WINDOW)
    service.advisories[WORKS.advisory_id] = later
    service.announced.current.take(later)
    assert [alert.status for alert in service.steps(5)] == [AlertStatus.RAISED]


def test_a_lost_delivery_is_made_up_for_after_a_restart() -> None:
    service = Service()
    (raised,) = service.steps(5, JAM)
    service.act(AlertActionKind.ACKNOWLEDGE, raised)
    del service.log[-1]
    service.start()
    (seen,) = service.tick()
    assert [action.action_id for action in seen.actions] == ["acknowledge-0"]
    service.start()
    assert service.tick() == []
