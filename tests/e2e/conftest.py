"""Recordings to feed a pipeline with."""

import csv
import math
from datetime import timedelta

import pytest

from shared.networks.folder import EXAMPLE_NETWORK, load_network
from shared.networks.simulation.simulator import Simulator
from tests.e2e.pipeline import FIRST_DAY, REPLAYED_DAY, Recorded


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
    return Recorded(file, readings)
