"""Which sensors the gateway says are not believed."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from services.gateway.responses import REASON_OF, DoubtReason, SensorDoubt, SensorReport
from services.gateway.views.traffic import TrafficView
from shared.events.errors import RejectedEventError
from shared.events.records import NetworkId, SensorId
from shared.traffic.health.doubted import (
    DoubtedSensor,
    DoubtedSensors,
    read_doubted,
    require_doubted_present,
    write_doubted,
)
from shared.traffic.health.rules import WORDS, Doubt
from shared.traffic.health.times import SensorTime, SensorTimes
from tests.kit.networks import along, network_of
from tests.kit.windows import processed_window

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SINCE = NOW - timedelta(hours=3)
IDS = tuple(SensorId(name) for name in ("a", "b", "c"))
NETWORK = network_of(*along("I-5 N", IDS), network_id="n")


def doubted(*sensor_ids: str, network_id: NetworkId = NETWORK.network_id) -> DoubtedSensors:
    return DoubtedSensors(network_id, NOW, {SensorId(one): DoubtedSensor(Doubt.STUCK, SINCE) for one in sensor_ids})


def view() -> TrafficView:
    return TrafficView({NETWORK.network_id: NETWORK}, timedelta(hours=1), max_alerts=5)


def told(traffic: TrafficView) -> list[tuple[str, str, datetime] | None]:
    doubts = [SensorReport.of(state).doubt for state in traffic.sensors()]
    return [None if one is None else (one.reason, one.detail, one.since) for one in doubts]


def test_a_sensor_is_shown_as_doubted_with_its_reason_and_since_when() -> None:
    traffic = view()
    assert traffic.apply_doubted(doubted("b"), 4)
    assert told(traffic) == [None, ("stuck", WORDS[Doubt.STUCK], SINCE), None]
    assert not traffic.apply_doubted(doubted("a"), 3)
    assert traffic.apply_doubted(doubted(), 5)
    assert told(traffic) == [None] * 3


def test_what_nobody_has_is_passed_over() -> None:
    traffic = view()
    assert not traffic.apply_doubted(doubted("a", network_id=NetworkId("elsewhere")), 1)
    assert traffic.apply_doubted(doubted("stranger"), 2)
    assert told(traffic) == [None] * 3


def test_it_comes_back_from_the_log() -> None:
    assert read_doubted(write_doubted(doubted("a", "b"))) == doubted("a", "b")


NO_REASON = b'{"network_id": "n", "as_of": "2026-11-30T09:00:00+00:00", "sensors": {"a": ["odd", ""]}}'


NONE = b'{"network_id": "n", "as_of": "2026-11-30T09:00:00Z", "sensors": {"a": ["none", "2026-11-30T09:00:00Z"]}}'
ENDLESS = (
    b'{"network_id": "n", "as_of": "2026-11-30T09:00:00Z", "sensors": {"a": ["dead", "9999-12-31T23:00:00-12:00"]}}'
)
ZONELESS = b'{"network_id": "n", "as_of": "2026-11-30T09:00:00", "sensors": {}}'


@pytest.mark.parametrize("value", [b"", b"not JSON", b"[]", NO_REASON, NONE, ENDLESS, ZONELESS])
def test_what_is_no_record_is_refused(value: bytes) -> None:
    with pytest.raises(RejectedEventError):
        read_doubted(value)


def test_every_reason_has_words_and_a_name() -> None:
    assert set(WORDS) == set(Doubt) - {Doubt.NONE}
    assert {doubt: doubt.name.lower() for doubt in WORDS} == REASON_OF
    assert set(get_args(DoubtReason)) == {*REASON_OF.values(), "clock_off"}


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=1)])
def test_what_is_dated_far_ahead_is_refused(ahead: timedelta) -> None:
    since = replace(doubted("a"), sensors={IDS[0]: DoubtedSensor(Doubt.DEAD, NOW + ahead)})
    for one in (replace(doubted("a"), as_of=NOW + ahead), since):
        with pytest.raises(RejectedEventError) if ahead else nullcontext():
            require_doubted_present(one, NOW)


def test_a_doubted_sensor_does_not_report() -> None:
    traffic = view()
    for sensor_id in IDS:
        traffic.apply(processed_window("n", sensor_id, SINCE))
    assert traffic.reporting(NETWORK.network_id) == (3, 0)
    traffic.apply_doubted(doubted("b"), 1)
    assert traffic.reporting(NETWORK.network_id) == (2, 0)
    fast = SensorTimes(NETWORK.network_id, 0, SINCE, NOW, {one: SensorTime(3000.0, 0, SINCE) for one in IDS[:2]})
    traffic.apply_times(fast, 1)
    assert traffic.reporting(NETWORK.network_id) == (1, 2)


def test_a_clock_that_is_off_is_named_before_what_the_alert_detector_makes_of_it() -> None:
    traffic = view()
    traffic.apply_doubted(doubted("a", "b"), 1)
    traffic.take_changed_sensors()
    traffic.apply_times(SensorTimes(NETWORK.network_id, 0, SINCE, NOW, {IDS[0]: SensorTime(-90.0, 0, SINCE)}), 1)
    assert [SensorReport.of(state).doubt for state in traffic.take_changed_sensors()] == [
        SensorDoubt(reason="clock_off", detail="its clock is 2 min slow", since=SINCE)
    ]
    assert [one and one[0] for one in told(traffic)] == ["clock_off", "stuck", None]
