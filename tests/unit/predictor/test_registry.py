import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from services.predictor.artefact import Artefact, unpack
from services.predictor.registry import Registry, load, save, versions
from services.predictor.training.train import Trained
from shared.archive.layout import CARD_FILE, MODEL_FILE, model_path
from shared.archive.local import LocalArchive
from shared.archive.port import ArchivedObject
from shared.events.errors import ArchiveError, ModelError
from shared.networks.network import Network

NAME = "linear_regression"


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path)


@pytest.fixture
def registry(archive: LocalArchive, network: Network) -> Registry:
    return Registry(archive, {network.network_id: network})


def put(archive: LocalArchive, network: Network, trained: Trained, version: str) -> Artefact:
    card = json.loads(trained.artefacts[NAME].card) | {"version": version}
    artefact = Artefact(trained.artefacts[NAME].model, json.dumps(card).encode())
    save(archive, network.network_id, NAME, version, artefact)
    return artefact


def test_what_is_saved_is_listed_newest_first_and_loads(
    archive: LocalArchive, network: Network, trained: Trained
) -> None:
    for version in ("20260101", "20260301", "20260201"):
        put(archive, network, trained, version)
    assert versions(archive, network.network_id, NAME) == ["20260301", "20260201", "20260101"]
    assert load(archive, network, NAME, "20260301").version == "20260301"
    assert versions(archive, network.network_id, "historical_average") == []


def test_a_version_without_its_card_does_not_exist_yet(
    archive: LocalArchive, network: Network, registry: Registry
) -> None:
    archive.write(model_path(network.network_id, NAME, "20260101", MODEL_FILE), b"half")
    assert versions(archive, network.network_id, NAME) == []
    registry.refresh()
    assert registry.serving(network.network_id) == {}


def test_the_newest_serves_and_a_newer_one_takes_over(
    archive: LocalArchive, network: Network, trained: Trained, registry: Registry
) -> None:
    put(archive, network, trained, "20260101")
    registry.refresh()
    first = registry.serving(network.network_id)[NAME]
    registry.refresh()
    assert registry.serving(network.network_id)[NAME] is first
    put(archive, network, trained, "20260201")
    registry.refresh()
    assert registry.serving(network.network_id)[NAME].version == "20260201"


def test_a_damaged_version_is_refused_and_the_older_one_serves(
    archive: LocalArchive, network: Network, trained: Trained, registry: Registry
) -> None:
    put(archive, network, trained, "20260101")
    artefact = put(archive, network, trained, "20260201")
    damaged = artefact.model[:-8] + b"\xff" * 8
    archive.write(model_path(network.network_id, NAME, "20260201", MODEL_FILE), damaged)
    registry.refresh()
    assert registry.serving(network.network_id)[NAME].version == "20260101"
    put(archive, network, trained, "20260301")
    registry.refresh()
    assert registry.serving(network.network_id)[NAME].version == "20260301"


def test_an_archive_that_is_away_leaves_what_serves(
    archive: LocalArchive, network: Network, trained: Trained, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, network, trained, "20260101")
    registry.refresh()

    def away(_: str) -> Iterator[ArchivedObject]:
        raise ArchiveError("away")

    monkeypatch.setattr(archive, "list", away)
    with pytest.raises(ArchiveError):
        registry.refresh()
    assert registry.serving(network.network_id)[NAME].version == "20260101"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"network_id": "other"}, "made for"),
        ({"format": 2}, "made for"),
        ({"model_name": "historical_average"}, "made for"),
        ({"window_seconds": 60.0}, "made for"),
        ({"sha256": "0" * 64}, "checksum"),
        ({"sensors": ["S1", "S0", "S2", "S3"]}, "other sensors"),
    ],
)
def test_an_artefact_that_does_not_fit_says_why(
    network: Network, trained: Trained, change: dict[str, object], said: str
) -> None:
    artefact = trained.artefacts[NAME]
    wrong = replace(artefact, card=json.dumps(json.loads(artefact.card) | change).encode())
    with pytest.raises(ModelError, match=said):
        unpack(wrong, NAME, trained.version, network)


@pytest.mark.parametrize("card", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_card_is_refused(network: Network, trained: Trained, card: bytes) -> None:
    with pytest.raises(ModelError):
        unpack(replace(trained.artefacts[NAME], card=card), NAME, trained.version, network)


def test_a_card_tells_what_the_model_is(trained: Trained) -> None:
    card = json.loads(trained.artefacts[NAME].card)
    assert card["training_data"]["source"] == "a test"
    assert len(card["training_data"]["sha256"]) == 64
    assert card["test_errors_by_steps_ahead"]["3"]["mae_mph"] > 0
    assert card["software"]["scikit-learn"]
    assert CARD_FILE == "card.json"
