"""A network is recognised by what it is, not by what it is called."""

from dataclasses import replace

from shared.events.records import NetworkId, SensorId
from shared.traffic.fingerprint import fingerprint_of
from shared.traffic.network import Edge
from tests.kit.networks import along, network_of

SENSORS = along("I-5 N", ["a", "b", "c"])
A, B, C = (sensor.sensor_id for sensor in SENSORS)
NETWORK = network_of(*SENSORS, edges=[Edge(A, B, 0.8), Edge(B, C, 0.5)])


def test_id_names_order_and_last_digits_of_weights_do_not_matter() -> None:
    other = network_of(
        *reversed(along("US-101 S", ["a", "b", "c"], degrees_per_mile=0.1)),
        network_id="elsewhere",
        edges=[Edge(B, C, 0.5000001), Edge(A, B, 0.8), Edge(A, A, 1.0), Edge(C, A, 0.0)],
    )
    assert fingerprint_of(other) == fingerprint_of(NETWORK)
    assert fingerprint_of(replace(NETWORK, network_id=NetworkId("x"), name="X")) == fingerprint_of(NETWORK)


def test_sensors_and_edges_are_told_apart() -> None:
    without = replace(NETWORK, edges=NETWORK.edges[:1])
    turned = replace(NETWORK, edges=(NETWORK.edges[0], Edge(C, B, 0.5)))
    renamed = network_of(*along("I-5 N", ["a", "b", "d"]))
    known = fingerprint_of(NETWORK)
    for one in (without, turned):
        assert fingerprint_of(one).sensors == known.sensors
        assert fingerprint_of(one).edges != known.edges
    assert fingerprint_of(renamed).sensors != known.sensors


def test_ids_cannot_be_joined_to_others() -> None:
    joined = network_of(*along("I-5 N", ["ab", "c"]), edges=[Edge(SensorId("ab"), SensorId("c"), 1.0)])
    parted = network_of(*along("I-5 N", ["a", "bc"]), edges=[Edge(SensorId("a"), SensorId("bc"), 1.0)])
    assert fingerprint_of(joined).edges != fingerprint_of(parted).edges
    assert fingerprint_of(joined).sensors != fingerprint_of(parted).sensors
