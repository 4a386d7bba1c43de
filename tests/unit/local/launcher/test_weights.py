"""Which weights serve a demo at once, and what they have seen of what it replays."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from metrla.local.launcher.request import default_start
from metrla.local.launcher.weights import ShippedWeights
from shared.events.records import NetworkId
from shared.forecasting.registry.pretrained import PretrainedModels
from tests.kit.networks import along, network_of

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
FIRST = datetime(2012, 3, 1, 8, tzinfo=UTC)


def test_a_network_of_nobodys_sensors_has_no_weights() -> None:
    assert ShippedWeights.of(network_of(*along("I-5 N", ["a", "b"])), PretrainedModels()) is None


def test_a_replay_begins_where_the_weights_have_seen_nothing() -> None:
    last, seen = FIRST + timedelta(days=100), FIRST + timedelta(days=80, hours=3)
    assert default_start(FIRST, last, LOS_ANGELES, seen) == FIRST + timedelta(days=81, hours=-1)  # daylight saving
    for elsewhere in (FIRST - timedelta(days=1), last + timedelta(days=1)):
        assert default_start(FIRST, last, LOS_ANGELES, elsewhere) == default_start(FIRST, last, LOS_ANGELES)


def test_what_weights_have_seen_flatters() -> None:
    weights = ShippedWeights(NetworkId("x"), ["ensemble"], (FIRST, FIRST + timedelta(days=80)))
    assert weights.have_seen(FIRST)
    assert weights.have_seen(FIRST + timedelta(days=79))
    assert not weights.have_seen(FIRST + timedelta(days=80))
    assert not weights.have_seen(FIRST - timedelta(days=1))
    assert not ShippedWeights(NetworkId("x"), ["ensemble"], None).have_seen(FIRST)
