"""Recordings to feed a pipeline with."""

import csv
import math
from datetime import timedelta
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from typer.testing import CliRunner

from metrla.cli.network import app as network_commands
from metrla.data.simulation.simulator import Simulator
from shared.events.records import SensorId
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.e2e.pipeline import FIRST_DAY, REPLAYED_DAY, Recorded
from tests.kit.places import METR_LA

DAY = timedelta(days=1)


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """Fifteen days of the example network in five-minute means, the last with gaps."""
    network = load_network(EXAMPLE_NETWORK)
    windows = timedelta(days=15) // network.window
    speeds = Simulator(network, seed=11).speeds(FIRST_DAY, windows)
    # What a published file cannot say, it has not: two decimals, and 0 for what is missing.
    speeds = speeds.round(2)
    speeds[-288::17, ::5] = math.nan
    times = [FIRST_DAY + step * network.window for step in range(windows)]
    file = tmp_path_factory.mktemp("recorded") / "speeds.csv"
    with file.open("w", newline="") as out:
        table = csv.writer(out)
        table.writerow(["", *(sensor.sensor_id for sensor in network.sensors)])
        for when, row in zip(times, speeds, strict=True):
            table.writerow([when.strftime("%Y-%m-%d %H:%M:%S"), *(0 if math.isnan(speed) else speed for speed in row)])
    readings = {
        (sensor.sensor_id, when): float(speeds[step, column])
        for step, when in enumerate(times)
        if when >= REPLAYED_DAY
        for column, sensor in enumerate(network.sensors)
        if not math.isnan(speeds[step, column])
    }
    return Recorded(file, EXAMPLE_NETWORK, REPLAYED_DAY.isoformat(), (REPLAYED_DAY + DAY).isoformat(), readings)


@pytest.fixture(scope="session")
def metr_la_day(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """METR-LA on 2012-05-02, with the network that `metrla network import` makes of its published files."""
    file = METR_LA / "speeds.parquet"
    if not file.exists():
        pytest.skip(f"METR-LA is not there: {file} (METRLA_DATA)")
    network = tmp_path_factory.mktemp("metr-la") / "metr-la"
    arguments = [
        "--sensors",
        str(METR_LA / "sensors.csv"),
        "--edges",
        str(METR_LA / "adjacency.csv"),
        "--id",
        "metr-la",
    ]
    arguments += ["--time-zone", "America/Los_Angeles", "--out", str(network)]
    assert CliRunner().invoke(network_commands, ["import", *arguments]).exit_code == 0
    day = pd.read_parquet(file).loc["2012-05-02"].tz_localize(ZoneInfo("America/Los_Angeles"))
    assert day.size == 59_616
    readings = {
        (SensorId(str(sensor_id)), pd.Timestamp(str(when)).to_pydatetime()): float(speed)
        for sensor_id, speeds in day.items()
        for when, speed in speeds[speeds != 0].items()
    }
    return Recorded(file, network, "2012-05-02", "2012-05-03", readings)
