import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from metrla.cli.train import train
from shared.archive.local import LocalArchive
from shared.events.errors import ConfigurationError
from shared.forecasting.registry.registry import listing, load
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.until import until_blocking

PATIENCE_S = 100.0

app = typer.Typer()
app.command()(train)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.slow
def test_simulated_history_becomes_models_in_the_archive(tmp_path: Path) -> None:
    model = ("--models", "linear_regression")
    output = run("--simulate", "7", "--seed", "3", "--to", "2026-03-08", *model, "--archive-url", tmp_path.as_uri())
    network = load_network(EXAMPLE_NETWORK)
    found = listing(LocalArchive(tmp_path), network.network_id).versions
    assert set(found) == {"linear_regression", "historical_average"}
    # What was judged, and its refit, which serves.
    judged, version = sorted(found["linear_regression"])
    for name, versions in found.items():
        assert sorted(versions) == [judged, version]
        for each in versions:
            assert load(LocalArchive(tmp_path), network, name, each).key == (name, each)
        assert f"{tmp_path.as_uri()}/traffic-data/models/la-example/{name}/{version}" in output
    assert "60 min" in output
    assert "last_value" in output
    (_, gains) = output.split("What linear_regression gains on the test part")
    assert [line.split()[0] for line in gains.splitlines() if line[:1].isspace() or line[:1].isdigit()][-12:] == [
        str(minutes) for minutes in range(5, 65, 5)
    ]
    assert version[:4] == f"{datetime.now(UTC):%Y}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "--data FILE or --simulate"),
        (("--data", "x.parquet", "--simulate", "7"), "--data FILE or --simulate"),
        (("--simulate", "7", "--from", "2026-03-01"), "--from"),
        (("--simulate", "7", "--to", "yesterday"), "--to 'yesterday'"),
        (("--data", "missing.parquet"), "missing.parquet"),
        (("--simulate", "7", "--to", "2026-03-08", "--models", "oracle"), "cannot train 'oracle'"),
        (("--simulate", "7", "--to", "2026-03-08", "--archive-url", "ftp://x"), "archive"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError, match=said):
        run(*arguments)


@pytest.mark.slow
def test_what_is_finished_is_taken_up_again(tmp_path: Path) -> None:
    common = (
        "--simulate",
        "6",
        "--to",
        "2026-03-08",
        "--models",
        "linear_regression",
        "--work",
        str(tmp_path / "work"),
    )
    said = [run(*common, *more, "--archive-url", tmp_path.as_uri()) for more in ((), (), ("--fresh",))]
    assert ["kept from an earlier run" in one for one in said] == [False, True, False]


@pytest.mark.slow
def test_ctrl_c_leaves_a_state_to_go_on_from_and_says_so(tmp_path: Path) -> None:
    work = tmp_path / "work"
    command = [sys.executable, "-m", "metrla", "train", "--simulate", "14", "--to", "2026-03-15"]
    command += ["--models", "linear_regression,xgboost", "--work", str(work), "--archive-url", tmp_path.as_uri()]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as trainer:

        def under_way() -> bool:
            assert trainer.poll() is None
            return bool(list(work.glob("linear_regression-*/fitted.json")))

        until_blocking(under_way, "the first model is fitted", PATIENCE_S)
        trainer.send_signal(signal.SIGINT)
        _, said = trainer.communicate(timeout=PATIENCE_S)
    assert trainer.returncode == 130
    assert f"kept in {work}; the same command continues from there" in said
    assert "Traceback" not in said
    assert not list((tmp_path / "traffic-data").glob("**/card.json"))


def test_without_the_train_extra_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "metrla.lab.forecasting.training.trees.fit_xgboost", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'metrla\[train\]'"):
        run(
            "--simulate",
            "6",
            "--to",
            "2026-03-08",
            "--models",
            "linear_regression,xgboost",
            "--archive-url",
            tmp_path.as_uri(),
        )
