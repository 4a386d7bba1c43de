"""What is said of sensors with wrong times: counted by network, named at most once a minute, told when it changes."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from services.ingest.sensor_reports import SensorReports
from shared.events.records import NetworkId, SensorId
from shared.runtime.metrics import IngestMetrics
from shared.traffic.health.times import SensorTime

NETWORK = NetworkId("n")
A, B = (NETWORK, SensorId("a")), (NETWORK, SensorId("b"))
SINCE = datetime(2026, 11, 30, 9, tzinfo=UTC)
NOW = SINCE + timedelta(hours=1)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def reports(registry: CollectorRegistry) -> SensorReports:
    return SensorReports(IngestMetrics(registry), SINCE)


def test_late_readings_are_counted_at_once_and_named_once_a_minute(
    reports: SensorReports, registry: CollectorRegistry
) -> None:
    with capture_logs() as lines:
        for second in range(61):
            reports.late(Counter({A: 2, B: 1} if second else {A: 1}), 0, float(second))
    assert [(line["count"], line["most"]) for line in lines] == [(1, {"a": 1}), (180, {"a": 120, "b": 60})]
    assert registry.get_sample_value("metrla_ingest_too_late_events_total", {"network": "n"}) == 181


def test_clocks_that_are_off_are_measured_and_named_when_they_change(
    reports: SensorReports, registry: CollectorRegistry
) -> None:
    with capture_logs() as lines:
        reports.clocks({0: {A: 3000.0}, 1: {B: -4000.0}}, 0.0)
        reports.clocks({0: {A: 3001.0}, 1: {B: -4000.0}}, 70.0)
        assert registry.get_sample_value("metrla_ingest_sensors_with_clock_off", {"network": "n"}) == 2
        assert registry.get_sample_value("metrla_ingest_clock_skew_seconds", {"network": "n"}) == -4000
        reports.clocks({0: {}, 1: {}}, 140.0)
    assert [line["event"] for line in lines] == ["clocks of sensors are off", "clocks of sensors are right again"]
    assert lines[0]["ahead_s"] == {"a": 3000, "b": -4000}
    assert registry.get_sample_value("metrla_ingest_sensors_with_clock_off", {"network": "n"}) == 0


def test_the_topic_is_told_what_changed_and_at_first_that_nothing_is_wrong(reports: SensorReports) -> None:
    first = reports.news([0, 1], [NETWORK], 0.0, NOW)
    assert [(times.key, times.sensors) for times in first] == [("n/0", {}), ("n/1", {})]
    reports.late(Counter({A: 2}), 1, 1.0)
    reports.clocks({1: {A: 2990.0, B: -600.0}}, 1.0)
    assert reports.news([0, 1], [NETWORK], 2.0, NOW) == []
    (told,) = reports.news([0, 1], [NETWORK], 6.0, NOW)
    assert told.sensors == {SensorId("a"): SensorTime(3000.0, 2, NOW), SensorId("b"): SensorTime(-600.0, 0, NOW)}
    assert (told.key, told.since, told.as_of) == ("n/1", SINCE, NOW)
    reports.clocks({1: {A: 3010.0, B: -610.0}}, 12.0)
    assert reports.news([0, 1], [NETWORK], 12.0, NOW) == []
    reports.clocks({1: {}}, 18.0)
    (right,) = reports.news([0, 1], [NETWORK], 18.0, NOW)
    assert right.sensors == {SensorId("a"): SensorTime(None, 2)}
