"""A network's ids are what every later stage can take: in rows, paths, keys and headers."""

import pytest

from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId
from tests.kit.networks import network_of, sensor


@pytest.mark.parametrize("sensor_id", ["β/1?#", "Straße 12", "🚧", "a" * 200])
def test_any_printable_id_will_do(sensor_id: str) -> None:
    network = network_of(sensor(sensor_id, 1.0, "I-5 N"), network_id=NetworkId("réseau/1"))
    assert network.sensors[0].sensor_id == sensor_id


@pytest.mark.parametrize("sensor_id", ["", "x\0", "x\x1b", "e\u0301", "a" * 201, "\ud800", "two\nlines"])
def test_one_that_cannot_be_stored_or_shown_is_refused(sensor_id: str) -> None:
    with pytest.raises(ConfigurationError, match=r"network n: id .* (is|has) "):
        network_of(sensor(sensor_id, 1.0, "I-5 N"), network_id=NetworkId("n"))


def test_the_id_of_a_network_fits_into_a_folder() -> None:
    with pytest.raises(ConfigurationError, match="may have 200 bytes"):
        network_of(sensor("s", 1.0, "I-5 N"), network_id=NetworkId("é" * 40))
