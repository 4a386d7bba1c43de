"""What a network is recognised by, whatever its folder or its id is: its sensors and its road graph. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from shared.traffic.network import Network

SEPARATOR = "\0"
"""Stands in no id: a network refuses those that have one."""


@dataclass(frozen=True, slots=True)
class NetworkFingerprint:
    """SHA-256, in hexadecimal digits, of the sensors' ids and of the pairs of sensors that edges link.

    Neither depends on an order, on names or on positions. Weights are left out: they are computed from distances, so
    that the same graph has other last digits in every publication of it.
    """

    sensors: str
    edges: str


def fingerprint_of(network: Network) -> NetworkFingerprint:
    """The fingerprint of a network; edges from a sensor to itself or without weight link nothing, and do not count."""
    pairs = {
        SEPARATOR.join((edge.from_sensor, edge.to_sensor))
        for edge in network.edges
        if edge.from_sensor != edge.to_sensor and edge.weight > 0
    }
    return NetworkFingerprint(digest_of(sensor.sensor_id for sensor in network.sensors), digest_of(pairs))


def digest_of(names: Iterable[str]) -> str:
    """SHA-256 of some names, whatever their order."""
    return sha256("\n".join(sorted(names)).encode()).hexdigest()
