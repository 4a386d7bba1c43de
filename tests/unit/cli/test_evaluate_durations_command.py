"""Estimated durations of a recording's congestion, judged by one command."""

import json
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from typer.testing import CliRunner

from metrla.cli.main import app
from metrla.data.importing.folder import write_network
from tests.kit.networks import along, network_of

NETWORK = network_of(*along("I-10 E", "abcdefgh", (mile / 2 for mile in range(8)), 1 / 60, "Exit {number}", 4))
DAYS, PER_DAY = 6, 288


def evaluate(folder: Path, *more: str) -> tuple[int, str]:
    """A queue every afternoon, half an hour longer each day."""
    speeds = 65 + np.random.default_rng(1).normal(0, 1.5, (DAYS * PER_DAY, 8))
    for day in range(DAYS):
        first = day * PER_DAY + 192
        speeds[first : first + 12 + 6 * day, 4:6] -= 40
    index = [datetime(2026, 3, 2) + row * timedelta(minutes=5) for row in range(len(speeds))]  # noqa: DTZ001 - local
    write_network(NETWORK, folder / "network")
    names = [sensor.sensor_id for sensor in NETWORK.sensors]
    pd.DataFrame(speeds, index=pd.DatetimeIndex(index), columns=names).to_parquet(folder / "speeds.parquet")
    here = ("--data", str(folder / "speeds.parquet"), "--network", str(folder / "network"))
    result = CliRunner().invoke(app, ["evaluate-durations", *here, *more])
    return result.exit_code, f"{result.output}{result.exception or ''}"


def test_estimates_are_told_by_age(tmp_path: Path) -> None:
    code, said = evaluate(tmp_path, "--tuning-days", "3", "--json", str(tmp_path / "figures.json"))
    assert code == 0, said
    assert "Estimated durations of congestion, minutes, from 2026-03-05 on" in said
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures[0]["from_minutes"] == 0.0
    assert sum(row["count"] for row in figures) >= 3
    assert all(0 <= row["coverage"] <= 1 and row["pinball"] >= 0 for row in figures)


def test_a_recording_without_later_days_is_refused(tmp_path: Path) -> None:
    code, said = evaluate(tmp_path, "--tuning-days", "60")
    assert code != 0
    assert "after the first 60 days" in said
