import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import structlog
from typer.testing import CliRunner

from metrla.cli.main import app
from metrla.cli.studying.models import open_models
from metrla.data.importing.folder import write_network
from metrla.data.simulation.simulator import Simulator
from shared.archive.layout import MODELS_ROOT
from shared.archive.local import LocalArchive
from shared.events.errors import ArchiveError, ConfigurationError, ModelError
from shared.forecasting.registry import pretrained
from shared.forecasting.registry.pretrained import PretrainedModels
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import Network

START, DAYS = datetime(2026, 3, 2, 8, tzinfo=UTC), 7


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


class Place:
    """A network, a recording of it and an archive with models trained on that."""

    def __init__(self, folder: Path) -> None:
        whole = load_network(EXAMPLE_NETWORK)
        road = next(iter(whole.carriageways.values()))[:5]
        names = {sensor.sensor_id for sensor in road}
        edges = tuple(edge for edge in whole.edges if {edge.from_sensor, edge.to_sensor} <= names)
        self.roads: Network = replace(whole, sensors=road, edges=edges)
        self.network, self.data, self.archive = folder / "network", folder / "speeds.parquet", folder / "archive"
        write_network(self.roads, self.network)
        local = START.astimezone(whole.time_zone).replace(tzinfo=None)
        speeds = Simulator(self.roads, 1).speeds(START, DAYS * 288)
        index = pd.DatetimeIndex([local + row * timedelta(minutes=5) for row in range(len(speeds))])
        pd.DataFrame(speeds, index=index, columns=[sensor.sensor_id for sensor in road]).to_parquet(self.data)
        self.said = run(
            "train", *self.arguments, "--models", "linear_regression", "--no-refit", "--work", str(folder / "work")
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        return ("--data", str(self.data), "--network", str(self.network), "--archive-url", self.archive.as_uri())

    @property
    def here(self) -> tuple[str, ...]:
        return ("--network", str(self.network), "--archive-url", self.archive.as_uri())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("place"))


@pytest.mark.slow
def test_an_evaluation_is_told_in_tables_json_and_a_report(place: Place, tmp_path: Path) -> None:
    file, report = tmp_path / "deep" / "figures.json", tmp_path / "report"
    said = run("evaluate", *place.arguments, "--json", str(file), "--report", str(report))
    for expected in ("linear_regression", "historical_average", "last_value", "15 min", "onset", "ECE", "never seen"):
        assert expected in said
    figures = json.loads(file.read_text())
    assert set(figures["test"]["linear_regression"]) == {"15", "30", "60"}
    assert set(figures["test"]["linear_regression"]["60"]) == {"mae", "rmse", "mape"}
    assert len(figures["coverage_90"]) == 12
    assert 0 <= figures["ece"] < 0.3
    assert figures["models"]["linear_regression"]["same_data"]
    broken = {"as_recorded", "dead_10", "dead_20", "stuck_at_25", "stuck_at_65", "clock_off", "noise"}
    assert broken < figures["robustness"].keys()
    assert len(figures["robustness"]) == len(broken) + 6
    assert {path.suffix for path in report.iterdir()} == {".png", ".html"}
    # What training said of the test part is what evaluation finds.
    assert f"{figures['test']['linear_regression']['15']['mae']:.2f}" in place.said


@pytest.mark.slow
def test_one_model_on_the_validation_part_alone(place: Place, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    run(
        "evaluate",
        *place.arguments,
        "--models",
        "historical_average",
        "--split",
        "validation",
        "--json",
        str(file),
        "--no-robustness",
    )
    figures = json.loads(file.read_text())
    assert list(figures["validation"]) == ["historical_average", "last_value"]
    assert "test" not in figures
    assert "robustness" not in figures


def test_what_cannot_be_evaluated_is_said(place: Place, tmp_path: Path) -> None:
    empty = ("--data", str(place.data), "--network", str(place.network), "--archive-url", tmp_path.as_uri())
    for arguments, error, said in (
        (empty, ModelError, "metrla train"),
        ((*place.arguments, "--models", "oracle"), ConfigurationError, "no model oracle"),
        ((*place.arguments, "--models", "xgboost"), ModelError, "no usable model xgboost"),
        ((*place.arguments, "--pretrained"), ConfigurationError, "choose one"),
    ):
        with pytest.raises(error, match=said):
            run("evaluate", *arguments)


def test_versions_are_listed_with_their_roles(place: Place) -> None:
    rows = json.loads(run("models", "list", *place.here, "--format", "json"))
    assert [(row["model"], row["role"]) for row in rows] == [
        ("linear_regression", "champion"),
        ("historical_average", "challenger"),
    ]
    assert 0 < rows[0]["mae_15"] < rows[1]["mae_15"]


def test_a_model_is_promoted_and_the_promotion_undone(place: Place) -> None:
    version = json.loads(run("models", "show", "historical_average", *place.here))["version"]
    assert "is the champion" in run("models", "promote", "historical_average", version, *place.here)
    rows = json.loads(run("models", "list", *place.here, "--format", "json"))
    assert {row["model"]: row["role"] for row in rows}["historical_average"] == "champion"
    assert "any more" in run("models", "rollback", *place.here)
    with pytest.raises(ConfigurationError, match="no model was promoted"):
        run("models", "rollback", *place.here)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("promote", "xgboost"), "which has"),
        (("promote", "linear_regression", "20200101"), "no version 20200101"),
        (("show", "xgboost"), "which has"),
        (("install", "atlantis"), "no models come with metrla for atlantis"),
    ],
)
def test_what_there_is_not_is_said(place: Place, arguments: tuple[str, ...], said: str) -> None:
    where = () if arguments[0] == "install" else ("--network", str(place.network))
    with pytest.raises(ConfigurationError, match=said):
        run("models", *arguments, *where, "--archive-url", place.archive.as_uri())


def test_a_damaged_model_is_not_promoted(place: Place, tmp_path: Path) -> None:
    for path in place.archive.rglob("*"):
        if path.is_file():
            LocalArchive(tmp_path).write(path.relative_to(place.archive).as_posix(), path.read_bytes())
    (weights,) = (tmp_path / MODELS_ROOT).glob("*/linear_regression/*/model.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match="damaged"):
        run(
            "models",
            "promote",
            "linear_regression",
            "--network",
            str(place.network),
            "--archive-url",
            tmp_path.as_uri(),
        )


@pytest.mark.slow
def test_models_that_come_with_metrla_are_evaluated_and_installed(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pretrained.PretrainedModels.__init__, "__defaults__", (place.archive / MODELS_ROOT,))
    said = run("evaluate", *place.arguments[:4], "--pretrained", "--no-robustness")
    assert "linear_regression" in said
    network_id = str(place.roads.network_id)
    installed = run("models", "install", network_id, "--archive-url", tmp_path.as_uri())
    assert len(installed.splitlines()) == 2
    rows = json.loads(
        run("models", "list", "--network", network_id, "--archive-url", tmp_path.as_uri(), "--format", "json")
    )
    assert [row["role"] for row in rows] == ["champion", "challenger"]


def test_models_that_come_with_metrla_cannot_be_changed(tmp_path: Path) -> None:
    shipped = PretrainedModels(tmp_path)
    changes: list[Callable[[], object]] = [
        lambda: shipped.write("a", b""),
        lambda: shipped.delete("a"),
        shipped.ping,
        lambda: shipped.read("a"),
    ]
    for change in changes:
        with pytest.raises(ArchiveError):
            change()
    assert shipped.networks == []


def test_a_study_leaves_the_logs_as_they_were() -> None:
    before = structlog.get_config()
    with open_models(None, pretrained=True):
        assert structlog.get_config() != before
    assert structlog.get_config() == before


@pytest.mark.slow
def test_a_refit_is_evaluated_as_what_it_is_a_refit_of(place: Place, tmp_path: Path) -> None:
    where = (*place.arguments[:4], "--archive-url", tmp_path.as_uri())
    said = run("train", *where, "--models", "linear_regression", "--work", str(tmp_path / "work"))
    assert "a refit of these models to all of the history" in said
    figures = tmp_path / "figures.json"
    run("evaluate", *where, "--no-robustness", "--json", str(figures))
    again, before = (
        json.loads(figures.read_bytes()),
        json.loads(
            run(
                "models",
                "show",
                "linear_regression",
                "--network",
                str(place.network),
                "--archive-url",
                tmp_path.as_uri(),
            )
        ),
    )
    assert before["serves"] == "refit"
    assert again["models"]["linear_regression"]["version"] == before["judged_version"] < before["version"]
    assert again["horizons"]["linear_regression"]["60"]["mae"] == pytest.approx(before["results"]["test"]["60"]["mae"])
