import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from shared.archive.layout import CARD_FILE, MODEL_FILE, champion_path, model_path
from shared.archive.local import LocalArchive
from shared.archive.port import ArchivedObject
from shared.events.errors import ArchiveError, ConfigurationError, ModelError
from shared.forecasting.models.artefact import Artefact, Opened, open_artefact
from shared.forecasting.models.forecaster import ENSEMBLE
from shared.forecasting.registry import loading
from shared.forecasting.registry.loading import open_model
from shared.forecasting.registry.registry import Registry, listing, load, save
from shared.forecasting.registry.roles import Champion, champions, promote, roll_back
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

START = datetime(2026, 1, 1, tzinfo=UTC)
VERSION = "20260302"
Artefacts = Mapping[str, Artefact]
NAME, OTHER = "linear_regression", "historical_average"


@pytest.fixture
def archive(tmp_path: Path) -> LocalArchive:
    return LocalArchive(tmp_path)


@pytest.fixture
def registry(archive: LocalArchive, network: Network) -> Registry:
    return Registry(archive, {network.network_id: network})


def put(
    archive: LocalArchive, network: Network, artefacts: Artefacts, version: str, name: str = NAME, **change: object
) -> Artefact:
    card = json.loads(artefacts[name].card) | {"version": version} | change
    artefact = replace(artefacts[name], card=json.dumps(card).encode())
    save(archive, network.network_id, str(card["model_name"]), version, artefact)
    return artefact


def ranked(registry: Registry, network: Network) -> list[tuple[str, str]]:
    registry.refresh()
    return [one.key for one in registry.serving(network.network_id).ranked]


def chosen(name: str, version: str | None = None) -> Champion:
    return Champion(name, version, START, "a test")


@dataclass
class Mean:
    members: Mapping[str, str]
    version: str
    name: str = ENSEMBLE

    def combine(self, predicted: Mapping[str, Floats]) -> Floats:
        mean: Floats = np.mean(list(predicted.values()), axis=0)
        return mean

    def disagreement(self, predicted: Mapping[str, Floats]) -> Floats:
        spread: Floats = np.std(list(predicted.values()), axis=0)
        return spread

    @classmethod
    def of_artefact(cls, opened: Opened) -> "Mean":
        return cls(opened.members, opened.version)


@pytest.fixture
def ensembles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MODELS", {**loading.MODELS, ENSEMBLE: Mean.of_artefact})
    monkeypatch.setattr("shared.forecasting.registry.registry.MODELS", loading.MODELS)


def test_what_is_saved_is_listed_newest_first_and_loads(
    archive: LocalArchive, network: Network, artefacts: Artefacts
) -> None:
    for version in ("20260101", "20260301", "20260201"):
        put(archive, network, artefacts, version)
    there = listing(archive, network.network_id)
    assert there.versions == {NAME: ["20260301", "20260201", "20260101"]}
    assert not there.has_champion
    assert load(archive, network, NAME, "20260301").key == (NAME, "20260301")


def test_a_version_without_its_card_does_not_exist_yet(
    archive: LocalArchive, network: Network, registry: Registry
) -> None:
    archive.write(model_path(network.network_id, NAME, "20260101", MODEL_FILE), b"half")
    assert ranked(registry, network) == []
    assert registry.serving(network.network_id).champion is None


def test_the_newest_serves_and_a_newer_one_takes_over(
    archive: LocalArchive, network: Network, artefacts: Artefacts, registry: Registry
) -> None:
    put(archive, network, artefacts, "20260101")
    registry.refresh()
    first = registry.serving(network.network_id).champion
    registry.refresh()
    assert registry.serving(network.network_id).champion is first
    put(archive, network, artefacts, "20260201")
    assert ranked(registry, network) == [(NAME, "20260201")]


def test_a_damaged_version_is_refused_and_the_older_one_serves(
    archive: LocalArchive, network: Network, artefacts: Artefacts, registry: Registry
) -> None:
    put(archive, network, artefacts, "20260101")
    artefact = put(archive, network, artefacts, "20260201")
    damaged = artefact.files[MODEL_FILE][:-8] + b"\xff" * 8
    archive.write(model_path(network.network_id, NAME, "20260201", MODEL_FILE), damaged)
    assert ranked(registry, network) == [(NAME, "20260101")]
    (refused,) = registry.serving(network.network_id).refused
    assert (refused.model_name, refused.version) == (NAME, "20260201")
    assert "checksum" in refused.reason
    put(archive, network, artefacts, "20260301")
    assert ranked(registry, network) == [(NAME, "20260301")]


def test_the_preferred_model_is_champion_until_another_is_promoted(
    archive: LocalArchive, network: Network, artefacts: Artefacts, registry: Registry
) -> None:
    put(archive, network, artefacts, "1", OTHER)
    assert ranked(registry, network) == [(OTHER, "1")]
    put(archive, network, artefacts, "1")
    put(archive, network, artefacts, "2")
    assert ranked(registry, network) == [(NAME, "2"), (OTHER, "1")]
    promote(archive, network.network_id, chosen(OTHER))
    assert ranked(registry, network) == [(OTHER, "1"), (NAME, "2")]
    promote(archive, network.network_id, chosen(NAME, "1"))
    assert ranked(registry, network) == [(NAME, "1"), (OTHER, "1")]
    put(archive, network, artefacts, "3")
    assert ranked(registry, network) == [(NAME, "1"), (OTHER, "1")]
    assert roll_back(archive, network.network_id) == chosen(OTHER)
    assert ranked(registry, network) == [(OTHER, "1"), (NAME, "3")]
    assert roll_back(archive, network.network_id) is None
    assert ranked(registry, network) == [(NAME, "3"), (OTHER, "1")]
    with pytest.raises(ConfigurationError, match="no model was promoted"):
        roll_back(archive, network.network_id)


def test_a_champion_that_is_not_there_is_passed_over(
    archive: LocalArchive, network: Network, artefacts: Artefacts, registry: Registry
) -> None:
    put(archive, network, artefacts, "1")
    for absent in (chosen(NAME, "9"), chosen("oracle"), chosen(OTHER)):
        promote(archive, network.network_id, absent)
        assert ranked(registry, network) == [(NAME, "1")]
        assert registry.serving(network.network_id).promoted == absent
    assert [one.model_name for one in champions(archive, network.network_id)] == [OTHER, "oracle", NAME]
    archive.write(champion_path(network.network_id), b"{")
    assert ranked(registry, network) == [(NAME, "1")]
    promote(archive, network.network_id, chosen(NAME))
    assert len(champions(archive, network.network_id)) == 1


@pytest.mark.usefixtures("ensembles")
def test_an_ensemble_has_the_members_that_its_card_names(
    archive: LocalArchive, network: Network, artefacts: Artefacts, registry: Registry
) -> None:
    for version in ("1", "2"):
        put(archive, network, artefacts, version)
    put(archive, network, artefacts, "2", OTHER)
    put(archive, network, artefacts, "5", model_name=ENSEMBLE, members={NAME: "1", OTHER: "2"})
    assert ranked(registry, network) == [(ENSEMBLE, "5"), (NAME, "2"), (OTHER, "2")]
    loaded = registry.serving(network.network_id).loaded
    assert set(loaded) == {(ENSEMBLE, "5"), (NAME, "1"), (NAME, "2"), (OTHER, "2")}
    registry.refresh()
    assert all(registry.serving(network.network_id).loaded[key] is one for key, one in loaded.items())


@pytest.mark.usefixtures("ensembles")
def test_an_ensemble_without_its_members_waits_for_them(
    archive: LocalArchive, network: Network, artefacts: Artefacts, registry: Registry
) -> None:
    put(archive, network, artefacts, "1")
    put(archive, network, artefacts, "5", model_name=ENSEMBLE, members={NAME: "1", OTHER: "2"})
    assert ranked(registry, network) == [(NAME, "1")]
    assert "not in the archive" in registry.serving(network.network_id).refused[0].reason
    put(archive, network, artefacts, "2", OTHER)
    assert ranked(registry, network)[0] == (ENSEMBLE, "5")
    assert registry.serving(network.network_id).refused == ()
    put(archive, network, artefacts, "6", model_name=ENSEMBLE, members={ENSEMBLE: "6"})
    assert ranked(registry, network)[0] == (ENSEMBLE, "5")


def test_an_archive_that_is_away_leaves_what_serves(
    archive: LocalArchive, network: Network, artefacts: Artefacts, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(archive, network, artefacts, "20260101")
    registry.refresh()

    def away(_: str) -> Iterator[ArchivedObject]:
        raise ArchiveError("away")

    monkeypatch.setattr(archive, "list", away)
    with pytest.raises(ArchiveError):
        registry.refresh()
    assert [one.key for one in registry.serving(network.network_id).ranked] == [(NAME, "20260101")]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"network_id": "other"}, "made for"),
        ({"format": 1}, "made for"),
        ({"model_name": "historical_average"}, "made for"),
        ({"window_seconds": 60.0}, "made for"),
        ({"files": {MODEL_FILE: {"sha256": "0" * 64}}}, "checksum"),
        ({"files": {}}, "not on the card"),
        ({"files": {"other": {"sha256": "0" * 64}}}, "other is missing"),
        ({"files": {MODEL_FILE: {}}}, "sha256"),
        ({"sensors": ["S1", "S0", "S2"]}, "this release and its 3 sensors"),
    ],
)
def test_an_artefact_that_does_not_fit_says_why(
    network: Network, artefacts: Artefacts, change: dict[str, object], said: str
) -> None:
    artefact = artefacts[NAME]
    wrong = replace(artefact, card=json.dumps(json.loads(artefact.card) | change).encode())
    with pytest.raises(ModelError, match=said):
        open_model(wrong, NAME, VERSION, network)


@pytest.mark.parametrize("card", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_a_damaged_card_is_refused(network: Network, artefacts: Artefacts, card: bytes) -> None:
    with pytest.raises(ModelError):
        open_model(replace(artefacts[NAME], card=card), NAME, VERSION, network)


def test_a_model_that_this_release_does_not_know_is_refused(network: Network, artefacts: Artefacts) -> None:
    with pytest.raises(ModelError, match="this release knows"):
        open_model(artefacts[NAME], "oracle", VERSION, network)


def test_sensors_are_matched_by_id(network: Network, artefacts: Artefacts) -> None:
    moved = replace(network, sensors=tuple(reversed(network.sensors)))
    was, now = (open_artefact(artefacts[NAME], NAME, VERSION, one) for one in (network, moved))
    assert now.rows.tolist() == [3, 2, 1, 0]
    np.testing.assert_array_equal(now.known_profile_mph, was.known_profile_mph[:, ::-1])
    assert was.known.tolist() == [True, True, True, False]
    assert np.isfinite(was.profile_mph).all()
    np.testing.assert_array_equal(was.profile_mph[:, :3], was.known_profile_mph[:, :3])


def test_a_card_lists_the_files(artefacts: Artefacts) -> None:
    card = json.loads(artefacts[NAME].card)
    assert card["files"][MODEL_FILE]["bytes"] == len(artefacts[NAME].files[MODEL_FILE])
    assert CARD_FILE == "card.json"
