import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from metrla.cli.main import app
from metrla.data.importing.folder import write_network
from metrla.data.simulation.simulator import Simulator
from metrla.lab.expectations import ProbabilityTally
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

START, DAYS = datetime(2026, 3, 2, 8, tzinfo=UTC), 10


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_what_was_told_stands_beside_what_came() -> None:
    tally = ProbabilityTally()
    told = np.array([0.82, 0.86, 0.99, 0.99, np.nan, 0.01])
    tally.add(15, told, np.array([1.0, 0.0, 1.0, np.nan, 1.0, 0.0]))
    tally.add(15, np.array([0.84]), np.array([1.0]))
    tally.add(30, np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert tally.table() == [
        {"minutes": 15, "from": 0.0, "to": 0.05, "forecasts": 1, "said": 0.01, "came": 0.0},
        {"minutes": 15, "from": 0.8, "to": 0.9, "forecasts": 3, "said": 0.84, "came": 0.667},
        {"minutes": 15, "from": 0.95, "to": 1.0, "forecasts": 1, "said": 0.99, "came": 1.0},
        {"minutes": 30, "from": 0.0, "to": 0.05, "forecasts": 1, "said": 0.0, "came": 0.0},
        {"minutes": 30, "from": 0.95, "to": 1.0, "forecasts": 1, "said": 1.0, "came": 1.0},
    ]


@pytest.mark.slow
def test_expectations_are_told_in_tables_and_json(tmp_path: Path) -> None:
    whole = load_network(EXAMPLE_NETWORK)
    road = next(iter(whole.carriageways.values()))[:8]
    names = {sensor.sensor_id for sensor in road}
    edges = tuple(edge for edge in whole.edges if {edge.from_sensor, edge.to_sensor} <= names)
    network = replace(whole, sensors=road, edges=edges)
    write_network(network, tmp_path / "network")
    local = START.astimezone(whole.time_zone).replace(tzinfo=None)
    speeds = Simulator(network, 1).speeds(START, DAYS * 288)
    index = pd.DatetimeIndex([local + row * timedelta(minutes=5) for row in range(len(speeds))])
    data = tmp_path / "speeds.parquet"
    pd.DataFrame(speeds, index=index, columns=[sensor.sensor_id for sensor in road]).to_parquet(data)
    here = ("--data", str(data), "--network", str(tmp_path / "network"))
    archive = ("--archive-url", (tmp_path / "archive").as_uri())
    run("train", *here, *archive, "--models", "linear_regression", "--work", str(tmp_path / "work"))
    said = run("evaluate-expectations", *here, *archive, "--every-days", "1", "--json", str(tmp_path / "figures.json"))
    assert "linear_regression" in said
    assert "per day)" in said
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["model"][0] == "linear_regression"
    assert figures["days"] >= 1
    assert figures["origins"] == figures["days"] * 288
    assert figures["alerts"] == len(figures["each"])
    assert {row["minutes"] for row in figures["probabilities"]} == {15, 30, 60}
    for alert in figures["each"]:
        assert alert["said"] >= 0.5
        assert alert["came"] == (alert["warning_minutes"] is not None)
