"""METR-LA, where its published files are."""

import pytest

from metrla.data.importing.published import import_network
from shared.traffic.network import Network
from tests.kit.networks import LOS_ANGELES, WINDOW
from tests.kit.places import METR_LA


def imported_metr_la(network_id: str = "metr-la") -> Network:
    """METR-LA as somebody imports it who calls it so; the test is skipped where its files are not there."""
    sensors, edges = METR_LA / "sensors.csv", METR_LA / "adjacency.csv"
    if not sensors.exists():
        pytest.skip(f"METR-LA is not there: {METR_LA} (METRLA_DATA)")
    network, _ = import_network(sensors, edges, network_id, LOS_ANGELES, None, WINDOW, None, WINDOW)
    return network
