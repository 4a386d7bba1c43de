"""An incident that somebody reported and that a detector finds is one alert, with the evidence of both."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from shared.alerts.advisories.alerts import ANNOUNCED, CONFIRMED, AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.advisories.documents.draft import DocumentFormat
from shared.alerts.advisories.reports import REPORTING, is_report
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.learned.learner import Learner
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts
from shared.events.records import (
    AdvisoryId,
    AdvisoryType,
    AlertStatus,
    AlertType,
    SensorId,
    TrafficAdvisory,
    TrafficAlert,
)
from shared.traffic.network import Network
from tests.kit.announcements import advisory_of
from tests.kit.windows import processed_window

MONDAY = datetime(2026, 3, 2, 8, tzinfo=UTC)
"""Midnight in Los Angeles."""
WINDOW = timedelta(minutes=5)
QUIET = 288 + 150
"""A day and a morning without anything, for the learner."""
CRASH: Mapping[str, float] = {"E6": 14.0, "E7": 10.0, "E8": 8.0}


class Partition:
    """What windows and advisories change, and the log of it."""

    def __init__(self, network: Network) -> None:
        self.network, self.log, self.number = network, list[TrafficAlert](), 0
        rule, name = CongestionRule(), network.network_id
        self.announced = AnnouncedAlerts({name: AdvisoryDetector(network, rule)})
        self.announced.current.replace({})
        detector = CongestionDetector(network, rule, Materiality())
        learners = {name: Learner(network)}
        rules = DetectionRules({name: detector}, 5.0, 1800.0, self.announced, learners=learners)
        self.observed = ObservedAlerts(rules)

    @property
    def now(self) -> datetime:
        return MONDAY + self.number * WINDOW

    def say(self, advisory: TrafficAdvisory) -> None:
        self.announced.current.take(advisory)

    def steps(self, count: int, slow: Mapping[str, float] | None = None) -> list[TrafficAlert]:
        before = len(self.log)
        for _ in range(count):
            noise = np.random.default_rng(self.number).normal(0, 1.5, len(self.network.sensors))
            for sensor, off in zip(self.network.sensors, noise, strict=True):
                speed = (slow or {}).get(sensor.sensor_id, 65.0) + off
                record = processed_window("test", sensor.sensor_id, self.now, float(speed))
                for change in self.observed.handle([record], 0.0):
                    self.log += change.alerts
            self.number += 1
        return self.log[before:]

    @property
    def active(self) -> list[TrafficAlert]:
        newest = {alert.alert_id: alert for alert in self.log}
        return [alert for alert in newest.values() if alert.active]


@pytest.fixture
def partition(make_network: Callable[..., Network]) -> Iterator[Partition]:
    made = Partition(make_network([mile / 2 for mile in range(16)]))
    made.steps(QUIET)
    assert made.log == []
    yield made
    assert len({alert.alert_id for alert in made.log if alert.status is AlertStatus.RAISED}) <= 2


def report(at: datetime, **fields: object) -> TrafficAdvisory:
    values: dict[str, object] = {
        "advisory_id": AdvisoryId("chp-test-1-abc"),
        "network_id": "test",
        "advisory_type": AdvisoryType.EVENT,
        "title": "Trfc Collision",
        "ends_at": None,
        "affected_sensors": (SensorId("E8"),),
    }
    return advisory_of(at, **values | fields)


def test_what_is_detected_after_the_report_confirms_it(partition: Partition) -> None:
    partition.say(report(partition.now))
    (first,) = partition.steps(2)
    assert (first.alert_type, first.confidence_score, first.evidence[0].rule) == (
        AlertType.EVENT,
        ANNOUNCED,
        "advisory",
    )
    partition.steps(8, CRASH)
    (alert,) = partition.active
    assert alert.alert_id == first.alert_id
    assert alert.confidence_score == CONFIRMED
    assert {"advisory", "forecast_residual"} <= {entry.rule for entry in alert.evidence}
    assert "confirmed by" in alert.message
    assert {change.alert_type for change in partition.log} == {AlertType.EVENT}


def test_what_was_detected_before_the_report_becomes_part_of_it(partition: Partition) -> None:
    partition.steps(4, CRASH)
    (detected,) = partition.active
    assert detected.alert_type is AlertType.INCIDENT
    partition.say(report(partition.now))
    partition.steps(4, CRASH)
    (alert,) = partition.active
    assert (alert.alert_type, alert.confidence_score) == (AlertType.EVENT, CONFIRMED)
    assert "forecast_residual" in {entry.rule for entry in alert.evidence}
    gone = [change for change in partition.log if change.alert_id == detected.alert_id][-1]
    assert gone.status is AlertStatus.CLEARED
    assert alert.alert_id in gone.message


def test_a_report_elsewhere_is_another_incident(partition: Partition) -> None:
    partition.say(report(partition.now, affected_sensors=(SensorId("E15"), SensorId("E14"))))
    partition.steps(8, CRASH)
    assert {alert.alert_type for alert in partition.active} == {AlertType.EVENT, AlertType.INCIDENT}


@pytest.mark.parametrize(
    ("advisory_id", "kind", "expected"),
    [
        ("chp-n-1", AdvisoryType.EVENT, True),
        ("cifs-n-1", AdvisoryType.EVENT, True),
        ("chp-n-1", AdvisoryType.WEATHER, False),
        ("open511-n-1", AdvisoryType.EVENT, False),
    ],
)
def test_a_game_is_no_incident(advisory_id: str, kind: AdvisoryType, *, expected: bool) -> None:
    assert is_report(report(MONDAY, advisory_id=AdvisoryId(advisory_id), advisory_type=kind)) is expected


def test_ids_begin_with_the_formats_that_report() -> None:
    assert {prefix.removesuffix("-") for prefix in REPORTING} <= set(DocumentFormat)
