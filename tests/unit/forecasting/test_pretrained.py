"""The weights that come with metrla: whole, complete, small, and known by the network that they are for."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.archive.local import LocalArchive
from shared.events.records import NetworkId
from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.forecaster import ENSEMBLE, HISTORICAL_AVERAGE, LINEAR_REGRESSION
from shared.forecasting.registry.pretrained import NETWORK_FILE, SHIPPED, PretrainedModels, install
from shared.forecasting.registry.registry import Registry, listing, save
from shared.forecasting.registry.serving import Serving
from shared.traffic.fingerprint import digest_of, fingerprint_of
from shared.traffic.network import Edge, Network
from tests.kit.networks import along, network_of

MOST_BYTES = 8_000_000
VERSION = "20260302"


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


@pytest.mark.parametrize("network_id", PretrainedModels().networks)
def test_what_a_network_is_recognised_by_is_what_its_models_were_made_for(network_id: NetworkId) -> None:
    about = json.loads((SHIPPED / network_id / NETWORK_FILE).read_text())
    for card in PretrainedModels().cards(network_id).values():
        assert digest_of(card.sensors) == about["sensors_sha256"]
        assert len(card.sensors) == about["sensors"]
        assert card.content["window_seconds"] == about["window_seconds"]


@pytest.fixture
def shipped(tmp_path: Path, network: Network, artefacts: Mapping[str, Artefact]) -> PretrainedModels:
    """Weights for the network of the tests, as they would come with metrla."""
    archive = LocalArchive(tmp_path / "made")
    for name, artefact in artefacts.items():
        save(archive, network.network_id, name, VERSION, artefact)
    root, found = tmp_path / "made" / "traffic-data" / "models", fingerprint_of(network)
    about = {
        "window_seconds": network.window.total_seconds(),
        "sensors": len(network.sensors),
        "sensors_sha256": found.sensors,
        "edges": len(network.edges),
        "edges_sha256": found.edges,
    }
    (root / network.network_id / NETWORK_FILE).write_text(json.dumps(about))
    return PretrainedModels(root)


def test_a_network_is_recognised_whatever_it_is_called(shipped: PretrainedModels, network: Network) -> None:
    for one in (network, replace(network, network_id=NetworkId("mine"), name="Mine", sensors=network.sensors[::-1])):
        found = shipped.recognise(one)
        assert found.fits
        assert found.shipped_id == network.network_id


def test_what_does_not_fit_is_explained(shipped: PretrainedModels, network: Network) -> None:
    fewer, other = network.sensors[:-1], along("I-5 N", ["X", "Y"])
    edges = tuple(edge for edge in network.edges if edge.to_sensor != network.sensors[-1].sensor_id)
    cases = {
        "which this network has 3; it has 0 others": replace(network, sensors=fewer, edges=edges),
        "which this network has 4; it has 1 others": replace(network, sensors=(*network.sensors, other[0])),
        "same sensors and 1 edges": replace(network, edges=network.edges[:1]),
        "same sensors and 4 edges": replace(
            network, edges=(*network.edges, Edge(network.sensors[2].sensor_id, network.sensors[0].sensor_id, 0.2))
        ),
        "windows of 0:05:00": replace(network, window=timedelta(minutes=10)),
        "which this network has 0; it has 2 others": replace(network, sensors=other, edges=()),
    }
    for reason, one in cases.items():
        found = shipped.recognise(one)
        assert not found.fits
        assert reason in str(found.reason)
        assert found.shipped_id == network.network_id
    stranger = shipped.recognise(network_of(*other, network_id="elsewhere"))
    assert stranger.shipped_id is None
    assert not stranger.fits


@pytest.mark.parametrize("name", ["test", "mine"])
def test_weights_serve_in_the_archive_under_the_id_that_the_network_has_there(
    shipped: PretrainedModels, network: Network, tmp_path: Path, name: str
) -> None:
    archive, mine = LocalArchive(tmp_path / "archive"), replace(network, network_id=NetworkId(name))
    folders = install(shipped, network.network_id, archive, mine.network_id)
    registry = Registry(archive, {mine.network_id: mine})
    registry.refresh()
    serving = registry.serving(mine.network_id)
    assert not serving.refused
    assert [one.model.name for one in serving.ranked] == [LINEAR_REGRESSION, HISTORICAL_AVERAGE]
    assert sorted(folders) == [
        f"traffic-data/models/{name}/{model}/{VERSION}" for model in (HISTORICAL_AVERAGE, LINEAR_REGRESSION)
    ]


def test_a_predictor_that_looks_while_weights_are_installed_refuses_none(tmp_path: Path) -> None:
    """An ensemble that is there before its members would be called incomplete."""
    shipped = PretrainedModels()
    (shipped_id, *_) = shipped.networks
    network = network_of(*along("I-5 N", shipped.sensors(shipped_id)), network_id=shipped_id)

    class Watched(LocalArchive):
        """Looks for models whenever a card has been written."""

        def write(self, path: str, content: bytes) -> None:
            super().write(path, content)
            if path.endswith("card.json"):
                registry.refresh()
                seen.append(registry.serving(network.network_id))

    archive, seen = Watched(tmp_path), list[Serving]()
    registry = Registry(archive, {network.network_id: network})
    install(shipped, shipped_id, archive, network.network_id)
    assert not [refused for serving in seen for refused in serving.refused]
    assert [len(serving.ranked) for serving in seen] == [1, 2, 3, 4, 5, 6]
    champion = seen[-1].champion
    assert champion is not None
    assert champion.model.name == ENSEMBLE
