"""The alerts of recorded days are those that the service writes."""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import pytest

from metrla.lab.incidents.live import live_alerts, raised_alarms, recorded_windows
from metrla.lab.incidents.measures import Measures
from services.alert_detector.settings import AlertDetectorSettings
from shared.alerts.observed.tuning import DetectorTuning
from shared.events.records import AlertStatus, AlertType, SensorId, TrafficAlert
from shared.traffic.arrays import Floats
from shared.traffic.roadway import roadway
from tests.kit.networks import UTC_ZONE, along, network_of

STATIONS, DAYS = 6, 4
MONDAY = datetime(2026, 3, 2)  # noqa: DTZ001 - local, as measures have it
NETWORK = network_of(
    *along("I-1 N", [str(n) for n in range(STATIONS)], degrees_per_mile=0.01, lane_count=4),
    network_id="line",
    time_zone=UTC_ZONE,
)
PER_DAY = timedelta(days=1) // NETWORK.window
CRASH = 3 * PER_DAY + 150
QUEUE = slice(CRASH, CRASH + 12), slice(1, 4)


def recorded(speed: Floats, share_observed: Floats | None = None) -> Measures:
    day, slot = np.divmod(np.arange(len(speed)), PER_DAY)
    nothing = np.full(speed.shape, np.nan)
    road = roadway(NETWORK)
    return Measures(road, MONDAY, speed, nothing, nothing, day, slot, np.zeros(DAYS, np.bool_), share_observed)


@pytest.fixture(scope="module")
def crash() -> Measures:
    chance = np.random.default_rng(2)
    speed = chance.normal(63, 1.5, (DAYS * PER_DAY, STATIONS))
    speed[QUEUE] = chance.uniform(6, 12, speed[QUEUE].shape)
    return recorded(speed)


@pytest.fixture(scope="module")
def alerts(crash: Measures) -> list[TrafficAlert]:
    return live_alerts(crash)


def test_a_crash_is_an_alert_from_its_first_minutes_to_its_end(crash: Measures, alerts: list[TrafficAlert]) -> None:
    """Its whole life, by event time, and raised where and when the queue was."""
    incidents = [alert for alert in alerts if alert.alert_type is AlertType.INCIDENT]
    assert [incidents[0].status, incidents[-1].status] == [AlertStatus.RAISED, AlertStatus.CLEARED]
    assert len({alert.alert_id for alert in incidents}) == 1
    (alarm,) = raised_alarms(crash, alerts)
    assert CRASH <= alarm.window <= CRASH + 2
    assert set(alarm.positions) <= {1, 2, 3}
    assert incidents[0].updated_at == crash.window_end(alarm.window)
    assert incidents[-1].updated_at >= crash.window_end(QUEUE[0].stop)


def test_it_is_set_as_the_service_is() -> None:
    """What is measured is what ships: no default is written twice."""
    assert AlertDetectorSettings().tuning == DetectorTuning()


def test_no_incident_alert_is_raised_where_they_are_not_wanted(crash: Measures) -> None:
    wanted = AlertDetectorSettings(incidents=False).tuning
    assert raised_alarms(crash, live_alerts(crash, wanted)) == []


def test_imputed_windows_come_with_the_share_that_was_observed(crash: Measures) -> None:
    """Once they were left out before anything saw them, as no live feed leaves them out."""
    share = np.ones_like(crash.speed_mph)
    share[QUEUE] = 0.2
    imputed = replace(crash, share_observed=share)
    assert np.isnan(imputed.observed().speed_mph[QUEUE]).all()
    assert np.isfinite(imputed.observed().speed_mph).sum() == crash.speed_mph.size - 36
    windows = {window.sensor_id: window for window in recorded_windows(imputed, CRASH)}
    assert [windows[SensorId(name)].share_observed for name in "0123"] == [1.0, 0.2, 0.2, 0.2]
    assert all(window.mean_speed_mph is not None for window in windows.values())


def test_progress_is_told(crash: Measures) -> None:
    told: list[tuple[int, int]] = []
    short = replace(crash, speed_mph=crash.speed_mph[:5], day=crash.day[:5], slot=crash.slot[:5])
    live_alerts(short, on_window=lambda done, total: told.append((done, total)))
    assert told == [(number, 5) for number in range(1, 6)]
