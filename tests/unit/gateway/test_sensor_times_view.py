from datetime import UTC, datetime

from services.gateway.views.sensor_times import SensorTimesView
from shared.events.records import NetworkId, SensorId
from shared.traffic.health.times import SensorTime, SensorTimes
from tests.kit.networks import along, network_of

NOW = datetime(2026, 11, 30, 9, tzinfo=UTC)
IDS = tuple(SensorId(name) for name in ("a", "b", "c"))
NETWORK = network_of(*along("I-5 N", IDS), network_id="n")


def times(partition: int, sensors: dict[str, int], network_id: NetworkId = NETWORK.network_id) -> SensorTimes:
    late = {SensorId(sensor_id): SensorTime(None, count) for sensor_id, count in sensors.items()}
    return SensorTimes(network_id, partition, NOW, NOW, late)


def found(view: SensorTimesView) -> list[tuple[str, int]]:
    return [(state.sensor_id, state.time.too_late) for state in view.states()]


def test_the_newest_of_each_partition_counts_in_whatever_order() -> None:
    view = SensorTimesView({NETWORK.network_id: NETWORK})
    assert view.apply(times(0, {"c": 5}), 7)
    assert not view.apply(times(0, {"a": 9}), 3)
    assert view.apply(times(1, {"b": 2}), 4)
    assert found(view) == [("b", 2), ("c", 5)]
    assert view.apply(times(0, {}), 8)
    assert found(view) == [("b", 2)]


def test_unknown_networks_and_sensors_are_not_shown() -> None:
    view = SensorTimesView({NETWORK.network_id: NETWORK})
    assert not view.apply(times(0, {"a": 1}, NetworkId("elsewhere")), 1)
    view.apply(times(0, {"stranger": 1}), 2)
    assert found(view) == []
    assert list(view.states(NetworkId("elsewhere"))) == []
