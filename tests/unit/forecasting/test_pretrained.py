"""The weights that come with metrla: whole, complete, small."""

import json

import pytest

from shared.events.records import NetworkId
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE
from shared.forecasting.registry.pretrained import SHIPPED, PretrainedModels
from shared.forecasting.registry.registry import Registry, listing
from tests.kit.networks import along, network_of

MOST_BYTES = 8_000_000


@pytest.mark.parametrize("network_id", PretrainedModels().networks)
def test_shipped_models_load_and_are_small(network_id: str) -> None:
    shipped = PretrainedModels()
    (first, *_), model = listing(shipped, NetworkId(network_id)).versions[HISTORICAL_AVERAGE], HISTORICAL_AVERAGE
    card = json.loads((SHIPPED / network_id / model / first / "card.json").read_text())
    network = network_of(*along("US-101 N", card["sensors"]), network_id=network_id)
    registry = Registry(shipped, {network.network_id: network})
    registry.refresh()
    serving = registry.serving(network.network_id)
    assert not serving.refused
    assert serving.champion is not None
    assert serving.champion.model.name == ENSEMBLE
    assert sum(found.size_bytes for found in shipped.list("")) < MOST_BYTES
