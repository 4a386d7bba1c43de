"""Which sensors the gateway says are not believed."""

from datetime import UTC, datetime, timedelta

import pytest

from services.gateway.responses import SensorReport
from services.gateway.views.traffic import TrafficView
from shared.events.errors import RejectedEventError
from shared.events.records import NetworkId, SensorId
from shared.traffic.health.doubted import DoubtedSensor, DoubtedSensors, read_doubted, write_doubted
from shared.traffic.health.rules import WORDS, Doubt
from tests.kit.networks import along, network_of

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
SINCE = NOW - timedelta(hours=3)
IDS = tuple(SensorId(name) for name in ("a", "b", "c"))
NETWORK = network_of(*along("I-5 N", IDS), network_id="n")


def doubted(*sensor_ids: str, network_id: NetworkId = NETWORK.network_id) -> DoubtedSensors:
    return DoubtedSensors(network_id, NOW, {SensorId(one): DoubtedSensor(Doubt.STUCK, SINCE) for one in sensor_ids})


def view() -> TrafficView:
    return TrafficView({NETWORK.network_id: NETWORK}, timedelta(hours=1), max_alerts=5)


def told(traffic: TrafficView) -> list[tuple[str | None, str | None, datetime | None]]:
    reports = map(SensorReport.of, traffic.windows.states())
    return [(one.doubted, one.doubted_reason, one.doubted_since) for one in reports]


def test_a_sensor_is_shown_as_doubted_with_its_reason_and_since_when() -> None:
    traffic = view()
    assert traffic.apply_doubted(doubted("b"), 4)
    assert told(traffic) == [(None, None, None), ("stuck", WORDS[Doubt.STUCK], SINCE), (None, None, None)]
    assert not traffic.apply_doubted(doubted("a"), 3)
    assert traffic.apply_doubted(doubted(), 5)
    assert told(traffic) == [(None, None, None)] * 3


def test_what_nobody_has_is_passed_over() -> None:
    traffic = view()
    assert not traffic.apply_doubted(doubted("a", network_id=NetworkId("elsewhere")), 1)
    assert traffic.apply_doubted(doubted("stranger"), 2)
    assert told(traffic) == [(None, None, None)] * 3


def test_it_comes_back_from_the_log() -> None:
    assert read_doubted(write_doubted(doubted("a", "b"))) == doubted("a", "b")


NO_REASON = b'{"network_id": "n", "as_of": "2026-11-30T09:00:00+00:00", "sensors": {"a": ["odd", ""]}}'


@pytest.mark.parametrize("value", [b"", b"not JSON", b"[]", NO_REASON])
def test_what_is_no_record_is_refused(value: bytes) -> None:
    with pytest.raises(RejectedEventError):
        read_doubted(value)


def test_every_reason_has_words() -> None:
    assert set(WORDS) == set(Doubt) - {Doubt.NONE}
