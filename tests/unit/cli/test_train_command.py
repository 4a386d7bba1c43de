from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from metrla.cli.train import train
from services.predictor.registry import load, versions
from shared.archive.local import LocalArchive
from shared.events.errors import ConfigurationError
from shared.networks.folder import EXAMPLE_NETWORK, load_network

app = typer.Typer()
app.command()(train)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_simulated_history_becomes_models_in_the_archive(tmp_path: Path) -> None:
    output = run("--simulate", "7", "--seed", "3", "--to", "2026-03-08", "--archive-url", tmp_path.as_uri())
    network = load_network(EXAMPLE_NETWORK)
    (version,) = versions(LocalArchive(tmp_path), network.network_id, "linear_regression")
    for name in ("linear_regression", "historical_average"):
        assert versions(LocalArchive(tmp_path), network.network_id, name) == [version]
        assert load(LocalArchive(tmp_path), network, name, version).version == version
        assert f"{tmp_path.as_uri()}/traffic-data/models/la-example/{name}/{version}" in output
    assert "60 min" in output
    assert "last_value" in output
    assert version[:4] == f"{datetime.now(UTC):%Y}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--data FILE or --simulate"),
        (("--data", "x.parquet", "--simulate", "7"), "--data FILE or --simulate"),
        (("--simulate", "7", "--from", "2026-03-01"), "--from"),
        (("--simulate", "7", "--to", "yesterday"), "--to 'yesterday'"),
        (("--data", "missing.parquet"), "missing.parquet"),
        (("--simulate", "7", "--to", "2026-03-08", "--models", "oracle"), "cannot train oracle"),
        (("--simulate", "7", "--to", "2026-03-08", "--archive-url", "ftp://x"), "archive"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        run(*arguments)
