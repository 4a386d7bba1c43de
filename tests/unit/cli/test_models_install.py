"""`metrla models install` knows networks by what they are."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metrla.cli.models import app
from metrla.data.importing.folder import write_network
from shared.archive.local import LocalArchive
from shared.events.errors import ConfigurationError
from shared.events.records import NetworkId
from shared.forecasting.registry.registry import Registry, listing
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import Network
from tests.kit.metr_la import imported_metr_la


@pytest.fixture
def metr_la(tmp_path: Path) -> Network:
    """METR-LA by a name of somebody's own, in a folder."""
    network = imported_metr_la("los-angeles")
    write_network(network, tmp_path / "imported")
    return network


def install(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["install", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_folder_is_recognised_and_its_models_serve_under_its_own_id(tmp_path: Path, metr_la: Network) -> None:
    url, folder = (tmp_path / "archive").as_uri(), tmp_path / "imported"
    assert "network los-angeles is metr-la by its sensors and edges" in install(str(folder), "--archive-url", url)
    registry = Registry(LocalArchive(tmp_path / "archive"), {metr_la.network_id: metr_la})
    registry.refresh()
    serving = registry.serving(metr_la.network_id)
    assert not serving.refused
    assert serving.champion is not None
    assert serving.champion.model.name == "ensemble"
    newer = serving.champion.model.version.replace("2", "3", 1)
    for file in ("model.safetensors", "card.json"):
        root = tmp_path / "archive" / "traffic-data" / "models" / "los-angeles" / "ensemble"
        (root / newer).mkdir(exist_ok=True)
        (root / newer / file).write_bytes((root / serving.champion.model.version / file).read_bytes())
    assert f"ensemble {newer} is newer" in install(str(folder), "--archive-url", url)


def test_an_id_is_looked_up_among_the_configured_networks(
    tmp_path: Path, metr_la: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_network(replace(metr_la, network_id=NetworkId("metr-la"), edges=()), tmp_path / "edgeless")
    monkeypatch.setenv("METRLA_NETWORKS", str(tmp_path / "edgeless"))
    url = (tmp_path / "archive").as_uri()
    with pytest.raises(ConfigurationError, match=r"same sensors and 0 edges.*--force"):
        install("metr-la", "--archive-url", url)
    assert not listing(LocalArchive(tmp_path / "archive"), NetworkId("metr-la")).versions
    assert "same sensors and 0 edges" in install("metr-la", "--archive-url", url, "--force")
    assert "ensemble" in listing(LocalArchive(tmp_path / "archive"), NetworkId("metr-la")).versions


def test_networks_of_other_sensors_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = (tmp_path / "archive").as_uri()
    with pytest.raises(ConfigurationError, match=r"la-example.*know 0 of the 48 sensors"):
        install(str(EXAMPLE_NETWORK), "--archive-url", url, "--force")
    mine = replace(load_network(EXAMPLE_NETWORK), network_id=NetworkId("metr-la"))
    write_network(mine, tmp_path / "mine")
    monkeypatch.setenv("METRLA_NETWORKS", str(tmp_path / "mine"))
    with pytest.raises(ConfigurationError, match="of which this network has 0; it has 48 others"):
        install("metr-la", "--archive-url", url)
    monkeypatch.delenv("METRLA_NETWORKS")
    with pytest.raises(ConfigurationError, match="no models come with metrla for nowhere: metr-la"):
        install("nowhere", "--archive-url", url)
    assert "traffic-data/models/metr-la/ensemble" in install("metr-la", "--archive-url", url)
